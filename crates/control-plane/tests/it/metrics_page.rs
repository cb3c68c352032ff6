//! The page of metrics, which is made of the source, beside what a platform answers.

use control_plane::config::Config;
use test_support::RawConnection;

use crate::starting::Setting;

const PAGE: &str = include_str!("../../../../docs/reference/metrics.md");

#[test]
fn every_metric_that_is_answered_is_on_the_page_as_what_it_is() {
    test_support::run(async {
        let setting = Setting::new();
        let running =
            control_plane::serve::start(Config::load(Some(&setting.path())).unwrap()).await.unwrap();
        let mut connection = RawConnection::plain(running.admin.unwrap()).await.unwrap();
        let request = "GET /metrics HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n";
        let answer = connection.exchange(request).await.unwrap().text();
        let mut seen = 0;
        for line in answer.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
            let (name, kind) = line.split_once(' ').unwrap();
            let row = PAGE.lines().find(|row| row.starts_with(&format!("| `{name}` | {kind} |")));
            let help = answer.lines().find_map(|line| line.strip_prefix(&format!("# HELP {name} "))).unwrap();
            assert!(
                row.is_some_and(|row| row.contains(help)),
                "{name}, {kind}: run `cargo xtask write-reference`"
            );
            seen += 1;
        }
        assert!(seen >= 8, "{answer}");
        running.stop().await.unwrap();
    });
}
