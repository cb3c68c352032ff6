//! The ways in which accounts may prove themselves, as OpenAPI says it, and the choice of one.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::answers::Answered;
use super::oauth_flows::{self, Flow};
use super::references::References;
use super::server_url::Templated;
use super::{Answer, Import, ImportError, Question, authorization_server};

/// The most ways of one document that are looked at.
const MOST: usize = 50;

/// The longest name of a header, parameter or cookie.
const LONGEST_NAME: usize = 100;
/// Headers that say where a request goes and where it ends.
const FRAMING: &[&str] = &[
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];

/// The names of security schemes that a request needs together.
pub(super) type Together = BTreeSet<String>;

/// How accounts prove themselves: what of it stands in an entry.
#[derive(Clone, Debug, Default)]
pub(super) struct Access {
    pub(super) authentication: Value,
    pub(super) credential: Vec<Value>,
    pub(super) variables: BTreeMap<String, Value>,
    /// What was assumed.
    pub(super) notes: Vec<String>,
}

/// The choice.
pub(super) enum Chosen {
    /// This way, which needs these schemes.
    Access(Access, Together),
    /// Somebody has to say it.
    Asked(Question),
}

/// One way, with how many operations take it.
struct Way<'a> {
    name: String,
    together: Together,
    operations: usize,
    method: Method<'a>,
}

enum Method<'a> {
    Bearer,
    Basic,
    Key(Place),
    TwoKeys(Place, Place),
    Oauth(Flow<'a>),
    OpenId(&'a str),
    Unsupported(&'static str),
}

#[derive(Clone, Debug)]
struct Place {
    place: &'static str,
    name: String,
}

/// What the choice is made from.
pub(super) struct Security<'a> {
    pub(super) document: &'a Value,
    pub(super) import: &'a Import<'a>,
    pub(super) answered: &'a Answered,
    pub(super) base: Option<&'a Templated>,
    /// For each operation, the schemes that it needs, one set for each alternative.
    pub(super) operations: &'a [Vec<Together>],
}

impl<'a> Security<'a> {
    /// Chooses the way that most operations take. Between a key and OAuth, or several of those, a person chooses.
    pub(super) fn choose(&self, notes: &mut Vec<String>) -> Result<Chosen, ImportError> {
        let ways = self.ways();
        if let Some(name) = &self.answered.authentication {
            return self.answered(name, &ways);
        }
        let Some(most) = ways.iter().filter(|way| way.is_supported()).map(|way| way.operations).max() else {
            return match ways.first() {
                None => Ok(Chosen::Asked(unsaid())),
                Some(Way { method: Method::Unsupported(reason), name, .. }) => {
                    Err(ImportError::Unsupported(format!(
                        "accounts prove themselves by {name}, {reason}; answer authentication if there is another way"
                    )))
                }
                Some(_) => Ok(Chosen::Asked(unsaid())),
            };
        };
        let best: Vec<&Way<'_>> =
            ways.iter().filter(|way| way.is_supported() && way.operations == most).collect();
        // Keys that do the same are not worth a question.
        let key = best.iter().filter(|way| way.rank().is_some()).min_by_key(|way| way.rank());
        let choices: Vec<&&Way<'_>> = best.iter().filter(|way| way.rank().is_none()).chain(key).collect();
        let [way] = choices.as_slice() else {
            return Ok(Chosen::Asked(
                Question::new(
                    Answer::Authentication,
                    "In which of these ways shall accounts prove themselves?",
                )
                .choosing(choices.iter().map(|way| way.name.clone()).collect())
                .suggesting(choices.first().map(|way| way.name.clone())),
            ));
        };
        let others: Vec<&str> = ways
            .iter()
            .filter(|other| other.is_supported() && other.name != way.name)
            .map(|other| other.name.as_str())
            .collect();
        if !others.is_empty() {
            notes.push(format!(
                "Accounts prove themselves by {}; the document has other ways, too, to be answered as authentication: {}.",
                way.name,
                others.join(", ")
            ));
        }
        self.access(way)
    }

    fn answered(&self, name: &str, ways: &[Way<'a>]) -> Result<Chosen, ImportError> {
        if let Some(way) = ways.iter().find(|way| way.name == name && way.is_supported()) {
            return self.access(way);
        }
        free(name).map(|access| Chosen::Access(access, Together::new())).ok_or_else(|| {
            let names: Vec<&str> =
                ways.iter().filter(|way| way.is_supported()).map(|way| way.name.as_str()).collect();
            ImportError::Answer {
                key: Answer::Authentication,
                reason: format!(
                    "it is one of {}",
                    names.iter().chain(FREE).copied().collect::<Vec<_>>().join(", ")
                ),
            }
        })
    }

    fn access(&self, way: &Way<'a>) -> Result<Chosen, ImportError> {
        let access = match &way.method {
            Method::Bearer => bearer(json!({ "kind": "bearer_token" })),
            Method::Basic => basic(json!({ "kind": "basic" })),
            Method::Key(place) => Access {
                authentication: json!({ "kind": "api_key" }),
                credential: vec![place.holding("{api_key}")],
                ..Access::default()
            },
            // One value for each: what Basic has, in other places.
            Method::TwoKeys(first, second) => Access {
                authentication: json!({ "kind": "basic", "user_label": first.name, "password_label": second.name }),
                credential: vec![first.holding("{user}"), second.holding("{password}")],
                ..Access::default()
            },
            Method::Oauth(flow) => oauth_flows::access(flow, self.base, &self.root_scopes(&way.together))?,
            Method::OpenId(url) => match self.import.authorization_server {
                Some((text, fetched_from)) => {
                    authorization_server::access(text, fetched_from, self.root_scopes(&way.together))?
                }
                None => return Ok(Chosen::Asked(oauth_flows::metadata_question(url)?)),
            },
            Method::Unsupported(reason) => {
                return Err(ImportError::Unsupported(format!(
                    "accounts prove themselves by {}, {reason}",
                    way.name
                )));
            }
        };
        Ok(Chosen::Access(access, way.together.clone()))
    }

    /// The scopes that every request needs.
    fn root_scopes(&self, together: &Together) -> Vec<String> {
        let all = self.document.get("security").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let scopes = |requirement: &Value| {
            let name = together.first()?;
            let scopes = requirement.get(name)?.as_array()?;
            let scopes = scopes.iter().take(MOST).filter_map(Value::as_str).map(str::to_owned);
            Some(scopes.collect::<Vec<_>>())
        };
        all.iter().find_map(scopes).unwrap_or_default()
    }

    fn ways(&self) -> Vec<Way<'a>> {
        let references = References::of(self.document);
        let definitions = self.document.pointer("/components/securitySchemes");
        let definitions = definitions.or_else(|| self.document.get("securityDefinitions"));
        let definitions = definitions.and_then(|all| references.follow(all)).and_then(Value::as_object);
        let Some(definitions) = definitions else { return Vec::new() };
        let mut taken: BTreeMap<&Together, usize> = BTreeMap::new();
        for alternatives in self.operations {
            for together in alternatives.iter().filter(|together| !together.is_empty()) {
                if taken.len() < MOST || taken.contains_key(together) {
                    *taken.entry(together).or_default() += 1;
                }
            }
        }
        let singles: Vec<Together> =
            definitions.keys().take(MOST).map(|name| Together::from([name.clone()])).collect();
        if taken.is_empty() {
            taken.extend(singles.iter().map(|single| (single, 0)));
        }
        let mut ways = Vec::new();
        for (together, operations) in taken {
            let of = |name: &String| definitions.get(name).and_then(|scheme| references.follow(scheme));
            let methods: Vec<Vec<(String, Method<'a>)>> = together
                .iter()
                .map(|name| of(name).map_or_else(Vec::new, |scheme| methods(name, scheme)))
                .collect();
            let way = |name, method| Way { name, together: together.clone(), operations, method };
            match <[_; 1]>::try_from(methods) {
                Ok([alone]) => ways.extend(alone.into_iter().map(|(name, method)| way(name, method))),
                Err(several) => {
                    let name = together.iter().cloned().collect::<Vec<_>>().join("+");
                    ways.push(way(name, several_together(several)));
                }
            }
        }
        ways
    }
}

impl Way<'_> {
    fn is_supported(&self) -> bool {
        !matches!(self.method, Method::Unsupported(_))
    }

    /// The order among keys; none for what a person has to choose.
    fn rank(&self) -> Option<usize> {
        match &self.method {
            Method::Bearer => Some(0),
            Method::Key(place) if place.place == "header" => Some(1),
            Method::Basic => Some(2),
            Method::Key(_) => Some(3),
            Method::TwoKeys(..) => Some(4),
            Method::Oauth(_) | Method::OpenId(_) | Method::Unsupported(_) => None,
        }
    }
}

impl Place {
    fn holding(&self, format: &str) -> Value {
        json!({ "place": self.place, "name": self.name, "format": format })
    }
}

/// What one scheme offers. OAuth 2.0 may offer several.
fn methods<'a>(name: &str, scheme: &'a Value) -> Vec<(String, Method<'a>)> {
    let text = |key: &str| scheme.get(key).and_then(Value::as_str).unwrap_or_default();
    let one = |method| vec![(name.to_owned(), method)];
    match text("type") {
        "basic" => one(Method::Basic),
        "http" => one(match text("scheme").to_ascii_lowercase().as_str() {
            "bearer" => Method::Bearer,
            "basic" => Method::Basic,
            _ => Method::Unsupported("an HTTP scheme other than Basic and Bearer"),
        }),
        "apiKey" => one(match placed(text("in"), text("name")) {
            // Before there was a word for it, this was how OpenAPI 2 said it.
            Some(place) if place.name.eq_ignore_ascii_case("authorization") && says_bearer(scheme) => {
                Method::Bearer
            }
            Some(place) => Method::Key(place),
            None => Method::Unsupported("a key whose place the document does not say"),
        }),
        "oauth2" => oauth_flows::read(scheme).map_or_else(
            |reason| one(Method::Unsupported(reason)),
            |flows| {
                let several = flows.len() > 1;
                let named = |flow: &Flow<'_>| {
                    if several { format!("{name}:{}", flow.kind()) } else { name.to_owned() }
                };
                flows.into_iter().map(|flow| (named(&flow), Method::Oauth(flow))).collect()
            },
        ),
        "openIdConnect" => one(Method::OpenId(text("openIdConnectUrl"))),
        "mutualTLS" => one(Method::Unsupported("a client certificate")),
        _ => one(Method::Unsupported("a way that OpenAPI does not know")),
    }
}

fn says_bearer(scheme: &Value) -> bool {
    let says = |key: &str| {
        scheme
            .get(key)
            .and_then(Value::as_str)
            .is_some_and(|text| text.to_ascii_lowercase().contains("bearer"))
    };
    says("description") || says("x-bearer-format") || says("bearerFormat")
}

fn placed(place: &str, name: &str) -> Option<Place> {
    let place = ["header", "query", "cookie"].into_iter().find(|known| *known == place)?;
    let fits = match place {
        "header" => is_own_header(name),
        "cookie" => is_token(name),
        _ => !name.is_empty() && name.len() <= LONGEST_NAME && !name.contains(char::is_control),
    };
    fits.then(|| Place { place, name: name.to_owned() })
}

/// The name of a field or cookie (RFC 9110, 5.6.2).
fn is_token(name: &str) -> bool {
    let is_of_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.len() <= LONGEST_NAME && name.bytes().all(is_of_token)
}

/// Whether a document may say what stands in this header: not in those that lead a request or frame it.
pub(super) fn is_own_header(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let led = ["proxy-", "x-forwarded-", "x-vybe-", "sec-"].iter().any(|start| name.starts_with(start));
    is_token(&name) && !led && !FRAMING.contains(&name.as_str())
}

fn several_together<'a>(methods: Vec<Vec<(String, Method<'a>)>>) -> Method<'a> {
    let mut places = methods.into_iter().flatten().map(|(_, method)| match method {
        Method::Key(place) => Some(place),
        _ => None,
    });
    match (places.next(), places.next(), places.next()) {
        (Some(Some(first)), Some(Some(second)), None) => Method::TwoKeys(first, second),
        _ => Method::Unsupported("several things at once"),
    }
}

pub(super) fn bearer(authentication: Value) -> Access {
    let header = json!({ "place": "header", "name": "Authorization", "format": "Bearer {token}" });
    Access { authentication, credential: vec![header], ..Access::default() }
}

fn basic(authentication: Value) -> Access {
    let header = json!({ "place": "basic", "name": "Authorization", "format": "{user}:{password}" });
    Access { authentication, credential: vec![header], ..Access::default() }
}

/// The ways that can be answered whatever the document says.
const FREE: &[&str] =
    &["bearer_token", "basic", "api_key:header:NAME", "api_key:query:NAME", "api_key:cookie:NAME", "none"];

fn free(answer: &str) -> Option<Access> {
    match answer {
        "bearer_token" => Some(bearer(json!({ "kind": "bearer_token" }))),
        "basic" => Some(basic(json!({ "kind": "basic" }))),
        "none" => Some(Access { authentication: json!({ "kind": "none" }), ..Access::default() }),
        _ => {
            let (place, name) = answer.strip_prefix("api_key:")?.split_once(':')?;
            let credential = vec![placed(place, name)?.holding("{api_key}")];
            Some(Access { authentication: json!({ "kind": "api_key" }), credential, ..Access::default() })
        }
    }
}

fn unsaid() -> Question {
    Question::new(Answer::Authentication, "How do accounts prove themselves? The document does not say it.")
        .choosing(FREE.iter().map(|&free| free.to_owned()).collect())
}
