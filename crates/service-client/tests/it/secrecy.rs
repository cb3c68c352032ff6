//! Nothing of a credential comes back.

use std::time::Duration;

use bytes::Bytes;
use catalogue::{Service, Values};
use http::Method;
use service_client::{Call, CallLimits, Credentials, SecretText, ServiceClient, Tokens};

use crate::service_server::{Asked, Manner, Reply, ServiceServer, oauth, oauth_client, service};

const SECRETS: &[&str] =
    &["canary/access+1==", "canary-refresh-1", "our-client-secret", "canary-password", "canary-key-1"];

/// Every form that a test may find again: of the text, in URLs, in JSON, behind Basic.
fn traces() -> Vec<String> {
    let mut traces: Vec<String> = SECRETS.iter().map(|&secret| secret.to_owned()).collect();
    traces.extend(
        [
            "canary%2Faccess",
            "canary\\/access",
            "canary/access",
            "Y2FuYXJ5L2FjY2Vzcys",
            // me:canary-password
            "bWU6Y2FuYXJ5LXBhc3N3b3Jk",
        ]
        .map(str::to_owned),
    );
    traces
}

fn assert_clean(what: &str, text: &str) {
    for trace in traces() {
        assert!(!text.contains(&trace), "{what}: {trace} in {text}");
    }
}

/// A service that answers with all that it was sent, in several writings.
fn echo(asked: &Asked) -> Reply {
    let text = asked.echo();
    let json = serde_json::to_string(&text).unwrap();
    let body = format!(
        "{text}\n{json}\n{}\n{}",
        json.replace('/', "\\/"),
        url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>()
    );
    let status = if asked.method == "POST" { 400 } else { 200 };
    Reply::new(status, body)
        .with("X-Echo", asked.header("authorization").unwrap_or("none"))
        .with("X-Echo-Target", &asked.target)
        .how(Manner::Chunks(7, Duration::ZERO))
}

async fn all(client: &ServiceClient, entry: &Service, credentials: &Credentials) -> String {
    let mut texts = String::new();
    for method in [Method::GET, Method::POST] {
        let mut call = Call::new(method, "/echo");
        call.body = Some(Bytes::from_static(b"{\"a\":1}"));
        let answer =
            client.send(entry, &Values::new(), credentials, Some(&oauth_client()), call).await.unwrap();
        texts.push_str(&format!("{answer:?}"));
        let body = answer.body.whole(1 << 20).await.unwrap();
        assert!(body.windows(9).any(|window| window == b"[removed]"));
        texts.push_str(&String::from_utf8_lossy(&body));
    }
    texts
}

#[tokio::test]
async fn i06_a_service_that_echoes_does_not_give_the_token_away() {
    let server = ServiceServer::start(&["api.example.com"], echo).await;
    let client = server.client();
    let tokens = Credentials::Tokens(Tokens {
        access: SECRETS[0].into(),
        refresh: Some(SECRETS[1].into()),
        secrets: service_client::Secrets::new(),
    });
    assert_clean("bearer", &all(&client, &oauth("", "", ""), &tokens).await);
    for placement in [
        "place = \"header\", name = \"X-Key\", format = \"{api_key}\"",
        "place = \"query\", name = \"key\", format = \"{api_key}\"",
        "place = \"cookie\", name = \"key\", format = \"{api_key}\"",
        "place = \"json_body\", name = \"key\", format = \"{api_key}\"",
        "place = \"basic\", name = \"Authorization\", format = \"{api_key}:\"",
    ] {
        let entry =
            service("[authentication]\nkind = \"api_key\"", &format!("credential = [{{ {placement} }}]"));
        for key in [SECRETS[0], SECRETS[4]] {
            if placement.contains("cookie") && key.contains('=') {
                continue;
            }
            assert_clean(placement, &all(&client, &entry, &Credentials::ApiKey(key.into())).await);
        }
    }
    let basic = service("[authentication]\nkind = \"basic\"\npassword_label = \"Password\"", "");
    let credentials = Credentials::Basic { user: "me".to_owned(), password: SECRETS[3].into() };
    let texts = all(&client, &basic, &credentials).await;
    assert_clean("basic", &texts);
    // It did go out.
    assert!(server.asked().iter().any(|asked| asked.echo().contains(SECRETS[0])));
    assert!(server.asked().iter().any(|asked| asked.echo().contains("Basic bWU6Y2FuYXJ5LXBhc3N3b3Jk")));
}

#[tokio::test]
async fn i06_errors_of_a_token_endpoint_do_not_give_the_token_away() {
    let server = ServiceServer::start(&["auth.example.com"], |asked| {
        let told = serde_json::json!({ "error": "canary-refresh-1", "error_description": asked.echo() });
        Reply::json(400, told.to_string())
    })
    .await;
    let client = server.client();
    let tokens = Credentials::Tokens(Tokens {
        access: SECRETS[0].into(),
        refresh: Some(SECRETS[1].into()),
        secrets: service_client::Secrets::new(),
    });
    let revocable = oauth("", "", "[authentication.revocation]\nurl = \"https://auth.example.com/revoke\"");
    let refused =
        client.refresh(&revocable, Some(&oauth_client()), &Values::new(), &tokens).await.unwrap_err();
    assert_clean("refresh", &format!("{refused:?} {refused}"));
    let refused =
        client.revoke(&revocable, Some(&oauth_client()), &Values::new(), &tokens).await.unwrap_err();
    assert_clean("revoke", &format!("{refused:?} {refused}"));
}

#[test]
fn secrets_are_printed_nowhere_and_open_again() {
    let all = [
        Credentials::Tokens(Tokens {
            access: SECRETS[0].into(),
            refresh: Some(SECRETS[1].into()),
            secrets: service_client::Secrets::from([(
                "private_key".to_owned(),
                SecretText::from(SECRETS[3]),
            )]),
        }),
        Credentials::ApiKey(SECRETS[4].into()),
        Credentials::Bearer(SECRETS[4].into()),
        Credentials::Basic { user: "me".to_owned(), password: SECRETS[3].into() },
        Credentials::Secrets([("a".to_owned(), SecretText::from(SECRETS[4]))].into()),
        Credentials::Oauth1 { token: SECRETS[0].into(), secret: SECRETS[1].into() },
        Credentials::None,
    ];
    for credentials in &all {
        assert_clean("debug", &format!("{credentials:?} {credentials:#?}"));
        let sealed = credentials.to_bytes();
        let opened = Credentials::from_bytes(&sealed).unwrap();
        assert_eq!(opened.to_bytes().reveal(), sealed.reveal());
        assert_eq!(std::mem::discriminant(&opened), std::mem::discriminant(credentials));
        for bytes in [&sealed.reveal()[1..], &[], &[2], &[1, b'{']] {
            assert!(Credentials::from_bytes(&cryptography::SecretBytes::copy_of(bytes)).is_err());
        }
    }
    assert_clean("client", &format!("{:?}", oauth_client()));
}

#[tokio::test]
async fn a_stream_is_not_held_back() {
    let server = ServiceServer::answering(
        &["api.example.com"],
        Reply::new(200, "data: 1\n\ndata: 2\n\n").how(Manner::Chunks(9, Duration::from_secs(3600))),
    )
    .await;
    let entry = service("[authentication]\nkind = \"bearer_token\"", "");
    let call = Call {
        limits: CallLimits { within: Duration::from_secs(3600), most_bytes: 1000 },
        ..Call::new(Method::GET, "/")
    };
    let mut answer = server
        .client()
        .send(&entry, &Values::new(), &Credentials::Bearer(SECRETS[0].into()), None, call)
        .await
        .unwrap();
    let first = futures_util::StreamExt::next(&mut answer.body).await.unwrap().unwrap();
    assert_eq!(&first[..], b"data: 1\n\n");
}
