//! A URL of a document with variables in braces, made a template whose host cannot be led elsewhere.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use url::Url;

use super::address;
use crate::{Pattern, Template, Values};

/// The most variables of one URL.
const MOST_VARIABLES: usize = 8;
/// The most hosts that are listed one by one rather than as `*.…`.
const MOST_HOSTS: usize = 64;
/// A part of a domain name.
const LABEL: &str = "[a-z0-9][a-z0-9-]{0,62}";
/// A part of a path.
const SEGMENT: &str = "[A-Za-z0-9][A-Za-z0-9._~-]{0,127}";
/// What templates of credentials hold already.
const TAKEN: &[&str] = &["token", "api_key", "user", "password", "client_id"];

/// A URL with variables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Templated {
    /// As a template has it.
    pub(super) text: String,
    /// The hosts that it can have, as patterns.
    pub(super) hosts: Vec<String>,
    /// What has to be asked for it, by name, as entries have it.
    pub(super) variables: BTreeMap<String, Value>,
}

/// Why a URL cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    /// It is none by itself: a path, or a host that somebody has to say.
    Open,
    /// No credential may be sent to it.
    Unfit(&'static str),
}

enum Part<'a> {
    Literal(&'a str),
    Variable(&'a str),
}

/// Reads one. `definitions` say what its variables are (OpenAPI 3, Server Variable Object).
pub(super) fn read(text: &str, definitions: Option<&Value>) -> Result<Templated, Unusable> {
    let text = text.trim();
    if text.len() > 1000 || text.contains(|character: char| character.is_control() || character == '\\') {
        return Err(Unusable::Unfit(address::UNREADABLE));
    }
    // Two braces are what authors of collections write where everybody has a host of their own.
    if text.contains("{{") {
        return Err(Unusable::Open);
    }
    let text = with_scheme(text, definitions)?;
    let Some(rest) = text.strip_prefix("https://") else {
        let is_url = text
            .split_once("://")
            .is_some_and(|(scheme, _)| scheme.bytes().all(|byte| byte.is_ascii_alphabetic()));
        return Err(if is_url { Unusable::Unfit(address::NOT_HTTPS) } else { Unusable::Open });
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let mut found = Templated { text: "https://".to_owned(), ..Templated::default() };
    if authority.contains('@') {
        return Err(Unusable::Unfit(address::HAS_CREDENTIALS));
    }
    let (host, port) = split_port(authority);
    read_host(&mut found, host, definitions)?;
    if let Some(port) = port.and_then(|port| number(port, definitions)) {
        found.text.push(':');
        found.text.push_str(&port);
    }
    for part in parts(path)? {
        match part {
            Part::Literal(literal) => found.text.push_str(literal),
            Part::Variable(name) => add(&mut found, name, definitions, SEGMENT)?,
        }
    }
    found.text.truncate(found.text.trim_end_matches('/').len());
    check(&found)?;
    Ok(found)
}

/// The text with `https` where a variable or nothing stands for the scheme, and with a listed value where a variable
/// stands for scheme and host.
fn with_scheme(text: &str, definitions: Option<&Value>) -> Result<String, Unusable> {
    if text.starts_with("//") {
        return Ok(format!("https:{text}"));
    }
    let Some((name, rest)) = text.strip_prefix('{').and_then(|rest| rest.split_once('}')) else {
        return Ok(text.to_owned());
    };
    let (values, default) = values(name, definitions);
    if rest.starts_with("://") {
        let secure = values.iter().chain(&default).any(|value| value == "https");
        let unsaid = values.is_empty() && default.is_none();
        return if secure || unsaid {
            Ok(format!("https{rest}"))
        } else {
            Err(Unusable::Unfit(address::NOT_HTTPS))
        };
    }
    let listed = default.filter(|default| values.contains(default)).or_else(|| values.first().cloned());
    let listed = listed.filter(|listed| !listed.contains(['{', '}'])).ok_or(Unusable::Open)?;
    Ok(format!("{}{rest}", listed.trim_end_matches('/')))
}

fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        // Not inside an IPv6 address.
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

/// A port: as it stands, or the default of its variable. Without either it is the scheme's own.
fn number(port: &str, definitions: Option<&Value>) -> Option<String> {
    let is_number = |text: &str| text.parse::<u16>().is_ok_and(|port| port != 0);
    match port.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        None => is_number(port).then(|| port.to_owned()),
        Some(name) => {
            let (values, default) = values(name, definitions);
            default.into_iter().chain(values).find(|value| is_number(value))
        }
    }
    .filter(|port| port != "443")
}

fn read_host(found: &mut Templated, host: &str, definitions: Option<&Value>) -> Result<(), Unusable> {
    let all = parts(host)?;
    // A variable that is the whole host could be any host: only listed values are the service's own.
    if let [Part::Variable(name)] = all.as_slice() {
        let (values, default) = values(name, definitions);
        let host = default.filter(|default| values.contains(default)).or_else(|| values.first().cloned());
        let host =
            host.filter(|host| host.contains('.') && !host.contains(['{', '}', '/', ':', '@', '?', '#']));
        return read_host(found, &host.ok_or(Unusable::Open)?, None);
    }
    let mut hosts = Some(vec![String::new()]);
    let mut suffix = String::new();
    let mut is_fixed = true;
    for part in all {
        match part {
            Part::Literal(literal) => {
                let literal = literal.to_ascii_lowercase();
                found.text.push_str(&literal);
                suffix.push_str(&literal);
                hosts.iter_mut().flatten().for_each(|host| host.push_str(&literal));
            }
            Part::Variable(name) => {
                is_fixed = false;
                add(found, name, definitions, LABEL)?;
                suffix.clear();
                let (values, _) = values(name, definitions);
                let fit = |value: &String| {
                    value.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
                };
                hosts = hosts.filter(|_| !values.is_empty() && values.iter().all(fit)).map(|hosts| {
                    hosts
                        .iter()
                        .flat_map(|host| values.iter().map(move |value| format!("{host}{value}")))
                        .collect()
                });
                hosts = hosts.filter(|hosts| hosts.len() <= MOST_HOSTS);
            }
        }
    }
    found.hosts = match hosts {
        Some(hosts) if is_fixed => vec![spelled(hosts.first().map_or("", String::as_str))?],
        Some(hosts) => hosts,
        None => {
            let at = suffix.find('.').ok_or(Unusable::Open)?;
            let below = suffix.get(at + 1..).unwrap_or_default();
            // `*.com` would be everybody.
            if !below.contains('.') {
                return Err(Unusable::Open);
            }
            vec![format!("*.{below}")]
        }
    };
    Ok(())
}

/// A host as URLs spell it: addresses and names in other scripts are recognised.
fn spelled(host: &str) -> Result<String, Unusable> {
    let unreadable = Unusable::Unfit(address::UNREADABLE);
    let url = Url::parse(&format!("https://{host}/")).map_err(|_| unreadable)?;
    match address::unfit(&url) {
        Some(address::PLACEHOLDER) => Err(Unusable::Open),
        Some(reason) => Err(Unusable::Unfit(reason)),
        None => url.host_str().map(str::to_owned).ok_or(unreadable),
    }
}

/// Adds a variable to the text and to what is asked.
fn add(
    found: &mut Templated,
    name: &str,
    definitions: Option<&Value>,
    pattern: &str,
) -> Result<(), Unusable> {
    let key = key(name).ok_or(Unusable::Unfit(address::UNREADABLE))?;
    let (values, default) = values(name, definitions);
    let is_list = !values.is_empty();
    let pattern = if is_list {
        values.iter().map(|value| regex::escape(value)).collect::<Vec<_>>().join("|")
    } else {
        pattern.to_owned()
    };
    let fits = Pattern::new(&pattern).map_err(|_| Unusable::Unfit(address::UNREADABLE))?;
    let default = default.filter(|default| fits.matches(default));
    let label = definitions
        .and_then(|definitions| definitions.get(name)?.get("description")?.as_str())
        .map(|text| address::shortened(text.split(['\n', '.']).next().unwrap_or_default().trim()))
        .filter(|label| !label.is_empty())
        .unwrap_or_else(|| name.to_owned());
    found.text.push('{');
    found.text.push_str(&key);
    found.text.push('}');
    // A default without a list is what the author wrote where everybody has a value of their own.
    let (default, example) = if is_list { (default, None) } else { (None, default) };
    let variable =
        json!({ "key": key, "label": label, "pattern": pattern, "default": default, "example": example });
    found.variables.insert(key, variable);
    if found.variables.len() > MOST_VARIABLES { Err(Unusable::Unfit(address::UNREADABLE)) } else { Ok(()) }
}

/// The values that a variable may have, as far as they are listed, and the one that it has if nobody says.
fn values(name: &str, definitions: Option<&Value>) -> (Vec<String>, Option<String>) {
    let definition = definitions.and_then(|definitions| definitions.get(name));
    let text = |value: &Value| match value {
        Value::String(text) if !text.is_empty() && text.len() <= 100 => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let listed = definition.and_then(|definition| definition.get("enum")?.as_array());
    let listed = listed.into_iter().flatten().take(MOST_HOSTS).filter_map(text).collect();
    (listed, definition.and_then(|definition| text(definition.get("default")?)))
}

/// A name as templates have it: `accountId` becomes `account_id`.
pub(super) fn key(name: &str) -> Option<String> {
    let mut key = String::new();
    for character in name.chars().take(60) {
        if character.is_ascii_uppercase() && key.ends_with(|last: char| last.is_ascii_lowercase()) {
            key.push('_');
        }
        match character {
            character if character.is_ascii_alphanumeric() => key.push(character.to_ascii_lowercase()),
            _ if !key.is_empty() && !key.ends_with('_') => key.push('_'),
            _ => {}
        }
    }
    let key = key.trim_end_matches('_');
    if key.is_empty() {
        return None;
    }
    Some(if TAKEN.contains(&key) { format!("{key}_value") } else { key.to_owned() })
}

fn parts(text: &str) -> Result<Vec<Part<'_>>, Unusable> {
    let unreadable = Unusable::Unfit(address::UNREADABLE);
    let (mut parts, mut rest) = (Vec::new(), text);
    while let Some((literal, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').ok_or(unreadable)?;
        if literal.contains('}') || name.contains('{') {
            return Err(unreadable);
        }
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        parts.push(Part::Variable(name));
        rest = after;
    }
    if rest.contains('}') {
        return Err(unreadable);
    }
    if !rest.is_empty() {
        parts.push(Part::Literal(rest));
    }
    Ok(parts)
}

/// Renders it with values that fit, and looks at what comes out.
fn check(found: &Templated) -> Result<(), Unusable> {
    let unreadable = Unusable::Unfit(address::UNREADABLE);
    let template = Template::try_from(found.text.clone()).map_err(|_| unreadable)?;
    let mut given = Values::new();
    for (key, variable) in &found.variables {
        let text = |member: &str| variable.get(member).and_then(Value::as_str).map(str::to_owned);
        let pattern = text("pattern").unwrap_or_default();
        let value = text("default").unwrap_or_else(|| match pattern.as_str() {
            LABEL | SEGMENT => "a".to_owned(),
            listed => listed.split('|').next().unwrap_or_default().replace('\\', ""),
        });
        given.insert(key.clone(), value);
    }
    let url = template.url(&given).map_err(|_| unreadable)?;
    match address::unfit(&url) {
        Some(address::PLACEHOLDER) => Err(Unusable::Open),
        Some(reason) => Err(Unusable::Unfit(reason)),
        None => {
            let bare = found.hosts.iter().map(|host| format!("https://{}/", host.trim_start_matches("*.")));
            let judged = |host: String| match Url::parse(&host) {
                Ok(url) => address::unfit(&url),
                Err(_) => Some(address::UNREADABLE),
            };
            match bare.filter_map(judged).next() {
                Some(address::PLACEHOLDER) => Err(Unusable::Open),
                Some(reason) => Err(Unusable::Unfit(reason)),
                None => Ok(()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(text: &str, definitions: &Value) -> Result<Vec<String>, Unusable> {
        read(text, Some(definitions)).map(|found| found.hosts)
    }

    #[test]
    fn a_variable_in_the_host_admits_one_part_of_a_name() {
        let found = read("https://{yourShop}.acme.com/api/{version}/", None).unwrap();
        assert_eq!(found.text, "https://{your_shop}.acme.com/api/{version}");
        assert_eq!(found.hosts, ["*.acme.com"]);
        let pattern = Pattern::new(found.variables["your_shop"]["pattern"].as_str().unwrap()).unwrap();
        assert!(pattern.matches("example-shop"));
        for trick in ["evil.com/", "a.b", "a@b", "a:1", "a?b", "a#b", "", "A", "a%2e"] {
            assert!(!pattern.matches(trick), "{trick}");
        }
    }

    #[test]
    fn listed_values_become_listed_hosts() {
        let regions = json!({ "region": { "enum": ["eu", "us"], "default": "eu" } });
        assert_eq!(
            hosts("https://api.{region}.acme.io", &regions).unwrap(),
            ["api.eu.acme.io", "api.us.acme.io"]
        );
        let domains = json!({ "region": { "enum": ["acme", "eu.acme"], "default": "acme" } });
        assert_eq!(hosts("https://{region}.com/api", &domains).unwrap(), ["acme.com", "eu.acme.com"]);
        let private = json!({ "region": { "enum": ["acme", "metadata.google"], "default": "acme" } });
        assert_eq!(hosts("https://{region}.internal", &private), Err(Unusable::Unfit(address::PRIVATE_NAME)));
        let octets = json!({ "octet": { "enum": ["4.acme.com", "4"] } });
        assert_eq!(hosts("https://1.2.3.{octet}", &octets), Err(Unusable::Unfit(address::ADDRESS)));
        let stolen = json!({ "region": { "enum": ["eu", "evil.com/?"], "default": "eu" } });
        assert_eq!(hosts("https://{region}.acme.io", &stolen).unwrap(), ["*.acme.io"]);
    }

    #[test]
    fn a_variable_is_never_the_whole_host_or_all_but_its_last_part() {
        assert_eq!(hosts("https://{host}/v1", &json!({})), Err(Unusable::Open));
        assert_eq!(hosts("https://{tenant}.com", &json!({})), Err(Unusable::Open));
        // A default is what the author wrote where everybody has a host of their own.
        let said = json!({ "host": { "default": "subdomain.acme.com" } });
        assert_eq!(hosts("https://{host}/v1", &said), Err(Unusable::Open));
        let listed = json!({ "host": { "enum": ["api.acme.com", "eu.acme.com"], "default": "eu.acme.com" } });
        assert_eq!(hosts("https://{host}/v1", &listed).unwrap(), ["eu.acme.com"]);
        let private = json!({ "host": { "enum": ["10.0.0.1"] } });
        assert_eq!(hosts("https://{host}/v1", &private), Err(Unusable::Unfit(address::ADDRESS)));
    }

    #[test]
    fn what_is_not_public_or_not_https_is_unfit() {
        for (text, reason) in [
            ("http://api.acme.com", address::NOT_HTTPS),
            ("https://localhost:8080", address::PRIVATE_NAME),
            ("https://api.svc.cluster.local", address::PRIVATE_NAME),
            ("https://intranet/api", address::PRIVATE_NAME),
            ("https://10.0.0.1", address::ADDRESS),
            ("https://0x7f.1", address::ADDRESS),
            ("https://2130706433", address::ADDRESS),
            ("https://[::1]/", address::ADDRESS),
            ("https://８.8.8.8", address::ADDRESS),
            ("https://api.acme.com./", address::PRIVATE_NAME),
            ("https://user@api.acme.com", address::HAS_CREDENTIALS),
            ("https://api.acme.com\\@evil.com", address::UNREADABLE),
            ("https://{a}.lan.local", address::PRIVATE_NAME),
        ] {
            assert_eq!(read(text, None), Err(Unusable::Unfit(reason)), "{text}");
        }
        for text in [
            "/v1",
            "",
            "api.acme.com",
            "https://{{host}}/v1",
            "https://api.example.com",
            "https://{x}.example.com",
        ] {
            assert_eq!(read(text, None), Err(Unusable::Open), "{text}");
        }
    }

    #[test]
    fn schemes_and_ports_may_be_variables() {
        let definitions = json!({ "scheme": { "enum": ["http", "https"], "default": "http" }, "port": { "default": "8443" } });
        let found = read("{scheme}://api.acme.com:{port}/v2", Some(&definitions)).unwrap();
        assert_eq!(found.text, "https://api.acme.com:8443/v2");
        let plain = json!({ "scheme": { "enum": ["http"] } });
        assert_eq!(read("{scheme}://api.acme.com", Some(&plain)), Err(Unusable::Unfit(address::NOT_HTTPS)));
    }
}
