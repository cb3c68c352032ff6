use development::{DemoService, Folder, certificates};
use test_support::{Client, Response, Trust};

const REDIRECT: &str = "https://vybe.localhost:8443/integrations/callback";
/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

#[tokio::test]
async fn an_account_is_consented_to_used_refreshed_and_revoked() {
    let kept = tempfile::tempdir().unwrap();
    let folder = Folder::open(kept.path()).unwrap();
    let files = certificates(&folder, "vybe.localhost").unwrap();
    let service = DemoService::start(&folder, &files, "notes.vybe.localhost", REDIRECT).await.unwrap();
    let (_, address) = service.resolve();
    let authority = std::fs::read_to_string(&files.authority).unwrap();
    let client = Client::new(address, &Trust::in_pem(&authority));
    let at = |path: &str| format!("{}{path}", service.origin());

    let mut asked = url::form_urlencoded::Serializer::new(String::new());
    asked.extend_pairs([
        ("client_id", DemoService::CLIENT_ID),
        ("redirect_uri", REDIRECT),
        ("response_type", "code"),
        ("scope", "notes:read"),
        ("state", "a state"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ]);
    let asked = asked.finish();
    let page = client.get(&at(&format!("/authorize?{asked}"))).await;
    assert!(page.status == 200 && page.text().contains("Ada Admin"), "{}", page.text());
    let elsewhere = asked.replace("8443", "8444");
    assert_eq!(client.get(&at(&format!("/authorize?{elsewhere}"))).await.status, 400);
    let decide = async |user: &str| -> url::Url {
        let body = format!("{asked}&user={user}");
        let request = client.request("POST", &at("/authorize"));
        let answer = request.body("application/x-www-form-urlencoded", body).send().await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        answer.location().parse().unwrap()
    };
    let given = |url: &url::Url, name: &str| {
        url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    };
    assert_eq!(given(&decide("").await, "error").as_deref(), Some("access_denied"));
    let back = decide("ada").await;
    assert_eq!(given(&back, "state").as_deref(), Some("a state"));
    let code = given(&back, "code").unwrap();

    let secret = service.client_secret();
    let post = async |path: &str, secret: &str, fields: &[(&str, &str)]| -> Response {
        use base64::Engine as _;
        let credentials = format!("{}:{secret}", DemoService::CLIENT_ID);
        let basic = base64::engine::general_purpose::STANDARD.encode(credentials);
        let request = client.request("POST", &at(path)).header("authorization", &format!("Basic {basic}"));
        request.form(fields).send().await
    };
    let exchange = [
        ("grant_type", "authorization_code"),
        ("code", &*code),
        ("code_verifier", VERIFIER),
        ("redirect_uri", REDIRECT),
    ];
    assert_eq!(post("/token", "another", &exchange).await.status, 401);
    let tokens = post("/token", &secret, &exchange).await;
    assert_eq!(tokens.status, 200, "{}", tokens.text());
    let text = |answer: &Response, name: &str| answer.json()[name].as_str().unwrap().to_owned();
    let refresh = text(&tokens, "refresh_token");
    let refreshed =
        post("/token", &secret, &[("grant_type", "refresh_token"), ("refresh_token", &*refresh)]).await;
    let access = text(&refreshed, "access_token");
    let notes = async |method: &str, body: &str| {
        let request = client.request(method, &at("/api/notes"));
        let request = request.header("authorization", &format!("Bearer {access}"));
        request.body("application/json", body).send().await
    };
    assert_eq!(notes("POST", r#"{"text":"hello"}"#).await.status, 201);
    assert_eq!(notes("GET", "").await.json()["notes"][0], "hello");
    let token = text(&refreshed, "refresh_token");
    assert_eq!(post("/revoke", &secret, &[("token", &*token)]).await.status, 200);
    assert_eq!(notes("GET", "").await.status, 401);
}
