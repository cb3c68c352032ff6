//! A database that goes away while the platform serves, and comes back.

use std::time::{Duration, Instant};

use test_support::{PostgresServer, RawConnection, Response};

use crate::platform::Platform;

#[test]
fn a_lost_database_means_503_with_retry_after_and_no_restart() {
    let mut server = PostgresServer::start();
    let address = server.url("postgres");
    test_support::run(async {
        let database = migrations::connect(&address).await.unwrap();
        let platform = Platform::on(database).await;
        let owner = platform.signed_in("owner").await;
        assert_eq!(owner.open(&platform.app_url("hello", "/")).await.status, 200);
        let list = "/api/v1/organizations";
        assert_eq!(owner.call("GET", list, None).await.status, 200);

        server.stop();
        let asked = Instant::now();
        let lost = owner.call("GET", list, None).await;
        assert_eq!(lost.status, 503, "{}", lost.text());
        assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
        assert!(lost.header("retry-after").is_some());
        assert_eq!(lost.json()["code"], "unavailable");
        for word in ["postgres", "sqlx", "socket", "127.0.0.1"] {
            assert!(!lost.text().to_lowercase().contains(word), "{}", lost.text());
        }
        let ready = readiness(&platform).await;
        assert_eq!(ready.status, 503, "{}", ready.text());
        let checks = ready.json()["checks"].clone();
        assert_eq!(
            (&checks["store"]["status"], &checks["schema"]["status"]),
            (&"failed".into(), &"failed".into())
        );
        assert!(checks["store"]["why"].as_str().is_some_and(|why| why.contains("store")), "{checks}");
        assert!(!ready.text().contains("socket") && !ready.text().contains("postgres"), "{}", ready.text());
        let body = serde_json::json!({ "slug": "lost", "name": "Lost" });
        assert_eq!(owner.call("POST", list, Some(&body)).await.status, 503);
        // Another process may have changed anything meanwhile: what is in memory does not count for long.
        let app = platform.app_url("hello", "/");
        while owner.open_once(&app).await.status == 200 {
            assert!(asked.elapsed() < Duration::from_secs(10));
        }
        let refused = owner.open_once(&app).await;
        assert_eq!(refused.status, 503, "{}", refused.text());
        assert!(refused.header("retry-after").is_some());

        server.resume();
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let answer = owner.call("GET", list, None).await;
            if answer.status == 200 {
                break;
            }
            assert!(Instant::now() < deadline, "{}", answer.text());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let made = owner.call("POST", list, Some(&body)).await;
        assert_eq!(made.status, 201, "{}", made.text());
        while readiness(&platform).await.status != 200 {
            assert!(Instant::now() < deadline, "it is not ready again");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
}

/// What `/readyz` says.
async fn readiness(platform: &Platform) -> Response {
    let admin = platform.demo.running.admin.unwrap();
    let mut connection = RawConnection::plain(admin).await.unwrap();
    connection.exchange("GET /readyz HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap()
}
