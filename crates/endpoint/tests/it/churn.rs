//! Many connections and requests at once: none is lost, none is mixed up.

use crate::fixture::Running;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_belong_to_their_requests() {
    let server = Running::with(|limits| limits.workers = std::num::NonZeroUsize::new(2).unwrap()).await;
    let mut clients = Vec::new();
    for client in 0..16 {
        let mut connection = server.open().await;
        clients.push(tokio::spawn(async move {
            for number in 0..40 {
                // Pipelined in pairs: an app host and the platform on one connection.
                let body = format!("{client}-{number}");
                let request = format!(
                    "POST /{client}/{number} HTTP/1.1\r\nhost: app-{client}.vybe.test\r\ncontent-length: {}\r\n\r\n{body}\
                     GET /public/{number} HTTP/1.1\r\nhost: vybe.test\r\n\r\n",
                    body.len()
                );
                let answer = connection.exchange(request).await.unwrap().text();
                assert!(answer.starts_with(&format!("app-{client} POST /{client}/{number} ")), "{answer}");
                assert!(answer.ends_with(&format!("\n\n{body}")), "{answer}");
                assert_eq!(connection.response().await.unwrap().json()["label"], serde_json::Value::Null);
            }
        }));
    }
    for client in clients {
        client.await.unwrap();
    }
    assert_eq!(server.requests().len(), 16 * 40);
}
