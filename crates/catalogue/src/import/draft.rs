//! An entry on its way.

use serde_json::{Value, json};
use url::{Host, Url};

use super::answers::Answered;
use super::schemes::{Access, Together};
use super::server_url::Templated;
use super::servers::Base;
use super::{Answer, ImportError, Proposal, Question, address};
use crate::{Action, Service, ServiceError, ServiceKey, Template};

/// The longest name for people, in characters.
const LONGEST_NAME: usize = 80;
/// The longest stable name that is made of one.
const LONGEST_KEY: usize = 40;
/// The category of whatever nobody sorted.
const CATEGORY: &str = "imported";
/// Parts of host names that name no service.
const GENERIC: &[&str] = &[
    "www", "api", "apis", "auth", "login", "oauth", "oauth2", "accounts", "account", "id", "sso", "mcp",
    "connect",
];

/// What is known so far.
pub(super) struct Draft<'a> {
    format: &'static str,
    answered: &'a Answered,
    fetched_from: Option<&'a Url>,
    name: Option<String>,
    documentation: Option<Url>,
    base: Option<Templated>,
    access: Option<(Access, Together)>,
    questions: Vec<Question>,
    pub(super) notes: Vec<String>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) test: Option<String>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(format: &'static str, answered: &'a Answered, fetched_from: Option<&'a Url>) -> Self {
        Self {
            format,
            answered,
            fetched_from,
            name: answered.name.clone(),
            documentation: answered.documentation.clone(),
            base: None,
            access: None,
            questions: Vec::new(),
            notes: Vec::new(),
            headers: Vec::new(),
            test: None,
        }
    }

    /// Its name, unless there is one already.
    pub(super) fn name(&mut self, name: Option<&str>) {
        if self.name.is_none() {
            let name = name.map(|name| name.split_whitespace().collect::<Vec<_>>().join(" "));
            let name = name.map(|name| {
                name.chars().filter(|character| !character.is_control()).take(LONGEST_NAME).collect()
            });
            self.name = name.filter(|name: &String| !name.is_empty());
        }
    }

    /// The same from a host: `https://mcp.acme.com/` is Acme's.
    pub(super) fn name_after_host(&mut self, url: &Url) {
        let Some(Host::Domain(host)) = url.host() else { return };
        let mut labels: Vec<&str> = host.split('.').collect();
        labels.pop();
        let label = labels.iter().find(|label| !GENERIC.contains(label)).or(labels.first());
        let name = label.map(|label| {
            let mut characters = label.chars();
            let first = characters.next().map(|first| first.to_ascii_uppercase());
            first.into_iter().chain(characters).collect::<String>()
        });
        self.name(name.as_deref());
    }

    /// The page that the facts come from, unless there is one already.
    pub(super) fn documentation(&mut self, text: Option<&str>) {
        if self.documentation.is_none() {
            let url = text.and_then(|text| Url::parse(text.trim()).ok());
            self.documentation = url.filter(|url| address::unfit(url).is_none());
        }
    }

    pub(super) fn base(&mut self, base: Base) {
        match base {
            Base::Known(base) => self.base = Some(base),
            Base::Asked(question) => self.ask(question),
        }
    }

    pub(super) fn access(&mut self, mut access: Access, together: Together) {
        self.notes.append(&mut access.notes);
        self.access = Some((access, together));
    }

    pub(super) fn ask(&mut self, question: Question) {
        self.questions.push(question);
    }

    pub(super) const fn known_base(&self) -> Option<&Templated> {
        self.base.as_ref()
    }

    /// The schemes that calls bring, if that is known.
    pub(super) fn together(&self) -> Option<&Together> {
        self.access.as_ref().map(|(_, together)| together)
    }

    /// What came out, with these actions.
    pub(super) fn finish(mut self, actions: &[Action]) -> Result<Proposal, ImportError> {
        self.documentation(self.fetched_from.map(Url::as_str));
        if let Some(base) = &self.base {
            let of_host =
                base.hosts.first().map(|host| format!("https://{}/", host.trim_start_matches("*.")));
            let url = of_host.as_deref().and_then(|text| Url::parse(text).ok());
            self.documentation(of_host.as_deref());
            if let Some(url) = url {
                self.name_after_host(&url);
            }
        }
        if self.name.is_none() {
            self.ask(Question::new(Answer::Name, "What is the service called?"));
        }
        let service = self.service(actions)?.filter(|_| self.questions.is_empty());
        let Self { format, questions, notes, .. } = self;
        Ok(Proposal { format, service, questions, notes })
    }

    /// The entry, made by the same door as entries in files: no field of it is set here that they could not set.
    fn service(&self, actions: &[Action]) -> Result<Option<Service>, ImportError> {
        let (Some(name), Some(documentation), Some(base), Some((access, _))) =
            (&self.name, &self.documentation, &self.base, &self.access)
        else {
            return Ok(None);
        };
        let key = match &self.answered.key {
            Some(key) => key.clone(),
            None => key(name).or_else(|| key(documentation.host_str()?)).ok_or_else(|| {
                ImportError::Answer { key: Answer::Key, reason: "the name makes none; answer one".to_owned() }
            })?,
        };
        let mut variables = base.variables.clone();
        variables.extend(access.variables.clone());
        let headers: serde_json::Map<String, Value> =
            self.headers.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
        let entry = json!({
            "schema": 1,
            "id": key,
            "name": name,
            "categories": [self.answered.category.as_deref().unwrap_or(CATEGORY)],
            "tier": "imported",
            "documentation": documentation,
            "variable": variables.into_values().collect::<Vec<_>>(),
            "authentication": access.authentication,
            "api": {
                "base": base.text,
                "hosts": base.hosts,
                "credential": access.credential,
                "headers": headers,
                "test": self.test.as_ref().map(|path| json!({ "path": path })),
            },
            "action": actions,
        });
        let invalid = |error: serde_json::Error| ServiceError::Rule(error.to_string());
        let service: Service = serde_json::from_value(entry).map_err(invalid)?;
        service.check()?;
        for url in crate::changes::places(&service) {
            // Once more, with the address as the entry has it: what a document says went through several hands. One with a
            // variable in it was judged with every value that it can have.
            let host = Template::as_str(url).strip_prefix("https://").unwrap_or_default();
            let host = host.split(['/', '?', '#', ':']).next().unwrap_or_default();
            let reason = if host.contains('{') { None } else { address::unfit_name(host) };
            if let Some(reason) = reason {
                return Err(ImportError::Address {
                    what: "an address of the entry".to_owned(),
                    url: address::shortened(url.as_str()),
                    reason,
                });
            }
        }
        Ok(Some(service))
    }
}

/// A stable name made of one for people.
fn key(name: &str) -> Option<ServiceKey> {
    let mut key = String::new();
    for character in name.chars() {
        if character.is_ascii_alphanumeric() {
            key.push(character.to_ascii_lowercase());
        } else if !key.is_empty() && !key.ends_with('-') {
            key.push('-');
        }
        if key.len() >= LONGEST_KEY {
            break;
        }
    }
    let key =
        key.trim_start_matches(|first: char| first.is_ascii_digit() || first == '-').trim_end_matches('-');
    key.parse().ok()
}
