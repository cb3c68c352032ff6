//! An event as it stands in its chain, and the one text that its hash is of.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::value::RawValue;
use time::{OffsetDateTime, UtcOffset};

use crate::{Actor, ChainHash, Target};

/// An event with its place in its chain. Serialized, it is the text that its hash is of: the order of
/// the fields is part of the format.
#[derive(Clone, Debug, Serialize)]
pub struct Record {
    /// The chain, printed.
    pub chain: String,
    /// Its number in the chain, from 1.
    pub sequence: i64,
    /// The event's identifier.
    pub id: String,
    /// When: RFC 3339 in UTC, with exactly six digits after the second.
    pub at: String,
    /// Who acted.
    pub actor: Party,
    /// The action's name.
    pub action: String,
    /// `done` or `refused`.
    pub outcome: String,
    /// What was acted on.
    pub target: Party,
    /// The request.
    pub request: Option<String>,
    /// The decision.
    pub decision: Option<String>,
    /// Before and after, exactly as it was written.
    pub detail: Box<RawValue>,
}

/// Somebody or something.
#[derive(Clone, Debug, Serialize)]
pub struct Party {
    /// What kind of thing.
    pub kind: String,
    /// Which one; parts are separated by slashes.
    pub id: Option<String>,
}

impl Record {
    /// The exact text. One line.
    #[must_use]
    pub fn text(&self) -> String {
        // Strings, numbers and text that is JSON already: nothing in it can fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The line of an export: the text and its hash.
    #[must_use]
    pub fn line(&self, hash: ChainHash) -> String {
        format!("{{\"hash\":\"{hash}\",\"record\":{}}}\n", self.text())
    }
}

/// Stored JSON as it is. A row that somebody changed into something else still has to be shown, as a
/// text: its hash is wrong then.
pub fn raw(detail: &str) -> Box<RawValue> {
    let parsed = RawValue::from_string(detail.to_owned()).ok();
    // Space around it would be lost, and a line's end within it would end the line.
    let is_as_stored = |parsed: &str| parsed == detail && !parsed.contains(['\n', '\r']);
    parsed.filter(|parsed| is_as_stored(parsed.get())).unwrap_or_else(|| {
        // A text is always JSON.
        RawValue::from_string(serde_json::Value::from(detail).to_string()).unwrap_or_default()
    })
}

/// JSON as the same JSON in which nothing is invisible or turns text around: not every reader of the trail
/// is careful, and names are what people chose.
pub fn visible(json: String) -> String {
    if !json.contains(is_invisible) {
        return json;
    }
    let mut visible = String::with_capacity(json.len() + 16);
    for character in json.chars() {
        if is_invisible(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a string cannot fail.
                let _ = write!(visible, "\\u{unit:04x}");
            }
        } else {
            visible.push(character);
        }
    }
    visible
}

/// Controls that JSON does not escape, and the format characters of Unicode (category Cf) that people meet.
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{7f}'..='\u{9f}'
            | '\u{ad}'
            | '\u{61c}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

/// What PostgreSQL keeps of a point in time: microseconds.
pub fn stored_precision(at: OffsetDateTime) -> OffsetDateTime {
    let at = at.to_offset(UtcOffset::UTC);
    at.replace_nanosecond(at.nanosecond() / 1000 * 1000).unwrap_or(at)
}

/// RFC 3339 in UTC, with exactly six digits after the second.
pub fn timestamp(at: OffsetDateTime) -> String {
    let at = at.to_offset(UtcOffset::UTC);
    let ((year, month, day), (hour, minute, second, micro)) =
        ((at.year(), u8::from(at.month()), at.day()), at.time().as_hms_micro());
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micro:06}Z")
}

pub fn actor(actor: &Actor) -> Party {
    let (kind, id) = match actor {
        Actor::Person(user) => ("person", Some(user.to_string())),
        Actor::App(app) => ("app", Some(app.to_string())),
        Actor::Agent(app, token) => ("agent", Some(format!("{app}/{token}"))),
        Actor::System => ("system", None),
    };
    Party { kind: kind.to_owned(), id }
}

pub fn target(target: &Target) -> Party {
    let (kind, id) = match target {
        Target::User(id) => ("user", Some(id.to_string())),
        Target::Session(id) => ("session", Some(id.to_string())),
        Target::SessionsOf(id) => ("sessions_of", Some(id.to_string())),
        Target::Organization(id) => ("organization", Some(id.to_string())),
        Target::Member(id) => ("member", Some(id.to_string())),
        Target::Invitation(id) => ("invitation", Some(id.to_string())),
        Target::Group(id) => ("group", Some(id.to_string())),
        Target::App(id) => ("app", Some(id.to_string())),
        Target::Grant(app, user) => ("grant", Some(format!("{app}/{user}"))),
        Target::PathRule(app, rule) => ("path_rule", Some(format!("{app}/{rule}"))),
        Target::ServerSecret(app, secret) => ("server_secret", Some(format!("{app}/{secret}"))),
        Target::AgentToken(app, token) => ("agent_token", Some(format!("{app}/{token}"))),
        Target::ApiToken(id) => ("api_token", Some(id.to_string())),
        Target::SigningKey(id) => ("signing_key", Some(id.to_string())),
        Target::Secret(id) => ("secret", Some(id.to_string())),
        Target::Connection(id) => ("database_connection", Some(id.to_string())),
        Target::ImportedService(id) => ("imported_service", Some(id.to_string())),
        Target::OauthClient(id) => ("oauth_client", Some(id.to_string())),
        Target::Account(id) => ("account", Some(id.to_string())),
        Target::CustomApi(id) => ("custom_api", Some(id.to_string())),
        Target::DataQuery(app, query) => ("data_query", Some(format!("{app}/{query}"))),
        Target::DataKey(id) => ("data_key", Some(id.to_string())),
        Target::KeyRotation(id) => ("key_rotation", Some(id.to_string())),
        Target::Platform => ("platform", None),
    };
    Party { kind: kind.to_owned(), id }
}
