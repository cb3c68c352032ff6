//! The operations of an OpenAPI document, with what they have in common resolved.

use serde_json::Value;

use super::references::References;
use super::schemes::Together;

/// The most operations that are read.
const MOST: usize = 5_000;
/// The most parameters of one.
const MOST_PARAMETERS: usize = 200;
/// The most alternatives of one.
const MOST_ALTERNATIVES: usize = 20;
/// The most schemes of an alternative that are looked at: more than two together are none that accounts can have.
const MOST_TOGETHER: usize = 4;
/// The longest name of a parameter or scheme, in characters. References bring the same one into every operation.
const LONGEST_NAME: usize = 200;
/// The methods that can be actions.
const METHODS: &[&str] = &["get", "post", "put", "patch", "delete"];

/// The operations of a document.
pub(super) struct Operations<'a> {
    pub(super) all: Vec<Operation<'a>>,
    /// How many operations or paths of them are in other documents.
    pub(super) elsewhere: usize,
    /// How many operations were not read, because there are too many.
    pub(super) beyond: usize,
    pub(super) references: References<'a>,
}

/// One of them.
pub(super) struct Operation<'a> {
    pub(super) method: &'static str,
    pub(super) path: &'a str,
    pub(super) said: &'a Value,
    pub(super) parameters: Vec<Parameter<'a>>,
    /// The schemes that it needs, one set for each alternative. Empty: it needs none.
    pub(super) security: Vec<Together>,
    /// The servers that it has instead of the document's.
    pub(super) servers: Option<&'a Value>,
    /// It is on another server than the one that was chosen.
    pub(super) is_elsewhere: bool,
    /// What bodies it takes, by media type (OpenAPI 3), or by OpenAPI 2's `consumes`.
    pub(super) bodies: Bodies<'a>,
}

/// A parameter.
#[derive(Clone, Copy)]
pub(super) struct Parameter<'a> {
    pub(super) name: &'a str,
    /// `path`, `query`, `header`, `cookie`, `body` or `formData`.
    pub(super) place: &'a str,
    pub(super) is_required: bool,
    pub(super) said: &'a Value,
}

impl Parameter<'_> {
    /// Whether it is the credential itself, shown as a parameter of each operation.
    pub(super) fn is_token(&self) -> bool {
        self.place != "path" && matches!(self.name, "token" | "access_token" | "oauth_token")
    }
}

/// What bodies an operation takes.
#[derive(Default)]
pub(super) struct Bodies<'a> {
    /// The schema of a JSON body.
    pub(super) json: Option<&'a Value>,
    /// The schema of a form; for OpenAPI 2, its fields are parameters.
    pub(super) form: Option<&'a Value>,
    /// It takes bodies of other kinds.
    pub(super) others: bool,
    pub(super) is_required: bool,
}

impl<'a> Operations<'a> {
    pub(super) fn of(document: &'a Value) -> Self {
        let references = References::of(document);
        let mut found = Self { all: Vec::new(), elsewhere: 0, beyond: 0, references };
        let root = alternatives(document.get("security"));
        let paths = document.get("paths").and_then(Value::as_object);
        for (path, item) in paths.into_iter().flatten() {
            let Some(item) = references.follow(item) else {
                found.elsewhere += 1;
                continue;
            };
            for &method in METHODS {
                let Some(said) = item.get(method) else { continue };
                let Some(said) = references.follow(said) else {
                    found.elsewhere += 1;
                    continue;
                };
                if !said.is_object() {
                    continue;
                }
                if found.all.len() >= MOST {
                    found.beyond += 1;
                    continue;
                }
                let parameters = parameters(references, item, said);
                let bodies = bodies(references, document, said, &parameters);
                let security =
                    alternatives(said.get("security")).or_else(|| root.clone()).unwrap_or_default();
                let servers = |value: &'a Value| {
                    value
                        .get("servers")
                        .filter(|servers| servers.as_array().is_some_and(|all| !all.is_empty()))
                };
                let servers = servers(said).or_else(|| servers(item));
                let is_elsewhere = false;
                found.all.push(Operation {
                    method,
                    path,
                    said,
                    parameters,
                    security,
                    servers,
                    is_elsewhere,
                    bodies,
                });
            }
        }
        found
    }

    /// What each needs.
    pub(super) fn security(&self) -> Vec<Vec<Together>> {
        self.all.iter().map(|operation| operation.security.clone()).collect()
    }
}

impl Operation<'_> {
    /// Whether it may be called with these schemes. With none known it is left to whoever calls.
    pub(super) fn takes(&self, together: Option<&Together>) -> bool {
        let Some(together) = together.filter(|together| !together.is_empty()) else { return true };
        self.security.is_empty() || self.security.iter().any(|alternative| alternative.is_subset(together))
    }
}

fn alternatives(security: Option<&Value>) -> Option<Vec<Together>> {
    let all = security?.as_array()?.iter().take(MOST_ALTERNATIVES);
    let short = |name: &String| name.chars().take(LONGEST_NAME).collect::<String>();
    Some(
        all.filter_map(|one| Some(one.as_object()?.keys().take(MOST_TOGETHER).map(short).collect()))
            .collect(),
    )
}

/// The parameters of the path and those of the operation, which come in the place of ones of the same name.
fn parameters<'a>(references: References<'a>, item: &'a Value, said: &'a Value) -> Vec<Parameter<'a>> {
    let list =
        |value: &'a Value| value.get("parameters").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let mut found: Vec<Parameter<'a>> = Vec::new();
    for parameter in list(said).iter().chain(list(item)).take(MOST_PARAMETERS) {
        let Some(parameter) = references.follow(parameter) else { continue };
        let text = |key: &str| parameter.get(key).and_then(Value::as_str);
        let (Some(name), Some(place)) = (text("name"), text("in")) else { continue };
        if name.len() > LONGEST_NAME {
            continue;
        }
        if found.iter().any(|known| known.name == name && known.place == place) {
            continue;
        }
        let is_required = parameter.get("required").and_then(Value::as_bool).unwrap_or_default();
        found.push(Parameter { name, place, is_required, said: parameter });
    }
    found
}

fn bodies<'a>(
    references: References<'a>,
    document: &'a Value,
    said: &'a Value,
    parameters: &[Parameter<'a>],
) -> Bodies<'a> {
    let mut found = Bodies::default();
    if let Some(body) = said.get("requestBody") {
        let Some(body) = references.follow(body) else {
            return Bodies { others: true, is_required: true, ..found };
        };
        found.is_required = body.get("required").and_then(Value::as_bool).unwrap_or_default();
        for (media, content) in body.get("content").and_then(Value::as_object).into_iter().flatten() {
            found.add(media, content.get("schema").unwrap_or(&Value::Null));
        }
        return found;
    }
    let body = parameters.iter().find(|parameter| parameter.place == "body");
    let fields = parameters.iter().filter(|parameter| parameter.place == "formData");
    found.is_required = body.is_some_and(|body| body.is_required);
    if let Some(body) = body {
        let schema = body.said.get("schema").unwrap_or(&Value::Null);
        let consumed = said.get("consumes").or_else(|| document.get("consumes")).and_then(Value::as_array);
        match consumed.map(Vec::as_slice) {
            None | Some([]) => found.json = Some(schema),
            Some(all) => all.iter().filter_map(Value::as_str).for_each(|media| found.add(media, schema)),
        }
    }
    for field in fields {
        found.form = Some(&Value::Null);
        if field.said.get("type").and_then(Value::as_str) == Some("file") {
            found.others = true;
            found.is_required |= field.is_required;
        }
    }
    found
}

impl<'a> Bodies<'a> {
    fn add(&mut self, media: &str, schema: &'a Value) {
        let essence = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "application/json" | "*/*" | "application/*" => self.json = Some(schema),
            essence if essence.starts_with("application/") && essence.ends_with("+json") => {
                self.json = self.json.or(Some(schema));
            }
            "application/x-www-form-urlencoded" => self.form = Some(schema),
            _ => self.others = true,
        }
    }
}
