//! Accounts without a person's consent, and calls that are signed.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use catalogue::{Service, Values};
use http::Method;
use ring::signature::{ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::{Value, json};
use service_client::{
    Call, CallError, Credentials, GivenError, Granted, NotSent, SecretText, Secrets, TokenError,
    asked_secrets,
};
use url::Url;

use crate::service_server::{Asked, Reply, ServiceServer, oauth_client, service, values};

const ANSWER: &str = r#"{"access_token":"invented-access-1","expires_in":3600}"#;

fn secrets(pairs: &[(&str, &str)]) -> Secrets {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), SecretText::from(*value))).collect()
}

fn access(granted: &Granted) -> String {
    match &granted.credentials {
        Credentials::Tokens(tokens) => tokens.access.reveal().to_owned(),
        other => panic!("{other:?}"),
    }
}

async fn connect(
    server: &ServiceServer,
    entry: &Service,
    given: &[(&str, &str)],
) -> Result<Granted, TokenError> {
    let given = Credentials::given(&entry.authentication, secrets(given)).unwrap();
    server.client().refresh(entry, None, &Values::new(), &given).await
}

#[tokio::test]
async fn a_client_proves_itself_and_can_again() {
    let entry = service(
        "[authentication]\nkind = \"oauth2_client_credentials\"\ntoken_url = \"https://auth.example.com/token\"\ndefault_scopes = [\"a\", \"b\"]",
        "",
    );
    let server = ServiceServer::answering(&["auth.example.com"], Reply::json(200, ANSWER)).await;
    let given = [("client_id", "their-client"), ("client_secret", "their-secret")];
    let granted = connect(&server, &entry, &given).await.unwrap();
    assert_eq!(
        (access(&granted), granted.expires_in),
        ("invented-access-1".to_owned(), Some(Duration::from_secs(3600)))
    );
    let again = server.client().refresh(&entry, None, &Values::new(), &granted.credentials).await.unwrap();
    assert_eq!(access(&again), "invented-access-1");
    for asked in server.asked() {
        // their-client:their-secret
        assert_eq!(asked.header("authorization"), Some("Basic dGhlaXItY2xpZW50OnRoZWlyLXNlY3JldA=="));
        assert_eq!(
            asked.form().into_iter().collect::<Values>(),
            values(&[("grant_type", "client_credentials"), ("scope", "a b")])
        );
    }
    // A secret that is refused does not get better by asking again.
    server.next([Reply::json(401, r#"{"error":"invalid_client"}"#)]);
    let refused = connect(&server, &entry, &given).await.unwrap_err();
    assert_eq!(refused, TokenError::Refused { word: Some("invalid_client".to_owned()), reconnect: true });
}

fn jwt_bearer(algorithm: &str, more: &str) -> Service {
    service(
        &format!(
            "[authentication]\nkind = \"oauth2_jwt_bearer\"\nalgorithm = \"{algorithm}\"\n\
             claims = {{ iss = \"{{client_id}}\", aud = \"https://auth.example.com/token\" }}\n{more}"
        ),
        "",
    )
}

fn parts(assertion: &str) -> (Value, Value, String, Vec<u8>) {
    let [header, claims, signature] = assertion.split('.').collect::<Vec<_>>().try_into().unwrap();
    let json = |part: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    let message = assertion.rsplit_once('.').unwrap().0.to_owned();
    (json(header), json(claims), message, URL_SAFE_NO_PAD.decode(signature).unwrap())
}

/// A new RSA key in PEM, and its public key as PKCS#1.
pub fn rsa_key(form: &str) -> (String, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "rsa", "-b", "2048", "-N", "", "-m", form, "-f"])
        .arg(&file)
        .status();
    assert!(made.unwrap().success());
    let text = std::fs::read_to_string(&file).unwrap();
    let public =
        Command::new("ssh-keygen").args(["-e", "-m", "PEM", "-f"]).arg(&file).output().unwrap().stdout;
    let body: String =
        String::from_utf8(public).unwrap().lines().filter(|line| !line.starts_with('-')).collect();
    (text, base64::engine::general_purpose::STANDARD.decode(body).unwrap())
}

#[tokio::test]
async fn an_assertion_is_signed_and_exchanged() {
    let server = ServiceServer::answering(&["auth.example.com"], Reply::json(200, ANSWER)).await;
    let in_body = "token_url = \"https://auth.example.com/token\"";
    for form in ["PEM", "PKCS8"] {
        let (key, public) = rsa_key(form);
        let given = [("client_id", "me@example.com"), ("private_key", key.as_str()), ("key_id", "k1")];
        let granted = connect(&server, &jwt_bearer("RS256", in_body), &given).await.unwrap();
        assert_eq!(access(&granted), "invented-access-1");
        let asked: Asked = server.asked().pop().unwrap();
        let form: Values = asked.form().into_iter().collect();
        assert_eq!(form["grant_type"], "urn:ietf:params:oauth:grant-type:jwt-bearer");
        let (header, claims, message, signature) = parts(&form["assertion"]);
        assert_eq!(header, json!({ "alg": "RS256", "typ": "JWT", "kid": "k1" }));
        assert_eq!(
            (&claims["iss"], &claims["aud"]),
            (&json!("me@example.com"), &json!("https://auth.example.com/token"))
        );
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 300);
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public)
            .verify(message.as_bytes(), &signature)
            .unwrap();
    }
    // One that was copied out of a JSON document.
    let key = rsa_key("PKCS8").0.trim().replace('\n', "\\n");
    connect(&server, &jwt_bearer("RS256", in_body), &[("client_id", "me"), ("private_key", &key)])
        .await
        .unwrap();

    // In the header instead of the body.
    let bearer = format!("{in_body}\nassertion_in = \"bearer\"");
    connect(&server, &jwt_bearer("RS256", &bearer), &[("client_id", "me"), ("private_key", &key)])
        .await
        .unwrap();
    let asked = server.asked().pop().unwrap();
    assert!(asked.header("authorization").unwrap().starts_with("Bearer ey"));
    assert!(asked.body.is_empty());

    for key in ["no key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
        let refused =
            connect(&server, &jwt_bearer("RS256", in_body), &[("client_id", "me"), ("private_key", key)])
                .await;
        assert_eq!(refused.unwrap_err(), TokenError::NotSent(NotSent::Key));
    }
}

#[tokio::test]
async fn an_assertion_may_be_the_token() {
    let server = ServiceServer::answering(&["api.example.com"], Reply::new(200, "fine")).await;
    let pair = rcgen::KeyPair::generate().unwrap();
    let given = [("client_id", "me"), ("private_key", &pair.serialize_pem()), ("key_id", "k1")];
    let entry = jwt_bearer("ES256", "assertion_seconds = 600");
    let granted = connect(&server, &entry, &given).await.unwrap();
    assert_eq!(granted.expires_in, Some(Duration::from_secs(570)), "the service's clock may be behind ours");
    let (header, _, message, signature) = parts(&access(&granted));
    assert_eq!(header["alg"], "ES256");
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key_raw())
        .verify(message.as_bytes(), &signature)
        .unwrap();
    server
        .client()
        .send(&entry, &Values::new(), &granted.credentials, None, Call::new(Method::GET, "/"))
        .await
        .unwrap();
    assert_eq!(
        server.asked().pop().unwrap().header("authorization"),
        Some(format!("Bearer {message}.{}", URL_SAFE_NO_PAD.encode(signature)).as_str())
    );

    // A shared secret, as text and in hexadecimal digits.
    for (encoding, key, bytes) in
        [("text", "shared secret", &b"shared secret"[..]), ("hex", "00ff10", &[0, 255, 16])]
    {
        let entry = jwt_bearer("HS256", &format!("secret_encoding = \"{encoding}\""));
        let granted = connect(&server, &entry, &[("client_id", "me"), ("private_key", key)]).await.unwrap();
        let (_, _, message, signature) = parts(&access(&granted));
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, bytes);
        ring::hmac::verify(&key, message.as_bytes(), &signature).unwrap();
    }
}

#[tokio::test]
async fn a_login_call_gives_a_token_for_the_others() {
    let entry = service(
        "[authentication]\nkind = \"two_step\"\nurl = \"https://auth.example.com/login\"\ntoken = \"/session/id\"\nexpires_in = \"/session/ttl\"\n\
         secrets = { login = \"User\", password = \"Password\", dev_key = \"Developer key\" }\n\
         parameters = { user = \"{login}\", pass = \"{password}\" }\nheaders = { Authorization = \"Basic {login}:{password}\", X-Dev = \"{dev_key}\" }",
        "credential = [{ place = \"header\", name = \"X-Session\", format = \"{token}\" }, { place = \"header\", name = \"X-Dev\", format = \"{dev_key}\" }]",
    );
    let server = ServiceServer::answering(
        &["auth.example.com", "api.example.com"],
        Reply::json(200, r#"{"session":{"id":"invented-session","ttl":120}}"#),
    )
    .await;
    let given = [("login", "me"), ("password", "invented-password"), ("dev_key", "invented-dev-key")];
    let granted = connect(&server, &entry, &given).await.unwrap();
    assert_eq!(granted.expires_in, Some(Duration::from_secs(120)));
    let asked = server.asked().pop().unwrap();
    assert_eq!(asked.json(), json!({ "user": "me", "pass": "invented-password" }));
    assert_eq!(asked.header("authorization"), Some("Basic bWU6aW52ZW50ZWQtcGFzc3dvcmQ="));
    assert_eq!(asked.header("x-dev"), Some("invented-dev-key"));
    server
        .client()
        .send(&entry, &Values::new(), &granted.credentials, None, Call::new(Method::GET, "/"))
        .await
        .unwrap();
    let asked = server.asked().pop().unwrap();
    assert_eq!(
        (asked.header("x-session"), asked.header("x-dev")),
        (Some("invented-session"), Some("invented-dev-key"))
    );
    server.next([Reply::json(403, r#"{"message":"bad password"}"#)]);
    let refused = connect(&server, &entry, &given).await.unwrap_err();
    assert_eq!(refused, TokenError::Refused { word: None, reconnect: true });
}

#[tokio::test]
async fn oauth1_consent_and_calls() {
    let entry = service(
        "[authentication]\nkind = \"oauth1\"\nrequest_token_url = \"https://auth.example.com/request\"\n\
         authorize_url = \"https://auth.example.com/authorize\"\naccess_token_url = \"https://auth.example.com/access\"\n\
         authorize_parameters = { scope = \"read\" }",
        "",
    );
    let server =
        ServiceServer::answering(&["auth.example.com", "api.example.com"], Reply::new(200, "fine")).await;
    let client = server.client();
    let redirect = Url::parse("https://platform.example/integrations/callback").unwrap();
    server.next([Reply::new(200, "oauth_token=invented-temporary&oauth_token_secret=invented-temporary-secret&oauth_callback_confirmed=true")]);
    let request = client
        .authorize(&entry, &oauth_client(), &Values::new(), &BTreeSet::new(), &redirect, "the-state")
        .await
        .unwrap();
    assert_eq!(
        request.url.as_str(),
        "https://auth.example.com/authorize?oauth_token=invented-temporary&scope=read"
    );
    let asked = server.asked().pop().unwrap();
    let authorization = asked.header("authorization").unwrap();
    assert!(authorization.contains(
        "oauth_callback=\"https%3A%2F%2Fplatform.example%2Fintegrations%2Fcallback%3Fstate%3Dthe-state\""
    ));
    assert!(!authorization.contains("our-client-secret"));

    let exchange = async |callback: &[(&str, &str)]| {
        client
            .exchange_code(
                &entry,
                &oauth_client(),
                &Values::new(),
                &redirect,
                request.verifier.as_ref(),
                &values(callback),
            )
            .await
    };
    // The redirect of another attempt.
    let other = [("oauth_token", "other"), ("oauth_verifier", "v"), ("state", "the-state")];
    assert_eq!(exchange(&other).await.unwrap_err(), TokenError::NotSent(NotSent::Code));
    server.next([Reply::new(200, "oauth_token=invented-token&oauth_token_secret=invented-token-secret")]);
    let granted = exchange(&[("oauth_token", "invented-temporary"), ("oauth_verifier", "v")]).await.unwrap();
    assert!(server.asked().pop().unwrap().header("authorization").unwrap().contains("oauth_verifier=\"v\""));

    let mut call = Call::new(Method::POST, "/a?b=c");
    call.headers
        .push(("Content-Type".to_owned(), "application/x-www-form-urlencoded; charset=utf-8".to_owned()));
    call.body = Some(Bytes::from_static(b"d=e%20f"));
    client
        .send(&entry, &Values::new(), &granted.credentials, Some(&oauth_client()), call.clone())
        .await
        .unwrap();
    let asked = server.asked().pop().unwrap();
    let authorization = asked.header("authorization").unwrap();
    let field = |name: &str| {
        let (_, rest) = authorization.split_once(&format!("{name}=\"")).unwrap();
        percent_encoding::percent_decode_str(rest.split('"').next().unwrap())
            .decode_utf8()
            .unwrap()
            .into_owned()
    };
    assert_eq!(
        (field("oauth_consumer_key"), field("oauth_token")),
        ("our-client".to_owned(), "invented-token".to_owned())
    );
    // Computed here from the standard, not by the code under test.
    let base = format!(
        "POST&https%3A%2F%2Fapi.example.com%2Fv1%2Fa&b%3Dc%26d%3De%2520f%26oauth_consumer_key%3Dour-client%26oauth_nonce%3D{}%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D{}%26oauth_token%3Dinvented-token%26oauth_version%3D1.0",
        field("oauth_nonce"),
        field("oauth_timestamp")
    );
    let key = ring::hmac::Key::new(
        ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        b"our-client-secret&invented-token-secret",
    );
    let signature = base64::engine::general_purpose::STANDARD.encode(ring::hmac::sign(&key, base.as_bytes()));
    assert_eq!(field("oauth_signature"), signature);

    for refused in [
        Call { path: "/a?oauth_token=x".to_owned(), ..call.clone() },
        Call { body: Some(Bytes::from_static(b"oauth_signature=x")), ..call.clone() },
    ] {
        let refused =
            client.send(&entry, &Values::new(), &granted.credentials, Some(&oauth_client()), refused).await;
        assert!(matches!(refused, Err(CallError::Query(_))), "{refused:?}");
    }
}

#[tokio::test]
async fn calls_to_aws_are_signed_as_they_go_out() {
    let entry = service(
        "[authentication]\nkind = \"signature_v4\"\nsigning_service = \"{service}\"\nregion = \"{region}\"",
        "",
    );
    let server = ServiceServer::answering(&["api.example.com"], Reply::new(200, "fine")).await;
    let given = secrets(&[
        ("access_key_id", "AKIDEXAMPLE"),
        ("secret_access_key", "invented-secret-key"),
        ("session_token", "invented-session"),
    ]);
    let credentials = Credentials::given(&entry.authentication, given).unwrap();
    let mut call = Call::new(Method::POST, "/a%20b/c?z=1+2&a=%7E");
    call.headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
    call.headers.push(("X-Amz-Target".to_owned(), "Service.Action".to_owned()));
    call.body = Some(Bytes::from_static(b"{}"));
    let account = values(&[("region", "eu-west-1"), ("service", "dynamodb")]);
    server.client().send(&entry, &account, &credentials, None, call).await.unwrap();
    let asked = server.asked().pop().unwrap();
    assert_eq!(asked.target, "/v1/a%20b/c?a=~&z=1%202");
    let (date, authorization) = (asked.header("x-amz-date").unwrap(), asked.header("authorization").unwrap());
    assert_eq!(asked.header("x-amz-security-token"), Some("invented-session"));
    assert!(authorization.starts_with(&format!("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/{}/eu-west-1/dynamodb/aws4_request, SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date;x-amz-security-token;x-amz-target, Signature=", &date[..8])));
    // Computed here from the documentation, not by the code under test.
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let hash = |text: &str| hex(ring::digest::digest(&ring::digest::SHA256, text.as_bytes()).as_ref());
    let mac = |key: &[u8], text: &str| {
        ring::hmac::sign(&ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key), text.as_bytes())
    };
    let canonical = format!(
        "POST\n/v1/a%2520b/c\na=~&z=1%202\ncontent-type:application/json\nhost:api.example.com\nx-amz-content-sha256:{0}\nx-amz-date:{date}\nx-amz-security-token:invented-session\nx-amz-target:Service.Action\n\ncontent-type;host;x-amz-content-sha256;x-amz-date;x-amz-security-token;x-amz-target\n{0}",
        hash("{}")
    );
    let text = format!(
        "AWS4-HMAC-SHA256\n{date}\n{}/eu-west-1/dynamodb/aws4_request\n{}",
        &date[..8],
        hash(&canonical)
    );
    let key = ["eu-west-1", "dynamodb", "aws4_request"]
        .iter()
        .fold(mac(b"AWS4invented-secret-key", &date[..8]), |key, part| mac(key.as_ref(), part));
    assert!(authorization.ends_with(&hex(mac(key.as_ref(), &text).as_ref())));

    for header in ["X-Amz-Date", "X-Amz-Security-Token", "X-Amz-Content-Sha256", "Authorization"] {
        let call = Call { headers: vec![(header.to_owned(), "x".to_owned())], ..Call::new(Method::GET, "/") };
        let refused = server.client().send(&entry, &account, &credentials, None, call).await;
        assert!(matches!(refused, Err(CallError::Header(_))), "{header}");
    }
    let call = Call::new(Method::GET, "/?X-Amz-Signature=x");
    let refused = server.client().send(&entry, &account, &credentials, None, call).await;
    assert!(matches!(refused, Err(CallError::Query(_))));
}

#[test]
fn what_is_given_is_what_is_asked() {
    let key = service("[authentication]\nkind = \"api_key\"", "").authentication;
    let given = |pairs: &[(&str, &str)]| Credentials::given(&key, secrets(pairs)).map(|_| ());
    assert_eq!(given(&[("api_key", "k")]), Ok(()));
    assert_eq!(given(&[]), Err(GivenError::Missing("api_key".to_owned())));
    assert_eq!(given(&[("api_key", "")]), Err(GivenError::Missing("api_key".to_owned())));
    assert_eq!(given(&[("api_key", "k"), ("token", "t")]), Err(GivenError::Unknown("token".to_owned())));
    for bad in ["a\r\nX-Other: b", "a\nb", "a\0", &"k".repeat(16 * 1024 + 1)] {
        assert_eq!(given(&[("api_key", bad)]), Err(GivenError::Unfit("api_key".to_owned())));
    }
    let oauth = crate::service_server::oauth("", "", "").authentication;
    assert!(asked_secrets(&oauth).is_empty());
    assert_eq!(Credentials::given(&oauth, Secrets::new()).map(|_| ()), Err(GivenError::AtTheService));
    for entry in catalogue::built_in().services() {
        let asked = asked_secrets(&entry.authentication);
        let all = asked.iter().map(|one| (one.name.clone(), SecretText::from("invented"))).collect();
        assert_eq!(
            Credentials::given(&entry.authentication, all).is_ok(),
            !entry.authentication.needs_client(),
            "{}",
            entry.id
        );
    }
}
