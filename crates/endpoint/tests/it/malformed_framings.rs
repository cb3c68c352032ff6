//! S07 of the security page: a corpus of requests that two readers could frame differently. Each
//! is followed on the same connection by a request that must never become one of its own.

mod corpus;

use self::corpus::{corpus, request};
use crate::fixture::Running;

const FOLLOWER: &[u8] = b"GET /smuggled HTTP/1.1\r\nhost: hello-acme.vybe.test\r\n\r\n";

#[tokio::test]
async fn s07_no_framing_in_doubt_lets_a_second_request_through() {
    let server = Running::start().await;
    let corpus = corpus();
    assert!(corpus.len() >= 76, "{}", corpus.len());
    for (family, bytes) in &corpus {
        let shown = format!("{family}: {}", bytes.escape_ascii());
        let before = server.requests().len();
        let mut connection = server.open().await;
        connection.send([bytes.as_slice(), FOLLOWER, FOLLOWER].concat()).await.unwrap();
        let answer = connection.response().await.unwrap_or_else(|error| panic!("{shown}: {error}"));
        assert!((400..=499).contains(&answer.status) || answer.status == 505, "{shown}: {}", answer.status);
        // Whoever answers before the body broke off cannot know that the connection will end.
        assert!(*family == "chunks" || answer.header("connection") == Some("close"), "{shown}");
        assert!(connection.is_closed().await, "{shown}: the connection goes on");
        // A body that breaks off may have begun to reach the gateway; nothing else may.
        let seen = server.requests().split_off(before);
        let harmless = seen.is_empty() || (*family == "chunks" && seen == ["hello-acme POST /x"]);
        assert!(harmless, "{shown}: {seen:?}");
    }
    // The controls: the same builder, without the doubt, and the follower is a request of its own.
    for (headers, body) in
        [("content-length: 5\r\n", "hello"), ("transfer-encoding: chunked\r\n", "0\r\n\r\n")]
    {
        let before = server.requests().len();
        let mut connection = server.open().await;
        let sound = request(b"POST /x HTTP/1.1\r\n", &[headers.as_bytes()], body.as_bytes());
        connection.send([sound.as_slice(), FOLLOWER].concat()).await.unwrap();
        assert_eq!(connection.response().await.unwrap().status, 200);
        assert_eq!(connection.response().await.unwrap().status, 200);
        let seen = server.requests().split_off(before);
        assert_eq!(seen, ["hello-acme POST /x", "hello-acme GET /smuggled"]);
    }
}
