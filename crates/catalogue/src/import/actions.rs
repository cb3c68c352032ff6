//! Operations, as apps name them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::address;
use super::operations::{Operation, Operations, Parameter};
use super::references::References;
use super::schemes::{Together, is_own_header};
use crate::{Action, ActionBody};

/// The most actions of one service.
const MOST: usize = 1_000;
/// The longest name of an action, in bytes.
const LONGEST_ID: usize = 100;
/// The most names of one list.
const MOST_NAMES: usize = 100;
/// How deep schemas of bodies are looked into for what they require.
const DEEPEST: usize = 4;
/// How many parts of one body are looked into for that: parts may consist of parts, over and over.
const MOST_PARTS: usize = 64;
/// Headers that are everybody's, or that the credential is in.
const OWN_HEADERS: &[&str] =
    &["accept", "content-type", "authorization", "user-agent", "content-length", "host", "cookie"];

/// What came out.
pub(super) struct Actions {
    pub(super) actions: Vec<Action>,
    /// Headers that operations want with one and the same value.
    pub(super) headers: Vec<(String, String)>,
    /// Why others became none, and how many.
    pub(super) left_out: BTreeMap<&'static str, usize>,
}

/// Makes actions of the operations that can be called with these schemes.
pub(super) fn from_operations(operations: &Operations<'_>, together: Option<&Together>) -> Actions {
    let headers = constant_headers(operations);
    let mut found = Actions { actions: Vec::new(), headers, left_out: BTreeMap::new() };
    let mut ids = BTreeSet::new();
    for operation in &operations.all {
        match action(operation, operations.references, together, &found.headers) {
            Ok(_) if found.actions.len() >= MOST => {
                *found.left_out.entry("there are more than 1000").or_default() += 1
            }
            Ok(mut action) => {
                let id = action.id.clone();
                let mut number = 1;
                while !ids.insert(action.id.clone()) {
                    number += 1;
                    action.id = format!("{id}-{number}");
                }
                found.actions.push(action);
            }
            Err(reason) => *found.left_out.entry(reason).or_default() += 1,
        }
    }
    for (reason, count) in [
        ("they are in other documents, which are not fetched", operations.elsewhere),
        ("there are more than are read", operations.beyond),
    ] {
        if count > 0 {
            found.left_out.insert(reason, count);
        }
    }
    found
}

fn action(
    operation: &Operation<'_>,
    references: References<'_>,
    together: Option<&Together>,
    headers: &[(String, String)],
) -> Result<Action, &'static str> {
    if operation.is_elsewhere {
        return Err("they are on another server");
    }
    if !operation.takes(together) {
        return Err("they take other credentials");
    }
    // What a document of a service with OAuth shows as a parameter is what the platform sends itself.
    let is_token = |parameter: &Parameter<'_>| !operation.security.is_empty() && parameter.is_token();
    let in_path = names_in(operation.path).ok_or("their path is none that calls can have")?;
    let is_given = |parameter: &&Parameter<'_>| {
        parameter.place != "header"
            || is_token(parameter)
            || !(parameter.is_required
                && !OWN_HEADERS.contains(&parameter.name.to_ascii_lowercase().as_str())
                && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(parameter.name)))
    };
    if !operation.parameters.iter().all(|parameter| is_given(&parameter)) {
        return Err("they want a header of their own with each call");
    }
    if operation.parameters.iter().any(|parameter| parameter.place == "cookie" && parameter.is_required) {
        return Err("they want a cookie");
    }
    let bodies = &operation.bodies;
    let (body, schema) = match (bodies.json, bodies.form) {
        (Some(schema), _) => (ActionBody::Json, Some(schema)),
        (None, Some(_)) if bodies.others && bodies.is_required => {
            return Err("they want files, or bodies that are neither JSON nor forms");
        }
        (None, Some(schema)) => (ActionBody::Form, Some(schema)),
        (None, None) if bodies.others => {
            return Err("they want files, or bodies that are neither JSON nor forms");
        }
        (None, None) => (ActionBody::None, None),
    };
    if let Some(schema) = schema
        && !may_be_object(references, schema)
    {
        return Err("their body is no object");
    }
    let query: Vec<String> = operation
        .parameters
        .iter()
        .filter(|parameter| {
            parameter.place == "query" && !in_path.contains(parameter.name) && !is_token(parameter)
        })
        .take(MOST_NAMES)
        .map(|parameter| parameter.name.to_owned())
        .collect();
    let mut required: BTreeSet<String> = in_path.iter().map(|&name| name.to_owned()).collect();
    required.extend(
        operation
            .parameters
            .iter()
            .filter(|parameter| {
                parameter.is_required
                    && matches!(parameter.place, "query" | "formData")
                    && !is_token(parameter)
            })
            .map(|parameter| parameter.name.to_owned()),
    );
    if let Some(schema) = schema.filter(|_| bodies.is_required) {
        let (mut members, mut left) = (BTreeSet::new(), MOST_PARTS);
        required_members(references, schema, DEEPEST, &mut left, &mut members);
        required.extend(members);
    }
    let text = |key: &str| {
        operation.said.get(key).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
    };
    let id =
        text("operationId").and_then(id).or_else(|| id(&format!("{} {}", operation.method, operation.path)));
    let id = id.ok_or("they have no name")?;
    let name = text("summary").or_else(|| text("description")?.lines().next()).map(address::shortened);
    Ok(Action {
        name: name.filter(|name| !name.is_empty()).unwrap_or_else(|| id.replace('-', " ")),
        id,
        method: operation.method.to_ascii_uppercase(),
        path: operation.path.to_owned(),
        query,
        required: required.into_iter().filter(|name| name.len() <= LONGEST_ID).take(MOST_NAMES).collect(),
        body,
    })
}

/// The names in a path's braces; none if no call can have that path.
fn names_in(path: &str) -> Option<BTreeSet<&str>> {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#' | b'\\' | b'%');
    if !path.starts_with('/') || path.len() > 500 || !path.bytes().all(is_plain) || path.contains("//") {
        return None;
    }
    if path.split('/').any(|segment| matches!(segment, "." | "..")) {
        return None;
    }
    let (mut names, mut rest) = (BTreeSet::new(), path);
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}')?;
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        if before.contains('}') || name.is_empty() || !name.bytes().all(is_name) {
            return None;
        }
        names.insert(name);
        rest = after;
    }
    (!rest.contains('}')).then_some(names)
}

/// `chat.postMessage` becomes `chat-post-message`.
fn id(name: &str) -> Option<String> {
    let mut id = String::new();
    let mut follows_lower = false;
    for character in name.chars() {
        if id.len() >= LONGEST_ID {
            break;
        }
        if character.is_ascii_uppercase() && follows_lower {
            id.push('-');
        }
        if character.is_ascii_alphanumeric() {
            id.push(character.to_ascii_lowercase());
        } else if !id.is_empty() && !id.ends_with('-') {
            id.push('-');
        }
        follows_lower = character.is_ascii_lowercase() || character.is_ascii_digit();
    }
    let id = id.trim_end_matches('-').to_owned();
    (!id.is_empty()).then_some(id)
}

fn may_be_object(references: References<'_>, schema: &Value) -> bool {
    // What is elsewhere or not said may be one.
    let Some(schema) = references.follow(schema) else { return true };
    match schema.get("type") {
        Some(Value::String(kind)) => kind == "object",
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == "object"),
        _ => true,
    }
}

/// `left` is how many parts may still be looked into.
fn required_members(
    references: References<'_>,
    schema: &Value,
    depth: usize,
    left: &mut usize,
    into: &mut BTreeSet<String>,
) {
    let Some(schema) = references.follow(schema) else { return };
    let list = |key: &str| schema.get(key).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    // The service itself fills what is only read.
    let is_written = |name: &&str| {
        let read_only = schema.get("properties").and_then(|all| all.get(*name)?.get("readOnly")?.as_bool());
        name.len() <= LONGEST_ID && read_only != Some(true)
    };
    let names = list("required").iter().take(MOST_NAMES).filter_map(Value::as_str).filter(is_written);
    into.extend(names.map(str::to_owned));
    if depth > 0 {
        for part in list("allOf").iter().take(*left) {
            let Some(less) = left.checked_sub(1) else { return };
            *left = less;
            required_members(references, part, depth - 1, left, into);
        }
    }
}

/// Headers, such as a version, for which most operations that have them know one value only.
fn constant_headers(operations: &Operations<'_>) -> Vec<(String, String)> {
    const MOST_HEADERS: usize = 10;
    let mut found: BTreeMap<String, (BTreeSet<String>, usize)> = BTreeMap::new();
    for parameter in operations.all.iter().flat_map(|operation| &operation.parameters) {
        let name = parameter.name.to_ascii_lowercase();
        if parameter.place != "header"
            || !parameter.is_required
            || !is_own_header(&name)
            || OWN_HEADERS.contains(&name.as_str())
        {
            continue;
        }
        let (values, count) = found.entry(name).or_default();
        *count += 1;
        values.insert(only_value(operations.references, parameter.said).unwrap_or_default().to_owned());
    }
    let one = |(name, (values, count)): (String, (BTreeSet<String>, usize))| {
        let value = values.first().filter(|value| values.len() == 1 && !value.is_empty())?;
        (2 * count > operations.all.len()).then(|| (name, value.clone()))
    };
    found.into_iter().filter_map(one).take(MOST_HEADERS).collect()
}

/// The one value that a parameter can have, or has if nobody says.
fn only_value<'a>(references: References<'a>, parameter: &'a Value) -> Option<&'a str> {
    let schema = references.member(parameter, "schema").unwrap_or(parameter);
    let listed = schema.get("enum").and_then(Value::as_array).map(Vec::as_slice);
    let value = match listed {
        Some([only]) => only.as_str(),
        _ => schema.get("const").or_else(|| schema.get("default")).and_then(Value::as_str),
    };
    value
        .filter(|value| {
            value.len() <= LONGEST_ID && value.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
        })
        // Braces are variables in an entry.
        .filter(|value| !value.contains(['{', '}']))
}
