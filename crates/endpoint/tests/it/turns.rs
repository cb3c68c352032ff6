//! S07 of the security page: which answer belongs to which request, when several are sent at once.

use crate::fixture::Running;

#[tokio::test]
async fn s07_a_request_behind_does_not_change_the_answer_before_it() {
    let server = Running::start().await;
    let ask = |method: &str, target: &str, more: &str| {
        format!("{method} {target} HTTP/1.1\r\nhost: hello-acme.vybe.test\r\n{more}\r\n")
    };
    let socket = "connection: upgrade\r\nupgrade: websocket\r\n";
    let old = "GET /old HTTP/1.0\r\nhost: hello-acme.vybe.test\r\n\r\n".to_owned();
    let platform = "HEAD /public/a HTTP/1.1\r\nhost: vybe.test\r\n\r\n".to_owned();
    let behind = [
        ask("HEAD", "/behind", ""),
        ask("GET", "/behind", "connection: close\r\n"),
        ask("GET", "/tunnel", socket),
        ask("PUT", "/refuse", "expect: 100-continue\r\ncontent-length: 3\r\n"),
        "GET /bad HTTP/1.1\r\n bad\r\n\r\n".to_owned(),
        old,
        platform,
    ];
    for behind in &behind {
        for target in ["/x", "/slow"] {
            let mut connection = server.open().await;
            connection.send(format!("{}{behind}", ask("GET", target, ""))).await.unwrap();
            let first = connection.response().await.unwrap();
            assert_eq!(first.status, 200, "{target} before {behind}");
            assert!(!first.body.is_empty(), "{target} lost its body to {behind}");
            assert_eq!(first.header("connection"), None, "{target} before {behind}");
        }
    }
    // HEAD has no body, whatever follows it.
    for head in [ask("HEAD", "/x", ""), "HEAD /public/a HTTP/1.1\r\nhost: vybe.test\r\n\r\n".to_owned()] {
        let mut connection = server.open().await;
        connection.send(format!("{head}{}", ask("GET", "/y", ""))).await.unwrap();
        assert_eq!(connection.response_without_body().await.unwrap().status, 200);
        let second = connection.response().await.unwrap();
        assert_eq!(second.status, 200);
        assert!(second.text().contains("GET /y"), "{}", second.text());
    }
}

#[tokio::test]
async fn s07_many_requests_at_once_are_answered_in_turn() {
    let server = Running::start().await;
    let mut connection = server.open().await;
    let all: String = (0..300)
        .map(|number| {
            format!(
                "POST /{number} HTTP/1.1\r\nhost: hello-acme.vybe.test\r\nx: {}\r\ncontent-length: 4\r\n\r\nbody",
                "y".repeat(number)
            )
        })
        .collect();
    connection.send(all).await.unwrap();
    for number in 0..300 {
        let answer = connection.response().await.unwrap();
        assert!(answer.text().contains(&format!("POST /{number} ")), "{number}: {}", answer.text());
    }
}

#[tokio::test]
async fn a_client_that_leaves_with_requests_waiting_ends_the_one_under_way() {
    let server = Running::start().await;
    let mut connection = server.open().await;
    let ask = |target: &str| format!("GET {target} HTTP/1.1\r\nhost: hello-acme.vybe.test\r\n\r\n");
    connection.send(format!("{}{}", ask("/hang"), ask("/behind"))).await.unwrap();
    while server.requests().is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    drop(connection);
    assert!(server.was_dropped().await);
    assert_eq!(server.requests().len(), 1, "{:?}", server.requests());
}
