//! The end of grants.

use std::time::Duration;

use catalogue::Values;
use service_client::RevokeError;

use crate::service_server::{Manner, Reply, ServiceServer, oauth, oauth_client, values};
use crate::tokens::tokens;

#[tokio::test]
async fn grants_are_revoked_in_every_way_that_services_have() {
    let server = ServiceServer::answering(&["auth.example.com"], Reply::new(200, "")).await;
    let client = server.client();
    let revoke = async |revocation: &str, url: &str, token_request: &str| {
        let entry = oauth(
            "",
            token_request,
            &format!(
                "[authentication.revocation]\nurl = \"https://auth.example.com/revoke{url}\"\n{revocation}"
            ),
        );
        let done = client
            .revoke(&entry, Some(&oauth_client()), &Values::new(), &tokens(Some("invented-refresh-0")))
            .await;
        (done, server.asked().pop())
    };
    let (done, asked) = revoke("", "", "").await;
    let asked = asked.unwrap();
    assert_eq!(done, Ok(()));
    assert_eq!(asked.header("authorization"), Some("Basic b3VyLWNsaWVudDpvdXItY2xpZW50LXNlY3JldA=="));
    assert_eq!(
        asked.form().into_iter().collect::<Values>(),
        values(&[("token", "invented-refresh-0"), ("token_type_hint", "refresh_token")])
    );

    let asked = revoke("by_refresh_token = false", "", "client_authentication = \"body\"").await.1.unwrap();
    assert_eq!(
        asked.form().into_iter().collect::<Values>(),
        values(&[
            ("token", "invented-access-0"),
            ("token_type_hint", "access_token"),
            ("client_id", "our-client"),
            ("client_secret", "our-client-secret")
        ])
    );
    let asked = revoke("kind = \"token_only\"", "", "").await.1.unwrap();
    assert_eq!(
        (asked.form(), asked.header("authorization")),
        (vec![("token".to_owned(), "invented-refresh-0".to_owned())], None)
    );
    let asked = revoke("kind = \"token_only\"", "?token={token}", "").await.1.unwrap();
    assert_eq!(
        (asked.method.as_str(), asked.target.as_str(), asked.body.is_empty()),
        ("POST", "/revoke?token=invented-refresh-0", true)
    );
    for (kind, method) in [("post_as_bearer", "POST"), ("delete_as_bearer", "DELETE")] {
        let asked = revoke(&format!("kind = \"{kind}\""), "/{client_id}", "").await.1.unwrap();
        assert_eq!((asked.method.as_str(), asked.target.as_str()), (method, "/revoke/our-client"));
        assert_eq!(asked.header("authorization"), Some("Bearer invented-access-0"));
        assert!(asked.body.is_empty());
    }
    let asked = revoke("kind = \"get_with_token\"", "", "").await.1.unwrap();
    assert_eq!((asked.method.as_str(), asked.target.as_str()), ("GET", "/revoke?token=invented-refresh-0"));
    let asked =
        revoke("kind = \"get_with_token\"\nby_refresh_token = false", "?t={token}", "").await.1.unwrap();
    assert_eq!(asked.target, "/revoke?t=invented-access-0");
    let asked = revoke("kind = \"delete_as_client\"", "", "").await.1.unwrap();
    assert_eq!(
        (asked.method.as_str(), asked.json()),
        ("DELETE", serde_json::json!({ "access_token": "invented-access-0" }))
    );
    assert_eq!(asked.header("authorization"), Some("Basic b3VyLWNsaWVudDpvdXItY2xpZW50LXNlY3JldA=="));

    for (reply, expected) in [
        (
            Reply::json(400, r#"{"error":"unsupported_token_type"}"#),
            RevokeError::Refused { word: Some("unsupported_token_type".to_owned()) },
        ),
        (Reply::new(404, "gone"), RevokeError::Refused { word: None }),
        (
            Reply::new(429, "").with("Retry-After", "3"),
            RevokeError::Unavailable { retry_after: Some(Duration::from_secs(3)) },
        ),
        (Reply::new(200, "").how(Manner::NoHead), RevokeError::Unavailable { retry_after: None }),
    ] {
        server.next([reply.clone()]);
        assert_eq!(revoke("", "", "").await.0, Err(expected), "{reply:?}");
    }
    server.next([Reply::json(200, r#"{"ok":false,"error":"fatal"}"#)]);
    assert_eq!(
        revoke("", "", "success = \"/ok\"").await.0,
        Err(RevokeError::Refused { word: Some("fatal".to_owned()) })
    );
    let without =
        client.revoke(&oauth("", "", ""), Some(&oauth_client()), &Values::new(), &tokens(None)).await;
    assert_eq!(without, Err(RevokeError::NotRevocable));
}
