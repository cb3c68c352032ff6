//! Token requests: how they are written, and what their answers mean.

use std::collections::BTreeSet;
use std::time::Duration;

use catalogue::{Service, Values};
use service_client::{Credentials, Granted, NotSent, SecretText, ServiceClient, TokenError, Tokens};
use url::Url;

use crate::service_server::{Asked, Manner, Reply, ServiceServer, oauth, oauth_client, values};

const ANSWER: &str = r#"{"access_token":"invented-access-1","refresh_token":"invented-refresh-1","expires_in":3600,"scope":"read write","token_type":"bearer"}"#;

fn redirect() -> Url {
    Url::parse("https://platform.example/integrations/callback").unwrap()
}

pub fn tokens(refresh: Option<&str>) -> Credentials {
    Credentials::Tokens(Tokens {
        access: "invented-access-0".into(),
        refresh: refresh.map(SecretText::from),
        secrets: service_client::Secrets::new(),
    })
}

fn texts(granted: &Granted) -> (String, Option<String>) {
    match &granted.credentials {
        Credentials::Tokens(tokens) => (
            tokens.access.reveal().to_owned(),
            tokens.refresh.as_ref().map(|token| token.reveal().to_owned()),
        ),
        other => panic!("{other:?}"),
    }
}

async fn refresh(client: &ServiceClient, entry: &Service) -> Result<Granted, TokenError> {
    client.refresh(entry, Some(&oauth_client()), &Values::new(), &tokens(Some("invented-refresh-0"))).await
}

#[tokio::test]
async fn a_code_is_exchanged_with_its_proof_key() {
    let server = ServiceServer::answering(&["auth.example.com"], Reply::json(200, ANSWER)).await;
    let client = server.client();
    let entry =
        oauth("required_scopes = [\"offline\"]\nauthorize_parameters = { prompt = \"consent\" }", "", "");
    let asked = BTreeSet::from(["write".to_owned(), "read".to_owned()]);
    let request = client
        .authorize(&entry, &oauth_client(), &Values::new(), &asked, &redirect(), "the-state")
        .await
        .unwrap();
    assert_eq!(server.connections(), 0);
    let query: Values = request.url.query_pairs().into_owned().collect();
    assert!(request.url.as_str().starts_with("https://auth.example.com/authorize?"));
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "our-client"),
        ("state", "the-state"),
        ("redirect_uri", redirect().as_str()),
        ("scope", "offline read write"),
        ("prompt", "consent"),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(query.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert_eq!(query.len(), 8, "{query:?}");

    let verifier = request.verifier.unwrap();
    let granted = client
        .exchange_code(
            &entry,
            &oauth_client(),
            &Values::new(),
            &redirect(),
            Some(&verifier),
            &values(&[("code", "the-code"), ("state", "the-state")]),
        )
        .await
        .unwrap();
    assert_eq!(texts(&granted), ("invented-access-1".to_owned(), Some("invented-refresh-1".to_owned())));
    assert_eq!(granted.expires_in, Some(Duration::from_secs(3600)));
    assert_eq!(granted.scopes, Some(asked));
    let [asked] = <[Asked; 1]>::try_from(server.asked()).unwrap();
    assert_eq!((asked.method.as_str(), asked.target.as_str()), ("POST", "/token"));
    // our-client:our-client-secret
    assert_eq!(asked.header("authorization"), Some("Basic b3VyLWNsaWVudDpvdXItY2xpZW50LXNlY3JldA=="));
    assert_eq!(asked.header("accept"), Some("application/json"));
    let form: Values = asked.form().into_iter().collect();
    let digest = ring::digest::digest(&ring::digest::SHA256, form["code_verifier"].as_bytes());
    use base64::Engine as _;
    assert_eq!(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest), query["code_challenge"]);
    assert_eq!(form["grant_type"], "authorization_code");
    assert_eq!(form["code"], "the-code");
    assert_eq!(form["redirect_uri"], redirect().as_str());
    assert_eq!(form.len(), 4, "{form:?}");
}

#[tokio::test]
async fn a_redirect_without_a_code_is_not_sent() {
    let server = ServiceServer::answering(&["auth.example.com"], Reply::json(200, ANSWER)).await;
    let exchange = async |verifier: Option<SecretText>, callback: &[(&str, &str)]| {
        server
            .client()
            .exchange_code(
                &oauth("", "", ""),
                &oauth_client(),
                &Values::new(),
                &redirect(),
                verifier.as_ref(),
                &values(callback),
            )
            .await
            .unwrap_err()
    };
    assert_eq!(
        exchange(Some("v".into()), &[("error", "access_denied")]).await,
        TokenError::NotSent(NotSent::Code)
    );
    assert_eq!(exchange(None, &[("code", "c")]).await, TokenError::NotSent(NotSent::Code));
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn requests_are_written_as_the_entry_says() {
    let server =
        ServiceServer::answering(&["auth.example.com", "other.example.com"], Reply::json(200, ANSWER)).await;
    let client = server.client();
    let one = async |entry: Service| {
        refresh(&client, &entry).await.unwrap();
        server.asked().pop().unwrap()
    };
    let asked = one(oauth(
        "refresh_url = \"https://other.example.com/refresh?v=1\"",
        "client_authentication = \"body\"\nbody = \"json\"\nparameters = { expires = \"{client_id}\" }\nrefresh_parameters = { grant_type = \"extend\" }\nheaders = { X-Extra = \"yes\" }\nrenamed = { client_id = \"client_key\" }",
        "",
    ))
    .await;
    assert_eq!((asked.host(), asked.target.as_str()), ("other.example.com", "/refresh?v=1"));
    assert_eq!(asked.header("content-type"), Some("application/json"));
    assert_eq!(asked.header("x-extra"), Some("yes"));
    assert_eq!(asked.header("authorization"), None);
    assert_eq!(
        asked.json(),
        serde_json::json!({
            "grant_type": "extend", "refresh_token": "invented-refresh-0", "client_key": "our-client",
            "client_secret": "our-client-secret", "expires": "our-client",
        })
    );
    let asked = one(oauth("", "client_authentication = \"none\"\nrefresh_body = \"query\"", "")).await;
    assert_eq!(asked.method, "GET");
    assert!(asked.body.is_empty());
    let query: Values = asked.query().into_iter().collect();
    assert_eq!(
        query,
        values(&[
            ("grant_type", "refresh_token"),
            ("refresh_token", "invented-refresh-0"),
            ("client_id", "our-client")
        ])
    );
}

#[tokio::test]
async fn an_answer_without_a_refresh_token_leaves_the_old_one() {
    let answer = r#"{"data":{"token":"invented-access-1","ttl":"60000","scopes":["a","b"]},"ok":true}"#;
    let server = ServiceServer::answering(&["auth.example.com"], Reply::json(200, answer)).await;
    let entry = oauth(
        "lifetime = { access = \"answer_milliseconds\" }",
        "access_token = \"/data/token\"\nexpires_in = \"/data/ttl\"\nscope = \"/data/scopes\"\nsuccess = \"/ok\"",
        "",
    );
    let granted = refresh(&server.client(), &entry).await.unwrap();
    assert_eq!(texts(&granted), ("invented-access-1".to_owned(), Some("invented-refresh-0".to_owned())));
    assert_eq!(granted.expires_in, Some(Duration::from_secs(60)));
    assert_eq!(granted.scopes, Some(BTreeSet::from(["a".to_owned(), "b".to_owned()])));
}

#[tokio::test]
async fn a_lifetime_is_believed_only_if_it_is_one() {
    let server = ServiceServer::answering(&["auth.example.com"], Reply::json(200, ANSWER)).await;
    let stated = async |entry: &Service, written: &str| {
        server.next([Reply::json(
            200,
            format!(r#"{{"access_token":"invented-access-1","expires_in":{written}}}"#),
        )]);
        refresh(&server.client(), entry).await.unwrap().expires_in
    };
    let (plain, usual) = (oauth("", "", ""), oauth("lifetime = { access_seconds = 600 }", "", ""));
    for (written, seconds) in
        [("60", 60.0), ("\"60\"", 60.0), ("60.5", 60.5), ("1e3", 1000.0), ("1e18", 315_360_000.0)]
    {
        assert_eq!(stated(&plain, written).await, Some(Duration::from_secs_f64(seconds)), "{written}");
    }
    for written in ["0", "-60", "null", "\"soon\"", "\"2026-11-22T00:00:00Z\"", "1e300", "[]"] {
        assert_eq!(stated(&plain, written).await, None, "{written}");
        assert_eq!(stated(&usual, written).await, Some(Duration::from_secs(600)), "{written}");
    }
    assert_eq!(stated(&oauth("lifetime = { access = \"never\" }", "", ""), "60").await, None);
}

#[tokio::test]
async fn a_form_is_an_answer_too() {
    let answer = "access_token=invented-access-1&scope=repo%2Cuser&token_type=bearer";
    let server = ServiceServer::answering(&["auth.example.com"], Reply::new(200, answer)).await;
    let granted = refresh(&server.client(), &oauth("", "", "")).await.unwrap();
    assert_eq!(texts(&granted).0, "invented-access-1");
    assert_eq!(granted.expires_in, None);
    assert_eq!(granted.scopes, Some(BTreeSet::from(["repo".to_owned(), "user".to_owned()])));
}

#[tokio::test]
async fn what_an_answer_means_decides_what_may_be_done() {
    let server = ServiceServer::answering(&["auth.example.com"], Reply::json(200, ANSWER)).await;
    let client = server.client();
    let strict =
        oauth("", "reconnect_errors = [\"invalid_grant\", \"token_revoked\"]\nsuccess = \"/ok\"", "");
    let plain = oauth("", "", "");
    let refused = |word: &str, reconnect| TokenError::Refused { word: Some(word.to_owned()), reconnect };
    let unavailable =
        |seconds: Option<u64>| TokenError::Unavailable { retry_after: seconds.map(Duration::from_secs) };
    for (entry, reply, expected) in [
        (&plain, Reply::json(400, r#"{"error":"invalid_grant"}"#), refused("invalid_grant", true)),
        (&plain, Reply::json(403, r#"{"error":"invalid_grant"}"#), refused("invalid_grant", true)),
        (&plain, Reply::json(401, r#"{"error":"invalid_client"}"#), refused("invalid_client", false)),
        (&plain, Reply::json(200, r#"{"error":"invalid_grant"}"#), refused("invalid_grant", true)),
        (
            &plain,
            Reply::new(200, "error=bad_verification_code&error_description=x"),
            refused("bad_verification_code", false),
        ),
        (
            &strict,
            Reply::json(200, r#"{"ok":false,"error":"token_revoked"}"#),
            refused("token_revoked", true),
        ),
        (&strict, Reply::json(200, r#"{"ok":false,"error":"fatal"}"#), refused("fatal", false)),
        (&plain, Reply::new(400, "<html>no</html>"), TokenError::Refused { word: None, reconnect: false }),
        (
            &plain,
            Reply::new(302, "").with("Location", "https://evil.example/"),
            TokenError::Refused { word: None, reconnect: false },
        ),
        (
            &plain,
            Reply::json(400, r#"{"error":"a whole sentence, with invented-refresh-0"}"#),
            TokenError::Refused { word: None, reconnect: false },
        ),
        (
            &plain,
            Reply::json(400, r#"{"error":"invented-refresh-0"}"#),
            TokenError::Refused { word: None, reconnect: false },
        ),
        (&plain, Reply::json(500, r#"{"error":"invalid_grant"}"#), unavailable(None)),
        (&plain, Reply::new(503, "").with("Retry-After", "30"), unavailable(Some(30))),
        (&plain, Reply::new(429, "").with("Retry-After", "5"), unavailable(Some(5))),
        (&plain, Reply::new(500, "cut").how(Manner::HalfBody), unavailable(None)),
        (&plain, Reply::json(200, "{}"), TokenError::Unreadable),
        (&plain, Reply::json(200, r#"{"access_token":""}"#), TokenError::Unreadable),
        (&plain, Reply::new(200, "<html>fine</html>"), TokenError::Unreadable),
        (&plain, Reply::new(200, vec![b'x'; 2 << 20]), TokenError::Unreadable),
        (&plain, Reply::new(200, "").how(Manner::NoHead), TokenError::NoAnswer),
        (&plain, Reply::json(200, ANSWER).how(Manner::HalfBody), TokenError::NoAnswer),
        (
            &plain,
            Reply::json(400, r#"{"error":"invalid_grant"}"#).how(Manner::HalfBody),
            TokenError::NoAnswer,
        ),
    ] {
        let before = server.asked().len();
        server.next([reply.clone()]);
        assert_eq!(refresh(&client, entry).await.unwrap_err(), expected, "{reply:?}");
        assert_eq!(server.asked().len() - before, 1, "a token request is never sent twice");
    }
}

#[tokio::test]
async fn what_was_never_sent_is_known() {
    let server = ServiceServer::answering(&["auth.example.com"], Reply::json(200, ANSWER)).await;
    let entry = oauth("", "", "");
    let with = async |change: &dyn Fn(&mut service_client::ClientNetwork)| {
        let mut network = server.network();
        change(&mut network);
        refresh(&ServiceClient::new(network).unwrap(), &entry).await.unwrap_err()
    };
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(
        with(&|network| network.resolve[0].1 = closed).await,
        TokenError::NotSent(NotSent::Connection)
    );
    assert_eq!(with(&|network| network.roots.clear()).await, TokenError::NotSent(NotSent::Connection));
    assert!(matches!(
        with(&|network| network.addresses = std::sync::Arc::default()).await,
        TokenError::NotSent(NotSent::Address(_))
    ));
    let nowhere = oauth("refresh_url = \"https://nowhere.invalid/\"", "", "");
    let client = server.client();
    assert_eq!(refresh(&client, &nowhere).await.unwrap_err(), TokenError::NotSent(NotSent::Name));
    assert_eq!(
        client.refresh(&entry, None, &Values::new(), &tokens(Some("t"))).await.unwrap_err(),
        TokenError::NotSent(NotSent::Client)
    );
    assert_eq!(
        client.refresh(&entry, Some(&oauth_client()), &Values::new(), &tokens(None)).await.unwrap_err(),
        TokenError::NotSent(NotSent::Credentials)
    );
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn no_answer_in_time_is_no_answer() {
    let server =
        ServiceServer::answering(&["auth.example.com"], Reply::new(200, "").how(Manner::Silence)).await;
    let mut network = server.network();
    network.patience = Duration::from_secs(2);
    let client = ServiceClient::new(network).unwrap();
    assert_eq!(refresh(&client, &oauth("", "", "")).await.unwrap_err(), TokenError::NoAnswer);
    assert_eq!(server.asked().len(), 1);
}

/// A service that closes a kept connection just as a refresh goes out would leave us not knowing whether it saw the token.
#[tokio::test]
async fn token_requests_go_over_connections_of_their_own() {
    let server = ServiceServer::answering(&["auth.example.com"], Reply::json(200, ANSWER)).await;
    let client = server.client();
    for count in 1..=3 {
        refresh(&client, &oauth("", "", "")).await.unwrap();
        assert_eq!(server.connections(), count);
    }
}

#[tokio::test]
async fn what_the_service_says_about_an_account_is_learned_and_has_to_fit() {
    let entry = |optional: bool| {
        Service::parse(&format!(
            "schema = 1\nid = \"example\"\nname = \"Example\"\ncategories = [\"tests\"]\ntier = \"documented\"\n\
             documentation = \"https://docs.example.com/\"\n\
             [[learned]]\nkey = \"realm\"\nfrom = \"callback\"\npointer = \"realmId\"\npattern = \"[0-9]+\"\n\
             [[learned]]\nkey = \"base\"\nfrom = \"token_answer\"\npointer = \"/instance_url\"\npattern = 'https://[a-z]+\\.example\\.com'\n\
             [[learned]]\nkey = \"site\"\nfrom = \"discovery\"\npointer = \"\"\npattern = \"[a-z]+\"\noptional = {optional}\n\
             [authentication]\nkind = \"oauth2_code\"\nauthorize_url = \"https://auth.example.com/authorize\"\n\
             token_url = \"https://auth.example.com/token\"\n\
             discovery = [{{ url = \"{{base}}/me?realm={{realm}}\", save = {{ site = \"/0/name\" }} }}]\n\
             [authentication.revocation]\nurl = \"https://auth.example.com/revoke\"\n\
             [api]\nbase = \"{{base}}/{{site}}\"\nhosts = [\"*.example.com\"]\n"
        ))
        .unwrap()
    };
    let server = ServiceServer::answering(
        &["auth.example.com", "one.example.com", "evil.example"],
        Reply::json(200, "{}"),
    )
    .await;
    let token = |base: &str| {
        Reply::json(200, format!(r#"{{"access_token":"invented-access-1","instance_url":"{base}"}}"#))
    };
    let connect = async |optional: bool, realm: &str, replies: Vec<Reply>| {
        server.next(replies);
        let before = server.asked().len();
        let callback = values(&[("code", "c"), ("realmId", realm)]);
        let verifier = SecretText::from("verifier");
        let granted = server
            .client()
            .exchange_code(
                &entry(optional),
                &oauth_client(),
                &Values::new(),
                &redirect(),
                Some(&verifier),
                &callback,
            )
            .await;
        let asked: Vec<String> = server.asked()[before..]
            .iter()
            .map(|asked| format!("{}{}", asked.host(), asked.target))
            .collect();
        (granted.map(|granted| granted.learned), asked)
    };
    let good = vec![token("https://one.example.com"), Reply::json(200, r#"[{"name":"sales"}]"#)];
    let (learned, asked) = connect(false, "42", good).await;
    assert_eq!(
        learned.unwrap(),
        values(&[("realm", "42"), ("base", "https://one.example.com"), ("site", "sales")])
    );
    assert_eq!(asked, ["auth.example.com/token", "one.example.com/me?realm=42"]);

    // A base elsewhere is none: the token goes nowhere but to its end.
    let (learned, asked) = connect(false, "42", vec![token("https://evil.example")]).await;
    assert!(matches!(learned.unwrap_err(), TokenError::NotSent(NotSent::Values(_))));
    assert_eq!(asked, ["auth.example.com/token", "auth.example.com/revoke"]);

    // What discovery does not say.
    let bad = || vec![token("https://one.example.com"), Reply::json(200, r#"[{"name":"../sales"}]"#)];
    let (learned, asked) = connect(false, "42", bad()).await;
    assert_eq!(learned.unwrap_err(), TokenError::Unfit("site".to_owned()));
    assert_eq!(asked.last().map(String::as_str), Some("auth.example.com/revoke"));
    let (learned, _) = connect(true, "42", bad()).await;
    assert_eq!(learned.unwrap(), values(&[("realm", "42"), ("base", "https://one.example.com")]));

    // What the redirect says is anybody's.
    let (learned, _) = connect(true, "42&x=y", vec![token("https://one.example.com")]).await;
    assert!(learned.is_err());
}

#[tokio::test]
async fn a_short_lived_token_is_changed_for_a_longer_one() {
    let server = ServiceServer::answering(&["auth.example.com"], Reply::json(200, ANSWER)).await;
    server.next([
        Reply::json(200, r#"{"access_token":"invented-short","expires_in":5400}"#),
        Reply::json(200, r#"{"access_token":"invented-long","expires_in":5184000}"#),
    ]);
    let entry = oauth(
        "extension = { url = \"https://auth.example.com/extend\", parameters = { old = \"{token}\", client_secret = \"{client_secret}\" } }",
        "",
        "",
    );
    let granted = server
        .client()
        .exchange_code(
            &entry,
            &oauth_client(),
            &Values::new(),
            &redirect(),
            Some(&"v".into()),
            &values(&[("code", "c")]),
        )
        .await
        .unwrap();
    assert_eq!(texts(&granted), ("invented-long".to_owned(), None));
    assert_eq!(granted.expires_in, Some(Duration::from_secs(5_184_000)));
    let asked = server.asked().pop().unwrap();
    assert_eq!((asked.method.as_str(), asked.path()), ("GET", "/extend"));
    assert_eq!(
        asked.query().into_iter().collect::<Values>(),
        values(&[("old", "invented-short"), ("client_secret", "our-client-secret")])
    );
}
