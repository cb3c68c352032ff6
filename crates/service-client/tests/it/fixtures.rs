//! Every recorded shape of the catalogue, played by a server: connect, refresh, refusal, revoke.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use catalogue::{Authentication, Service, Values};
use serde::Deserialize;
use service_client::{
    Credentials, Granted, OauthClient, RevokeError, SecretText, Secrets, TokenError, asked_secrets,
};
use url::Url;

use crate::service_server::{Asked, Reply, ServiceServer};

/// What a provider's documentation shows, with invented values.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fixture {
    #[serde(default)]
    variables: Values,
    #[serde(default)]
    callback: Values,
    connect: Step,
    extension: Option<Step>,
    refresh: Option<Step>,
    refusal: Option<Refusal>,
    revoke: Option<Step>,
    #[serde(default)]
    discovery: Vec<Step>,
    expect: Expect,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    method: Option<String>,
    url: Url,
    basic: Option<bool>,
    body: Option<BTreeMap<String, toml::Value>>,
    body_format: Option<String>,
    #[serde(default = "ok")]
    status: u16,
    answer: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Refusal {
    status: u16,
    answer: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    access_token: Option<String>,
    refresh_token: Option<String>,
    seconds: Option<f64>,
    base: String,
    #[serde(default)]
    learned: Values,
}

const fn ok() -> u16 {
    200
}

impl Step {
    /// What of a request is not as the provider documents it.
    fn differs(&self, asked: &Asked) -> Vec<String> {
        let mut differs = Vec::new();
        let mut expect = |what: &str, expected: String, found: String| {
            if expected != found {
                differs.push(format!("{what} is {found}, not {expected}"));
            }
        };
        if let Some(method) = &self.method {
            expect("the method", method.clone(), asked.method.clone());
        }
        expect("the host", self.url.host_str().unwrap().to_owned(), asked.host().to_owned());
        expect("the path", self.url.path().to_owned(), asked.path().to_owned());
        if let Some(basic) = self.basic {
            let sent = asked.header("authorization").is_some_and(|value| value.starts_with("Basic "));
            expect("whether the client proves itself by Basic", basic.to_string(), sent.to_string());
        }
        let query: BTreeMap<String, String> = asked.query().into_iter().collect();
        for (name, value) in self.url.query_pairs() {
            expect(
                &format!("the parameter {name}"),
                value.to_string(),
                query.get(&*name).cloned().unwrap_or_default(),
            );
        }
        let Some(body) = &self.body else { return differs };
        let sent: BTreeMap<String, String> = match self.body_format.as_deref() {
            Some("json") => {
                let object: BTreeMap<String, serde_json::Value> =
                    serde_json::from_slice(&asked.body).unwrap_or_default();
                object
                    .into_iter()
                    .map(|(name, value)| (name, value.as_str().map_or(value.to_string(), str::to_owned)))
                    .collect()
            }
            Some("query") => query,
            _ => asked.form().into_iter().chain(asked.oauth1()).collect(),
        };
        for (name, value) in body {
            let value = value.as_str().map_or(value.to_string(), str::to_owned);
            match sent.get(name) {
                None => differs.push(format!("the body has no {name}: {:?}", sent.keys())),
                Some(found) if value != "*" && *found != value => {
                    differs.push(format!("{name} is {found}, not {value}"));
                }
                Some(_) => {}
            }
        }
        differs
    }
}

/// What the server does with the next requests, in order, and what it disliked.
#[derive(Default)]
struct Play {
    steps: Vec<Step>,
    complaints: Vec<String>,
}

fn every_fixture() -> Vec<(String, Fixture)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../catalogue/fixtures");
    let mut all = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        all.push((name.clone(), toml::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))));
    }
    all.sort_by(|one, other| one.0.cmp(&other.0));
    all
}

fn access(credentials: &Credentials) -> Option<String> {
    match credentials {
        Credentials::Tokens(tokens) => Some(tokens.access.reveal().to_owned()),
        Credentials::Oauth1 { token, .. } => Some(token.reveal().to_owned()),
        _ => None,
    }
}

/// Plays one fixture. Answers what is wrong.
async fn played(service: &Service, fixture: &Fixture) -> Result<(), String> {
    let mut hosts: BTreeSet<String> = BTreeSet::new();
    let steps = [
        Some(&fixture.connect),
        fixture.extension.as_ref(),
        fixture.refresh.as_ref(),
        fixture.revoke.as_ref(),
    ];
    for step in steps.into_iter().flatten().chain(&fixture.discovery) {
        hosts.insert(step.url.host_str().unwrap().to_owned());
    }
    if let Authentication::Oauth1(oauth) = &service.authentication {
        let url = oauth.request_token_url.url(&fixture.variables).map_err(|error| error.to_string())?;
        hosts.insert(url.host_str().unwrap().to_owned());
    }
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let play = Arc::new(Mutex::new(Play::default()));
    let stage = Arc::clone(&play);
    let server = ServiceServer::start(&hosts, move |asked| {
        let mut play = stage.lock().unwrap();
        if play.steps.is_empty() {
            play.complaints.push(format!(
                "nobody expected {} {}{}",
                asked.method,
                asked.host(),
                asked.target
            ));
            return Reply::new(404, "");
        }
        let step = play.steps.remove(0);
        play.complaints.extend(step.differs(asked));
        Reply::new(step.status, step.answer)
    })
    .await;
    let client = server.client();
    let expect = |steps: &[Option<&Step>]| {
        play.lock().unwrap().steps = steps.iter().flatten().map(|step| (*step).clone()).collect()
    };
    let settle = |what: &str| {
        let mut play = play.lock().unwrap();
        let left: Vec<String> =
            play.steps.drain(..).map(|step| format!("{} was never asked", step.url)).collect();
        play.complaints.extend(left);
        if play.complaints.is_empty() {
            Ok(())
        } else {
            Err(format!("{what}: {}", std::mem::take(&mut play.complaints).join("; ")))
        }
    };
    let failed = |what: &str, error: &dyn std::fmt::Display| {
        let complaints = play.lock().unwrap().complaints.join("; ");
        format!("{what}: {error} ({complaints})")
    };

    // Connect.
    let ours = OauthClient {
        client_id: "invented-client".to_owned(),
        secret: Some("invented-client-secret".into()),
    };
    let redirect = Url::parse("https://platform.example/integrations/callback").unwrap();
    let connected: Granted = if service.authentication.needs_client() {
        if let Authentication::Oauth1(oauth) = &service.authentication {
            let token = fixture.callback.get("oauth_token").cloned().unwrap_or_default();
            let url = oauth.request_token_url.url(&fixture.variables).map_err(|error| error.to_string())?;
            let temporary = Step {
                method: Some("POST".to_owned()),
                url,
                basic: None,
                body: None,
                body_format: None,
                status: 200,
                answer: format!(
                    "oauth_token={token}&oauth_token_secret=invented-temporary&oauth_callback_confirmed=true"
                ),
            };
            expect(&[Some(&temporary)]);
        }
        let request = client
            .authorize(
                service,
                &ours,
                &fixture.variables,
                &BTreeSet::new(),
                &redirect,
                "a-state-of-24-characters",
            )
            .await
            .map_err(|error| failed("authorize", &error))?;
        settle("authorize")?;
        let mut steps = vec![Some(&fixture.connect), fixture.extension.as_ref()];
        steps.extend(fixture.discovery.iter().map(Some));
        expect(&steps);
        client
            .exchange_code(
                service,
                &ours,
                &fixture.variables,
                &redirect,
                request.verifier.as_ref(),
                &fixture.callback,
            )
            .await
            .map_err(|error| failed("connect", &error))?
    } else {
        expect(&[Some(&fixture.connect)]);
        let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
        let given: Secrets = asked_secrets(&service.authentication)
            .into_iter()
            .map(|asked| {
                let value = match asked.name.as_str() {
                    "private_key" => private_key(&service.authentication).unwrap_or_else(|| key.clone()),
                    name => format!("invented-{name}"),
                };
                (asked.name, SecretText::from(value))
            })
            .collect();
        let given = Credentials::given(&service.authentication, given).map_err(|error| error.to_string())?;
        client
            .refresh(service, None, &fixture.variables, &given)
            .await
            .map_err(|error| failed("connect", &error))?
    };
    settle("connect")?;
    let same = |what: &str, expected: &dyn std::fmt::Debug, found: &dyn std::fmt::Debug| {
        let (expected, found) = (format!("{expected:?}"), format!("{found:?}"));
        if expected == found { Ok(()) } else { Err(format!("{what}: {found}, not {expected}")) }
    };
    if let Some(token) = &fixture.expect.access_token {
        same("access token", &Some(token), &access(&connected.credentials).as_ref())?;
    }
    let refresh_token = connected.credentials.refresh_token().map(|token| token.reveal().to_owned());
    if fixture.expect.refresh_token.is_some() {
        same("refresh token", &fixture.expect.refresh_token, &refresh_token)?;
    }
    same("lifetime", &fixture.expect.seconds.map(Duration::from_secs_f64), &connected.expires_in)?;
    same("learned", &fixture.expect.learned, &connected.learned)?;
    let mut known = connected.learned.clone();
    known.extend(fixture.variables.clone());
    let base = service.base_url(&known).map_err(|error| format!("base: {error}"))?;
    same(
        "base",
        &Url::parse(&fixture.expect.base).unwrap().as_str().trim_end_matches('/'),
        &base.as_str().trim_end_matches('/'),
    )?;

    // Refresh, and its refusal.
    if let Some(refresh) = &fixture.refresh {
        expect(&[Some(refresh)]);
        let refreshed = client
            .refresh(service, Some(&ours), &known, &connected.credentials)
            .await
            .map_err(|error| failed("refresh", &error))?;
        settle("refresh")?;
        if refresh.answer.contains("invented-access-2") {
            same("refreshed token", &Some("invented-access-2"), &access(&refreshed.credentials).as_deref())?;
        }
        if let Some(refusal) = &fixture.refusal {
            expect(&[Some(&Step {
                status: refusal.status,
                answer: refusal.answer.clone(),
                ..refresh.clone()
            })]);
            match client.refresh(service, Some(&ours), &known, &connected.credentials).await {
                Err(TokenError::Refused { reconnect: true, .. }) => settle("refusal")?,
                other => return Err(format!("refusal: {:?}", other.map(|_| "a token"))),
            }
        }
    }

    // Revoke.
    match (&fixture.revoke, is_revocable(service)) {
        (Some(revoke), _) => {
            expect(&[Some(revoke)]);
            client
                .revoke(service, Some(&ours), &known, &connected.credentials)
                .await
                .map_err(|error| failed("revoke", &error))?;
            settle("revoke")
        }
        (None, true) => Ok(()),
        (None, false) => {
            let nothing = client.revoke(service, Some(&ours), &known, &connected.credentials).await;
            same("revoke", &Err::<(), _>(RevokeError::NotRevocable), &nothing)
        }
    }
}

/// Whether the entry says how to revoke.
fn is_revocable(service: &Service) -> bool {
    matches!(&service.authentication, Authentication::Oauth2Code(oauth) if oauth.revocation.is_some())
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

#[tokio::test(flavor = "multi_thread")]
async fn every_fixture_of_the_catalogue_plays() {
    let (mut wrong, mut number) = (Vec::new(), 0);
    let mut steps = BTreeMap::<&str, usize>::new();
    for (name, fixture) in every_fixture() {
        let key = name.parse().unwrap();
        let Some(service) = catalogue::built_in().find(&key) else {
            wrong.push(format!("{name}: no such entry"));
            continue;
        };
        number += 1;
        for (step, present) in [
            ("connect", true),
            ("refresh", fixture.refresh.is_some()),
            ("refusal", fixture.refresh.is_some() && fixture.refusal.is_some()),
            ("revoke", fixture.revoke.is_some()),
            ("discovery", !fixture.discovery.is_empty()),
        ] {
            *steps.entry(step).or_default() += usize::from(present);
        }
        match tokio::time::timeout(Duration::from_secs(60), played(service, &fixture)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => wrong.push(format!("{name}: {error}")),
            Err(_) => wrong.push(format!("{name}: it hangs")),
        }
    }
    println!("{number} fixtures: {steps:?}");
    assert!(number > 100, "the catalogue has its fixtures");
    assert!(wrong.is_empty(), "{} of {number}:\n{}", wrong.len(), wrong.join("\n"));
}

/// An entry that claims to be tried against recorded shapes has them.
#[test]
fn entries_of_the_fixture_tier_have_a_fixture() {
    let names: BTreeSet<String> = every_fixture().into_iter().map(|(name, _)| name).collect();
    let without: Vec<&str> = catalogue::built_in()
        .services()
        .filter(|service| service.tier == catalogue::Tier::Fixture && !names.contains(service.id.as_str()))
        .map(|service| service.id.as_str())
        .collect();
    assert!(without.is_empty(), "{without:?}");
}
