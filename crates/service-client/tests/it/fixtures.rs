//! Every recorded shape of the catalogue, played by a server: connect, refresh, refusal, revoke.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Debug, Display};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use catalogue::RevocationKind::{
    DeleteAsBearer, DeleteAsClient, GetWithToken, PostAsBearer, Rfc7009, TokenOnly,
};
use catalogue::{
    Authentication, ClientAuthentication, Oauth2Code, Revocation, Service, TokenRequestBody, Values,
};
use service_client::{
    Credentials, Granted, OauthClient, RevokeError, SecretText, Secrets, ServiceClient, TokenError,
    asked_secrets,
};
use url::Url;

use crate::fixture::{BodyFormat, Fixture, Step, every_fixture};
use crate::service_server::{Reply, ServiceServer};

/// What the server does with the next requests, in order, and what it disliked.
#[derive(Default)]
struct Play {
    steps: Vec<Step>,
    complaints: Vec<String>,
}

/// The server, and who asks it.
struct Stage {
    play: Arc<Mutex<Play>>,
    client: ServiceClient,
    _server: ServiceServer,
}

impl Stage {
    async fn open(hosts: &BTreeSet<&str>) -> Self {
        let hosts: Vec<&str> = hosts.iter().copied().collect();
        let play = Arc::new(Mutex::new(Play::default()));
        let stage = Arc::clone(&play);
        let server = ServiceServer::start(&hosts, move |asked| {
            let mut play = stage.lock().unwrap();
            if play.steps.is_empty() {
                let request = format!("{} {}{}", asked.method, asked.host(), asked.target);
                play.complaints.push(format!("nobody expected {request}"));
                return Reply::new(404, "");
            }
            let step = play.steps.remove(0);
            play.complaints.extend(step.differs(asked));
            Reply::new(step.status, step.answer)
        })
        .await;
        Self { play, client: server.client(), _server: server }
    }

    fn expect(&self, steps: impl IntoIterator<Item = Step>) {
        self.play.lock().unwrap().steps = steps.into_iter().collect();
    }

    /// Whether everything came that was expected, and as it was.
    fn settle(&self, what: &str) -> Result<(), String> {
        let mut play = self.play.lock().unwrap();
        let left: Vec<String> =
            play.steps.drain(..).map(|step| format!("{} was never asked", step.url)).collect();
        play.complaints.extend(left);
        match std::mem::take(&mut play.complaints) {
            complaints if complaints.is_empty() => Ok(()),
            complaints => Err(format!("{what}: {}", complaints.join("; "))),
        }
    }

    fn failed(&self, what: &str, error: &dyn Display) -> String {
        format!("{what}: {error} ({})", self.play.lock().unwrap().complaints.join("; "))
    }
}

/// An account that was connected as the fixture shows.
struct Played<'a> {
    service: &'a Service,
    fixture: &'a Fixture,
    stage: Stage,
    ours: OauthClient,
    /// Variables and what was learned.
    known: Values,
    connected: Granted,
}

impl<'a> Played<'a> {
    async fn connect(service: &'a Service, fixture: &'a Fixture) -> Result<Self, String> {
        let mut hosts: BTreeSet<&str> = fixture.hosts().collect();
        let temporary = temporary(service, fixture)?;
        hosts.extend(temporary.iter().map(|step| step.url.host_str().unwrap()));
        let stage = Stage::open(&hosts).await;
        let ours = OauthClient {
            client_id: "invented-client".to_owned(),
            secret: Some("invented-client-secret".into()),
        };
        let connected = if service.authentication.needs_client() {
            consented(service, fixture, &stage, &ours, temporary).await?
        } else {
            given(service, fixture, &stage).await?
        };
        stage.settle("connect")?;
        let mut known = connected.learned.clone();
        known.extend(fixture.variables.clone());
        Ok(Self { service, fixture, stage, ours, known, connected })
    }

    /// What was read from the answers.
    fn read(&self) -> Result<(), String> {
        let (expect, connected) = (&self.fixture.expect, &self.connected);
        if let Some(token) = &expect.access_token {
            same("access token", &Some(token), &access(&connected.credentials).as_ref())?;
        }
        let refresh_token = connected.credentials.refresh_token().map(|token| token.reveal().to_owned());
        if expect.refresh_token.is_some() {
            same("refresh token", &expect.refresh_token, &refresh_token)?;
        }
        same("lifetime", &expect.seconds.map(Duration::from_secs_f64), &connected.expires_in)?;
        same("learned", &expect.learned, &connected.learned)?;
        let base = self.service.base_url(&self.known).map_err(|error| format!("base: {error}"))?;
        let expected = Url::parse(&expect.base).unwrap();
        same("base", &expected.as_str().trim_end_matches('/'), &base.as_str().trim_end_matches('/'))
    }

    /// Refresh, and its refusal.
    async fn refresh(&self) -> Result<(), String> {
        let Some(step) = &self.fixture.refresh else { return Ok(()) };
        let credentials = &self.connected.credentials;
        let again = || self.stage.client.refresh(self.service, Some(&self.ours), &self.known, credentials);
        self.stage.expect([step.clone()]);
        let refreshed = again().await.map_err(|error| self.stage.failed("refresh", &error))?;
        self.stage.settle("refresh")?;
        if step.answer.contains("invented-access-2") {
            same("refreshed token", &Some("invented-access-2"), &access(&refreshed.credentials).as_deref())?;
        }
        let Some(refusal) = &self.fixture.refusal else { return Ok(()) };
        let refused = Step { status: refusal.status, answer: refusal.answer.clone(), ..step.clone() };
        self.stage.expect([refused]);
        match again().await {
            Err(TokenError::Refused { reconnect: true, .. }) => self.stage.settle("refusal"),
            other => Err(format!("refusal: {:?}", other.map(|_| "a token"))),
        }
    }

    /// Revoke, as `service` says.
    async fn revoke(&self, service: &Service) -> Result<(), String> {
        let credentials = &self.connected.credentials;
        let revoked = self.stage.client.revoke(service, Some(&self.ours), &self.known, credentials);
        match (&self.fixture.revoke, revocation(service)) {
            (Some(step), _) => {
                self.stage.expect([step.clone()]);
                let revoked = revoked.await.map_err(|error| self.stage.failed("revoke", &error));
                revoked.and(self.stage.settle("revoke"))
            }
            (None, Some(_)) => Err("it can be revoked, and the fixture does not show how".to_owned()),
            (None, None) => same("revoke", &Err::<(), _>(RevokeError::NotRevocable), &revoked.await),
        }
    }
}

/// What OAuth 1.0a asks before anybody consents.
fn temporary(service: &Service, fixture: &Fixture) -> Result<Option<Step>, String> {
    let Authentication::Oauth1(oauth) = &service.authentication else { return Ok(None) };
    let token = fixture.callback.get("oauth_token").cloned().unwrap_or_default();
    let url = oauth.request_token_url.url(&fixture.variables).map_err(|error| error.to_string())?;
    let answer =
        format!("oauth_token={token}&oauth_token_secret=invented-temporary&oauth_callback_confirmed=true");
    Ok(Some(Step {
        method: "POST".to_owned(),
        url,
        authorization: "OAuth *".to_owned(),
        headers: Values::new(),
        body: BTreeMap::new(),
        body_format: BodyFormat::None,
        extra: BTreeSet::new(),
        status: 200,
        answer,
    }))
}

/// An account that a person consented to.
async fn consented(
    service: &Service,
    fixture: &Fixture,
    stage: &Stage,
    ours: &OauthClient,
    temporary: Option<Step>,
) -> Result<Granted, String> {
    let redirect = Url::parse("https://platform.example/integrations/callback").unwrap();
    let (variables, state) = (&fixture.variables, "a-state-of-24-characters");
    stage.expect(temporary);
    let request = stage
        .client
        .authorize(service, ours, variables, &BTreeSet::new(), &redirect, state)
        .await
        .map_err(|error| stage.failed("authorize", &error))?;
    stage.settle("authorize")?;
    let steps = std::iter::once(fixture.connect.clone()).chain(fixture.extension.clone());
    stage.expect(steps.chain(fixture.discoveries()));
    let verifier = request.verifier.as_ref();
    stage
        .client
        .exchange_code(service, ours, variables, &redirect, verifier, &fixture.callback)
        .await
        .map_err(|error| stage.failed("connect", &error))
}

/// An account of secrets that were given.
async fn given(service: &Service, fixture: &Fixture, stage: &Stage) -> Result<Granted, String> {
    stage.expect([fixture.connect.clone()]);
    let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let value = |name: &str| match name {
        "private_key" => private_key(&service.authentication).unwrap_or_else(|| key.clone()),
        name => format!("invented-{name}"),
    };
    let given: Secrets = asked_secrets(&service.authentication)
        .into_iter()
        .map(|asked| (asked.name.clone(), SecretText::from(value(&asked.name))))
        .collect();
    let given = Credentials::given(&service.authentication, given).map_err(|error| error.to_string())?;
    let granted = stage.client.refresh(service, None, &fixture.variables, &given).await;
    granted.map_err(|error| stage.failed("connect", &error))
}

/// What signs assertions: made for this test, of the kind that the entry names.
fn private_key(authentication: &Authentication) -> Option<String> {
    let Authentication::Oauth2JwtBearer(grant) = authentication else { return None };
    match grant.algorithm {
        catalogue::JwtAlgorithm::Es256 => None,
        catalogue::JwtAlgorithm::Hs256 => Some("00ff".to_owned()),
        catalogue::JwtAlgorithm::Rs256 => Some(crate::other_kinds::rsa_key("PKCS8").0),
    }
}

fn access(credentials: &Credentials) -> Option<String> {
    match credentials {
        Credentials::Tokens(tokens) => Some(tokens.access.reveal().to_owned()),
        Credentials::Oauth1 { token, .. } => Some(token.reveal().to_owned()),
        _ => None,
    }
}

fn same(what: &str, expected: &dyn Debug, found: &dyn Debug) -> Result<(), String> {
    let (expected, found) = (format!("{expected:?}"), format!("{found:?}"));
    if expected == found { Ok(()) } else { Err(format!("{what}: {found}, not {expected}")) }
}

/// How the entry says to revoke.
fn revocation(service: &Service) -> Option<&Revocation> {
    match &service.authentication {
        Authentication::Oauth2Code(oauth) => oauth.revocation.as_ref(),
        _ => None,
    }
}

fn entry(name: &str) -> Result<&'static Service, String> {
    let key = name.parse().map_err(|_| "no name of an entry")?;
    catalogue::built_in().find(&key).map(|service| &**service).ok_or_else(|| "no such entry".to_owned())
}

async fn played(name: &str, fixture: &Fixture) -> Result<(), String> {
    let played = Played::connect(entry(name)?, fixture).await?;
    played.read()?;
    played.refresh().await?;
    played.revoke(played.service).await
}

/// Plays them one after another.
async fn every<'a>(
    fixtures: impl Iterator<Item = (&'a String, &'a Fixture)>,
    play: impl AsyncFn(&str, &Fixture) -> Result<(), String>,
) {
    let mut wrong = Vec::new();
    for (name, fixture) in fixtures {
        match tokio::time::timeout(Duration::from_secs(60), play(name, fixture)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => wrong.push(format!("{name}: {error}")),
            Err(_) => wrong.push(format!("{name}: it hangs")),
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fixture_of_the_catalogue_plays() {
    let fixtures = every_fixture();
    let counted = |is: fn(&Fixture) -> bool| fixtures.values().filter(|fixture| is(fixture)).count();
    println!(
        "{} fixtures: {} refresh, {} refusal, {} revoke, {} discovery",
        fixtures.len(),
        counted(|fixture| fixture.refresh.is_some()),
        counted(|fixture| fixture.refresh.is_some() && fixture.refusal.is_some()),
        counted(|fixture| fixture.revoke.is_some()),
        counted(|fixture| !fixture.discovery.is_empty()),
    );
    assert!(fixtures.len() > 100, "the catalogue has its fixtures");
    every(fixtures.iter(), played).await;
}

const ACCESS: &str = "the access token";
const REFRESH: &str = "the refresh token";

/// What an entry could say instead of what it says, as far as it would send something else.
fn astray(oauth: &Oauth2Code, has_refresh_token: bool) -> Vec<(String, Revocation)> {
    let revocation = oauth.revocation.as_ref().unwrap();
    let in_url = revocation.url.names().any(|name| name == "token");
    let mut all = Vec::new();
    let mut add = |what: String, change: &dyn Fn(&mut Revocation)| {
        let mut changed = revocation.clone();
        change(&mut changed);
        all.push((what, changed));
    };
    for kind in [Rfc7009, TokenOnly, PostAsBearer, DeleteAsBearer, GetWithToken, DeleteAsClient] {
        if kind != revocation.kind {
            add(format!("{kind:?}"), &|changed| changed.kind = kind);
        }
    }
    if has_refresh_token && matches!(revocation.kind, Rfc7009 | TokenOnly | GetWithToken) {
        let which = if revocation.by_refresh_token { ACCESS } else { REFRESH };
        add(which.to_owned(), &|changed| changed.by_refresh_token = !changed.by_refresh_token);
    }
    if revocation.kind == Rfc7009 {
        add("hint".to_owned(), &|changed| changed.hint = !changed.hint);
        let known = revocation.client_authentication.unwrap_or(oauth.token_request.client_authentication);
        for other in [ClientAuthentication::Basic, ClientAuthentication::Body, ClientAuthentication::None] {
            if other != known {
                add(format!("{other:?}"), &|changed| changed.client_authentication = Some(other));
            }
        }
    }
    if matches!(revocation.kind, Rfc7009 | TokenOnly) {
        for other in [TokenRequestBody::Form, TokenRequestBody::Json, TokenRequestBody::Query] {
            if other != revocation.body {
                add(format!("{other:?}"), &|changed| changed.body = other);
            }
        }
        if !in_url {
            add("token".to_owned(), &|changed| {
                changed.renamed.insert("token".to_owned(), "something".to_owned());
            });
        }
    }
    all
}

/// An entry that would send another token, another proof or another form is told apart by its fixture.
#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_that_goes_astray_is_noticed() {
    let fixtures = every_fixture();
    let tried = Mutex::new((0, 0, 0, 0));
    let revocable = fixtures.iter().filter(|(_, fixture)| fixture.revoke.is_some());
    every(revocable, async |name, fixture| {
        let played = Played::connect(entry(name)?, fixture).await?;
        let Authentication::Oauth2Code(oauth) = &played.service.authentication else {
            return Err("it cannot be revoked".to_owned());
        };
        let has_refresh_token = played.connected.credentials.refresh_token().is_some();
        let mut unnoticed = Vec::new();
        let mutations = astray(oauth, has_refresh_token);
        for (what, revocation) in &mutations {
            let changed = Oauth2Code { revocation: Some(revocation.clone()), ..(**oauth).clone() };
            let authentication = Authentication::Oauth2Code(Box::new(changed));
            let service = Service { authentication, ..played.service.clone() };
            let told = played.revoke(&service).await.err().unwrap_or_default();
            let token = match what.as_str() {
                ACCESS => r#"is "invented-access-1", not "invented-refresh-1""#,
                REFRESH => r#"is "invented-refresh-1", not "invented-access-1""#,
                _ => "revoke: ",
            };
            if !told.contains(token) {
                unnoticed.push(format!("{what} ({told})"));
            }
            played.stage.play.lock().unwrap().complaints.clear();
        }
        let mut tried = tried.lock().unwrap();
        let sent = |token: &str| mutations.iter().filter(|(what, _)| what == token).count();
        *tried = (tried.0 + 1, tried.1 + mutations.len(), tried.2 + sent(ACCESS), tried.3 + sent(REFRESH));
        if unnoticed.is_empty() { Ok(()) } else { Err(format!("unnoticed: {}", unnoticed.join(", "))) }
    })
    .await;
    let (entries, mutations, access, refresh) = tried.into_inner().unwrap();
    println!("{entries} entries, {mutations} mutations: {access} send {ACCESS} instead, {refresh} {REFRESH}");
    assert!(entries > 60 && access > 30, "{entries} entries, {access} with {ACCESS} instead");
}

/// An entry that claims to be tried against recorded shapes has them; one that says how to revoke shows it.
#[test]
fn entries_have_the_fixtures_that_they_need() {
    let fixtures = every_fixture();
    let lacks = |service: &Service| {
        let fixture = fixtures.get(service.id.as_str());
        (service.tier == catalogue::Tier::Fixture && fixture.is_none())
            || (revocation(service).is_some() && fixture.is_none_or(|fixture| fixture.revoke.is_none()))
    };
    let without: Vec<&str> = catalogue::built_in()
        .services()
        .filter(|service| lacks(service))
        .map(|service| service.id.as_str())
        .collect();
    assert!(without.is_empty(), "{without:?}");
}

#[test]
fn a_fixture_of_a_revocation_says_everything() {
    let whole = "[connect]\nmethod = \"POST\"\nurl = \"https://auth.example.com/token\"\nauthorization = \"none\"\n\
                 body = { code = \"*\" }\nbody_format = \"form\"\nanswer = \"\"\n[expect]\nbase = \"https://api.example.com\"\n\
                 [revoke]\nmethod = \"POST\"\nurl = \"https://auth.example.com/revoke\"\nanswer = \"\"\nauthorization = \"none\"\n\
                 body = { token = \"invented-refresh-1\" }\nbody_format = \"form\"\n";
    assert!(Fixture::parse(whole).is_ok());
    let revoke = whole.find("[revoke]").unwrap();
    for line in whole[revoke..].lines().skip(1) {
        let without = format!("{}{}", &whole[..revoke], whole[revoke..].replace(&format!("{line}\n"), ""));
        assert!(Fixture::parse(&without).is_err(), "without {line}");
    }
    for open in [
        "token = \"*\"",
        "token = \"invented-refresh-1\" }\nextra = [\"token_type_hint\"]\nheaders = { a = \"b\"",
    ] {
        let open = whole.replace("token = \"invented-refresh-1\"", open);
        assert!(Fixture::parse(&open).is_err(), "{open}");
    }
}
