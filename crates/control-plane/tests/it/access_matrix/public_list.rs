//! The list of what is public, written by hand.

use std::collections::BTreeMap;

use proof::Endpoint;
use serde::Deserialize;

const PUBLIC: &str = "docs/public-endpoints.toml";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    public: Vec<Line>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    endpoint: String,
    reason: String,
}

/// How what is declared public differs from the list.
pub fn compare(endpoints: &[Endpoint]) -> Vec<String> {
    let list: List = toml::from_str(&std::fs::read_to_string(super::file(PUBLIC)).unwrap()).unwrap();
    let mut listed: BTreeMap<String, String> =
        list.public.into_iter().map(|line| (line.endpoint, line.reason)).collect();
    let mut differences = Vec::new();
    for endpoint in endpoints.iter().filter(|endpoint| endpoint.is_public()) {
        let line = format!("{} {} {}", endpoint.surface.name(), endpoint.method, endpoint.path);
        match listed.remove(&line) {
            None => differences.push(format!("{line} is public and not in {PUBLIC}")),
            Some(reason) if reason.trim().is_empty() => {
                differences.push(format!("{line} has no reason in {PUBLIC}"));
            }
            Some(_) => {}
        }
    }
    differences.extend(listed.into_keys().map(|line| format!("{line} is in {PUBLIC} and not public")));
    differences
}
