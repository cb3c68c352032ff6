//! `/.well-known/security.txt`: served while it holds, and the doctor sees its end coming.

use control_plane::config::Config;
use test_support::RawConnection;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use crate::starting::{Setting, check_failure};

/// An end so far from now.
fn end(days: i64) -> String {
    (OffsetDateTime::now_utc() + Duration::days(days)).truncate_to_second().format(&Rfc3339).unwrap()
}

fn section(expires: &str) -> String {
    format!(
        r#"
[security_txt]
contact = ["mailto:security@example.com", "https://example.com/report"]
expires = "{expires}"
preferred_languages = ["en", "de"]
policy = "https://example.com/security"
"#
    )
}

/// Status, content type and text of the file, as `vybe serve` answers with this configuration.
async fn read(extra: &str) -> (u16, String, String) {
    let mut setting = Setting::new();
    setting.config.push_str(extra);
    let running = control_plane::serve::start(Config::load(Some(&setting.path())).unwrap()).await.unwrap();
    let mut connection = RawConnection::open(running.https, "vybe.test", &setting.trust).await.unwrap();
    let request = "GET /.well-known/security.txt HTTP/1.1\r\nHost: vybe.test\r\nConnection: close\r\n\r\n";
    let answer = connection.exchange(request).await.unwrap();
    let read = (answer.status, answer.header("content-type").unwrap_or_default().to_owned(), answer.text());
    running.stop().await.unwrap();
    read
}

#[test]
fn whoever_found_a_weakness_is_told_whom_to_tell_while_that_holds() {
    test_support::run(async {
        let expires = end(90);
        let (status, content_type, text) = read(&section(&expires)).await;
        assert_eq!((status, content_type.as_str()), (200, "text/plain; charset=utf-8"));
        let expected = format!(
            "Contact: mailto:security@example.com\nContact: https://example.com/report\nExpires: {expires}\n\
             Canonical: https://vybe.test/.well-known/security.txt\nPreferred-Languages: en, de\n\
             Policy: https://example.com/security\n"
        );
        assert_eq!(text, expected);
        assert_eq!(read(&section(&end(-1))).await.0, 404, "expired");
        assert_eq!(read("").await.0, 404, "not configured");
    });
}

#[test]
fn the_doctor_sees_the_end_of_the_security_contact_coming() {
    for (days, said, succeeds) in [
        (31, "ok    security.txt: expires on", true),
        (29, "warn  security.txt: expires on", true),
        (-1, "fail  security.txt: expired on", false),
        (800, "in more than a year -> bring security_txt.expires forward", true),
    ] {
        let mut setting = Setting::new();
        setting.config.push_str(&section(&end(days)));
        let doctor = setting.run(&["doctor"]);
        let findings = String::from_utf8(doctor.stdout).unwrap();
        assert!(findings.contains(said), "{days}: {findings}");
        assert_eq!(doctor.status.success(), succeeds, "{days}: {findings}");
    }
    let doctor = Setting::new().run(&["doctor"]);
    assert!(String::from_utf8(doctor.stdout).unwrap().contains("ok    security.txt: is not served"));
}

#[test]
fn a_security_contact_that_makes_no_valid_file_is_refused() {
    let good = section(&end(90));
    for (from, to, key) in [
        ("mailto:security@example.com", "security@example.com", "security_txt.contact"),
        ("mailto:security@example.com", "http://example.com", "security_txt.contact"),
        ("security@example.com", "a@example.com\\nContact: mailto:b@example.com", "security_txt.contact"),
        (r#"["mailto:security@example.com", "https://example.com/report"]"#, "[]", "security_txt.contact"),
        (r#""https://example.com/security""#, r#""http://example.com/security""#, "security_txt.policy"),
        (r#""de""#, r#""de, fr""#, "security_txt.preferred_languages"),
        ("expires = \"", "expires = \"next ", "vybe.toml, line"),
    ] {
        let mut setting = Setting::new();
        assert!(good.contains(from), "{from}");
        setting.config.push_str(&good.replace(from, to));
        check_failure(&setting.run(&["config", "check"]), &[key]);
    }
}
