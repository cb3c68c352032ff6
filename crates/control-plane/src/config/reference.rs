//! The reference of the configuration, made of its types: what stands above a section or a key there is what
//! operators read, and the default is the one that is used.
//!
//! `vybe config example`, `vybe config reference` and `vybe config schema` print its three forms; the repository keeps
//! them as deploy/vybe.example.toml, docs/reference/configuration.md and deploy/vybe.schema.json.

mod example;
mod order;
mod page;

use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use super::Config;

pub use example::example;
pub use page::page;

/// The configuration as a JSON schema (2020-12), for editors.
#[must_use]
pub fn schema() -> Value {
    let mut schema =
        SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Config>().to_value();
    // Whether maps keep their order depends on what else is compiled.
    schema.sort_all_objects();
    schema
}

/// A table of the file.
struct Section {
    /// What stands between the brackets.
    path: String,
    about: String,
    /// Whether the file has it, with or without keys; the others are only shown.
    is_there: bool,
    keys: Vec<Key>,
}

/// A key of a table.
struct Key {
    name: String,
    about: String,
    kind: String,
    /// Whether the table is worth nothing without it.
    is_required: bool,
    default: Option<String>,
    example: Option<String>,
}

/// Every section in the order of the file, tables within tables after the keys of theirs.
fn sections() -> Vec<Section> {
    let schema = schema();
    let reading =
        Reading { definitions: schema.get("$defs").unwrap_or(&Value::Null), order: order::of_all() };
    let mut sections = Vec::new();
    for (name, member) in reading.members("Config", &schema) {
        reading.section(name, member, true, &mut sections);
    }
    sections
}

/// What a member of a table is.
enum Member<'a> {
    Table(&'a str, &'a Value),
    /// Tables under names of the operator's own; one such name.
    Named(&'a str, &'a str, &'a Value),
    Value,
}

struct Reading<'a> {
    definitions: &'a Value,
    order: BTreeMap<String, &'static [&'static str]>,
}

impl<'a> Reading<'a> {
    /// The members of a table in the order in which its type has them.
    fn members(&self, type_name: &str, table: &'a Value) -> Vec<(&'a str, &'a Value)> {
        let order = self.order.get(type_name).copied().unwrap_or_default();
        let mut members: Vec<_> = table
            .get("properties")
            .and_then(Value::as_object)
            .map(|properties| properties.iter().map(|(name, member)| (name.as_str(), member)).collect())
            .unwrap_or_default();
        members.sort_by_key(|(name, _)| order.iter().position(|known| known == name).unwrap_or(usize::MAX));
        members
    }

    fn section(&self, path: &str, member: &'a Value, is_there: bool, sections: &mut Vec<Section>) {
        let (type_name, table, path) = match self.member(member) {
            Member::Table(type_name, table) => (type_name, table, path.to_owned()),
            Member::Named(name, type_name, table) => (type_name, table, format!("{path}.{name}")),
            Member::Value => return,
        };
        // One that may be left out as a whole is `anyOf` of itself and nothing.
        let is_there = is_there && member.get("$ref").is_some();
        let required = table.get("required").and_then(Value::as_array);
        let is_required = |name: &str| required.is_some_and(|all| all.iter().any(|one| one == name));
        let members = self.members(type_name, table);
        let keys = members
            .iter()
            .filter(|(_, member)| matches!(self.member(member), Member::Value))
            .map(|(name, member)| Key {
                name: (*name).to_owned(),
                about: about(member),
                kind: self.kind(member),
                is_required: is_required(name),
                default: member.get("default").and_then(as_toml),
                example: member.pointer("/examples/0").and_then(as_toml),
            })
            .collect();
        sections.push(Section { path: path.clone(), about: about(member), is_there, keys });
        for (name, member) in members {
            self.section(&format!("{path}.{name}"), member, is_there, sections);
        }
    }

    fn member(&self, member: &'a Value) -> Member<'a> {
        let table = |member: &'a Value| {
            let (type_name, definition) = self.definition(member)?;
            definition.get("properties").map(|_| (type_name, definition))
        };
        if let Some((type_name, definition)) = table(member) {
            return Member::Table(type_name, definition);
        }
        let named = member.get("x-name").and_then(Value::as_str);
        match (named, member.get("additionalProperties").and_then(table)) {
            (Some(name), Some((type_name, definition))) => Member::Named(name, type_name, definition),
            _ => Member::Value,
        }
    }

    /// The definition that a member refers to, whether or not it may be left out.
    fn definition(&self, member: &'a Value) -> Option<(&'a str, &'a Value)> {
        let reference = member.get("$ref").or_else(|| member.pointer("/anyOf/0/$ref"))?;
        let type_name = reference.as_str()?.strip_prefix("#/$defs/")?;
        Some((type_name, self.definitions.get(type_name)?))
    }

    /// What may be written, in words.
    fn kind(&self, member: &Value) -> String {
        let written =
            |definition: &Value| definition.get("x-kind").and_then(Value::as_str).map(str::to_owned);
        let reference = member.get("$ref").or_else(|| member.pointer("/anyOf/0/$ref"));
        let type_name = reference.and_then(Value::as_str).and_then(|text| text.strip_prefix("#/$defs/"));
        if let Some(definition) = type_name.and_then(|name| self.definitions.get(name)) {
            return written(definition).or_else(|| words(definition)).unwrap_or_default();
        }
        let kind = match member.get("type") {
            Some(Value::Array(kinds)) => kinds.first().and_then(Value::as_str),
            kind => kind.and_then(Value::as_str),
        };
        match kind {
            Some("string") => "text".to_owned(),
            Some("integer") => "whole number".to_owned(),
            Some("boolean") => "true or false".to_owned(),
            Some("array") => {
                let of = member.get("items").map(|items| self.kind(items)).unwrap_or_default();
                format!("list of {of}s")
            }
            other => other.unwrap_or_default().to_owned(),
        }
    }
}

/// `"one"` or `"other"`, of a type that is one of several words.
fn words(definition: &Value) -> Option<String> {
    let of = definition.get("oneOf").and_then(Value::as_array)?;
    let words: Vec<_> = of.iter().filter_map(|one| one.get("const")).map(Value::to_string).collect();
    (!words.is_empty()).then(|| words.join(" or "))
}

fn about(member: &Value) -> String {
    let text = member.get("description").and_then(Value::as_str).unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A value as one writes it after `key = `; none for null, which TOML does not have.
fn as_toml(value: &Value) -> Option<String> {
    if value.is_null() {
        return None;
    }
    let written = match value {
        Value::Object(table) => inline(table)?,
        value => toml::Value::try_from(value).ok()?.to_string(),
    };
    Some(written)
}

fn inline(table: &Map<String, Value>) -> Option<String> {
    let pairs: Option<Vec<_>> =
        table.iter().map(|(key, value)| as_toml(value).map(|value| format!("{key} = {value}"))).collect();
    pairs.map(|pairs| format!("{{ {} }}", pairs.join(", ")))
}
