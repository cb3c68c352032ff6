//! Methods and content types: what is not declared is not there.

use test_support::Response;

use crate::fixture::{COOKIE, Running};

async fn call(server: &Running, method: &str, target: &str, headers: &str, body: &str) -> Response {
    let mut connection = server.open().await;
    let request = format!(
        "{method} {target} HTTP/1.1\r\nhost: vybe.test\r\n{COOKIE}origin: https://vybe.test\r\n{headers}\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    connection.send(request).await.unwrap();
    if method == "HEAD" {
        return connection.response_without_body().await.unwrap();
    }
    connection.response().await.unwrap()
}

#[tokio::test]
async fn z26_a_write_takes_one_method_and_one_kind_of_body() {
    let server = Running::start().await;
    let json = "content-type: application/json\r\n";
    let good = r#"{"name":"x"}"#;
    let target = "/api/v1/organizations";
    for (method, target, headers, body, status) in [
        ("POST", target, "", good, 415),
        ("POST", target, "content-type: text/plain\r\n", good, 415),
        ("POST", target, "content-type: application/json; charset=utf-7\r\n", good, 415),
        ("POST", target, "content-type: application/x-www-form-urlencoded\r\n", "name=x", 415),
        ("POST", target, "content-type: application/json\r\ncontent-type: text/plain\r\n", good, 415),
        ("POST", target, json, "", 422),
        ("POST", target, json, "{}", 422),
        ("POST", target, json, r#"{"name":"x","name":"y"}"#, 422),
        ("POST", target, json, r#"{"name":"x","role":"owner"}"#, 422),
        ("POST", target, json, r#"{"name":"x"} {}"#, 422),
        ("POST", target, json, r#"{"name":1}"#, 422),
        // Fields by position.
        ("POST", target, json, r#"["x"]"#, 422),
        ("POST", target, json, r#" ["x"]"#, 422),
        ("PUT", target, json, good, 405),
        ("DELETE", target, json, good, 405),
        ("PATCH", target, json, good, 405),
        ("post", target, json, good, 405),
        ("OPTIONS", target, json, good, 405),
        ("BREW", target, json, good, 405),
        ("POST", "/api/v1/organizations/", json, good, 404),
        ("POST", "/api/v1/organizations;x", json, good, 404),
        ("POST", "//api/v1/organizations", json, good, 404),
        ("POST", "/api/v1/Organizations", json, good, 404),
        ("GET", target, json, good, 200),
        ("HEAD", target, json, good, 200),
    ] {
        let answer = call(&server, method, target, headers, body).await;
        assert_eq!(answer.status, status, "{method} {target} {headers:?} {body}: {}", answer.text());
        if status == 405 {
            assert_eq!(answer.header("allow"), Some("GET, HEAD, POST"), "{method}");
        }
    }
    assert!(server.changes().is_empty(), "{:?}", server.changes());
    let overridden = "x-http-method-override: POST\r\nx-method-override: POST\r\n";
    assert_eq!(call(&server, "GET", &format!("{target}?_method=POST"), overridden, "").await.status, 200);
    assert!(server.changes().is_empty());
    assert_eq!(call(&server, "POST", target, json, good).await.status, 201);
    assert_eq!(server.changes(), ["x"]);
}

#[tokio::test]
async fn o25_a_page_that_is_read_is_not_written_to() {
    let server = Running::start().await;
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let answer = call(&server, method, "/public/x", "", "code=1&code=2").await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")), "{method}");
    }
    let doubled = call(&server, "GET", "/api/auth/get-session?fail=1&fail=2", "", "").await;
    assert_eq!(doubled.status, 400);
}

#[tokio::test]
async fn head_is_answered_as_get_without_a_body() {
    let server = Running::start().await;
    let mut connection = server.open().await;
    connection.send("HEAD /public/x HTTP/1.1\r\nhost: vybe.test\r\n\r\n").await.unwrap();
    let head = connection.response_without_body().await.unwrap();
    assert_eq!(head.status, 200);
    // Nothing came after it: the next answer begins at once.
    let answer = connection.exchange("GET /public/x HTTP/1.1\r\nhost: vybe.test\r\n\r\n").await.unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(head.header("content-length"), answer.header("content-length"));
}
