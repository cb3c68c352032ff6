//! From text to a bounded tree, and which kind of document it is.

use serde_json::Value;

use super::ImportError;

/// The largest document that is read, in bytes. The largest that a vendor publishes in one piece has about 12 MB.
pub const LARGEST_DOCUMENT: usize = 16 << 20;

/// The most values of one document. A value takes about 100 bytes of memory.
const MOST_VALUES: usize = 2_000_000;

/// The most levels of one document; the same for JSON is the parser's own.
const DEEPEST: usize = 128;

/// The most values that come in by YAML's aliases: documents of vendors have none, or a few.
const MOST_REPEATED: usize = 20_000;

/// The longest part of a parser's message that is passed on, in characters.
const LONGEST_MESSAGE: usize = 200;

/// What kind of document it is, with its name for people.
pub(super) enum Format {
    Openapi(&'static str),
    AuthorizationServer(&'static str),
    ProtectedResource,
}

impl Format {
    pub(super) fn of(document: &Value) -> Option<Self> {
        let version = |key: &str| match document.get(key)? {
            Value::String(version) => Some(version.clone()),
            // YAML without quotes.
            Value::Number(version) => Some(version.to_string()),
            _ => None,
        };
        if let Some(version) = version("openapi") {
            let (major, minor) = version.split_once('.')?;
            return match (major, minor.split('.').next()?) {
                ("3", "0") => Some(Self::Openapi("OpenAPI 3.0")),
                ("3", "1") => Some(Self::Openapi("OpenAPI 3.1")),
                // It adds to 3.1 and takes nothing away.
                ("3", "2") => Some(Self::Openapi("OpenAPI 3.2")),
                _ => None,
            };
        }
        if let Some(version) = version("swagger") {
            return matches!(version.as_str(), "2" | "2.0").then_some(Self::Openapi("OpenAPI 2"));
        }
        let has = |key: &str| document.get(key).is_some_and(Value::is_string);
        if has("resource") && !has("issuer") {
            return Some(Self::ProtectedResource);
        }
        if !has("issuer") || !(has("token_endpoint") || has("authorization_endpoint")) {
            return None;
        }
        // What OpenID Connect Discovery 1.0 requires beyond RFC 8414.
        let is_openid = document.get("subject_types_supported").is_some()
            || document.get("id_token_signing_alg_values_supported").is_some();
        Some(Self::AuthorizationServer(if is_openid { "OpenID Connect discovery" } else { "RFC 8414" }))
    }
}

/// Reads JSON or YAML.
pub(super) fn read(text: &str) -> Result<Value, ImportError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.len() > LARGEST_DOCUMENT {
        return Err(ImportError::TooLarge);
    }
    let document = if text.trim_start().starts_with('{') { json(text)? } else { yaml(text)? };
    if document.is_object() { Ok(document) } else { Err(ImportError::Format) }
}

fn json(text: &str) -> Result<Value, ImportError> {
    // Every value but the first follows one of these.
    let most = text.bytes().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count();
    if most > MOST_VALUES {
        return Err(ImportError::TooLarge);
    }
    serde_json::from_str(text).map_err(|error| ImportError::Syntax(shortened(&error.to_string())))
}

fn yaml(text: &str) -> Result<Value, ImportError> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: DEEPEST,
            max_nodes: MOST_VALUES,
            max_events: 3 * MOST_VALUES,
            max_documents: 1,
            max_reader_input_bytes: Some(LARGEST_DOCUMENT),
            max_total_scalar_bytes: LARGEST_DOCUMENT,
            // What aliases bring in is counted below.
            enforce_alias_anchor_ratio: false,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: MOST_REPEATED,
        },
        strict_booleans: true,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| ImportError::Syntax(shortened(&error.to_string())))
}

fn shortened(message: &str) -> String {
    message
        .chars()
        .take(LONGEST_MESSAGE)
        .map(|character| if character.is_control() { ' ' } else { character })
        .collect()
}
