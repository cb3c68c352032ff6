//! Who gets through to an app, and what everybody else is told.

use crate::house::{HELLO, House, PRIVATE};

const PAGE: &str = "accept: text/html,*/*;q=0.8\r\n";

#[tokio::test]
async fn a_member_reaches_the_app() {
    let house = House::build().await;
    let answer = house.ask("GET /hello?x=1", "").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let seen = house.upstream.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].target(), "/hello?x=1");
    assert_eq!(answer.text(), seen[0].head, "the body passes unchanged");
    assert_eq!(answer.header("content-length").unwrap(), seen[0].head.len().to_string());
    assert_eq!(answer.header("transfer-encoding"), None);
}
