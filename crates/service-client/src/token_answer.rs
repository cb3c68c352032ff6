//! What a token endpoint's answer says.

use std::collections::BTreeSet;
use std::time::Duration;

use catalogue::{AccessLifetime, Learned, LearnedFrom, Lifetime, TokenRequest, Values};
use http::StatusCode;
use serde_json::Value;
use url::form_urlencoded;

use crate::TokenError;
use crate::exchange::{Unanswered, Whole};
use crate::retry_after::retry_after;

/// The longest lifetime that is believed: ten years, so that times in milliseconds can be reckoned with.
const LONGEST_LIFE: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);
/// The longest token that is taken, in bytes: as long as one that people give. It is looked for in every answer.
const LONGEST_TOKEN: usize = 16 * 1024;
/// The most scopes that are kept, and the longest one, in bytes.
const MOST_SCOPES: usize = 500;
const LONGEST_SCOPE: usize = 300;
/// The longest word for an error that is passed on, in bytes.
const LONGEST_WORD: usize = 64;

/// Where an answer says what.
pub(crate) struct Reading<'a> {
    /// Must hold `true`, if the entry names it.
    pub(crate) success: Option<&'a str>,
    /// Must hold a text.
    pub(crate) token: &'a str,
    /// Where the word for what went wrong is.
    pub(crate) error: &'a str,
    /// Words that mean that a person has to consent again.
    pub(crate) reconnect: &'a [String],
    /// Whether any refusal (400, 401, 403) means that: keys and passwords that are refused once do not get better.
    pub(crate) given: bool,
}

impl<'a> Reading<'a> {
    /// As the entry's token requests are read.
    pub(crate) fn of(shape: &'a TokenRequest) -> Self {
        Self {
            success: shape.success.as_deref(),
            token: &shape.access_token,
            error: &shape.error_pointer,
            reconnect: &shape.reconnect_errors,
            given: false,
        }
    }
}

/// An answer that holds a token.
pub(crate) fn read(answer: Result<Whole, Unanswered>, reading: &Reading<'_>) -> Result<Value, TokenError> {
    let answer = answer?;
    if cannot_now(answer.status) {
        return Err(TokenError::Unavailable { retry_after: retry_after(&answer.headers) });
    }
    let value = parsed(&answer.body);
    let word = value.as_ref().and_then(|value| word(value, reading.error));
    let given =
        reading.given && (answer.status.is_success() || matches!(answer.status.as_u16(), 400 | 401 | 403));
    let refused = |word: Option<String>| TokenError::Refused {
        reconnect: given || word.as_ref().is_some_and(|word| reading.reconnect.contains(word)),
        word: word.filter(|word| is_word(word)),
    };
    if !answer.status.is_success() {
        return Err(refused(word));
    }
    let Some(value) = value else { return Err(TokenError::Unreadable) };
    if let Some(success) = reading.success
        && value.pointer(success) != Some(&Value::Bool(true))
    {
        return Err(refused(word));
    }
    match token_at(&value, reading.token) {
        Some(_) => Ok(value),
        // Some services refuse with status 200.
        None if word.is_some() => Err(refused(word)),
        None => Err(TokenError::Unreadable),
    }
}

/// Whether a status means that nothing was done and the same may be asked later.
pub(crate) fn cannot_now(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429)
}

/// JSON, or a form: some services answer with forms whatever is asked for.
pub(crate) fn parsed(body: &[u8]) -> Option<Value> {
    if let Ok(value) = serde_json::from_slice(body) {
        return Some(value);
    }
    let text = std::str::from_utf8(body).ok()?.trim();
    let is_form = text.contains('=') && !text.contains(['<', '{', '\n', ' ']);
    is_form.then(|| {
        form_urlencoded::parse(text.as_bytes())
            .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
            .collect::<serde_json::Map<_, _>>()
            .into()
    })
}

/// The word for what went wrong: where the entry says, or where the standard does (RFC 6749, 5.2).
pub(crate) fn word(value: &Value, pointer: &str) -> Option<String> {
    text_at(value, pointer).or_else(|| text_at(value, "/error"))
}

/// Words are for people and logs: no sentence, and nothing that could be a token.
pub(crate) fn is_word(word: &str) -> bool {
    (1..=LONGEST_WORD).contains(&word.len())
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
        && word.bytes().filter(u8::is_ascii_digit).count() <= 8
}

/// A text, or a number as one.
pub(crate) fn text_at(value: &Value, pointer: &str) -> Option<String> {
    match value.pointer(pointer)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A token, unless it is longer than any is.
pub(crate) fn token_at(value: &Value, pointer: &str) -> Option<String> {
    text_at(value, pointer).filter(|token| token.len() <= LONGEST_TOKEN)
}

/// How long the access token lives.
pub(crate) fn lives(value: &Value, pointer: Option<&str>, lifetime: &Lifetime) -> Option<Duration> {
    let fallback = lifetime.access_seconds.map(|seconds| Duration::from_secs(seconds.into()));
    let stated = || {
        let number = text_at(value, pointer?)?.trim().parse::<f64>().ok()?;
        // Services write 0 for tokens that do not end.
        (number > 0.0).then(|| Duration::try_from_secs_f64(number).ok()).flatten()
    };
    let life = match lifetime.access {
        AccessLifetime::Answer => stated().or(fallback),
        AccessLifetime::AnswerMilliseconds => stated().map(|thousandfold| thousandfold / 1000).or(fallback),
        AccessLifetime::Unknown => fallback,
        AccessLifetime::Never => None,
    };
    life.map(|life| life.min(LONGEST_LIFE))
}

/// The scopes that were granted, if the answer says: a list, or a text with the entry's separator. Some services answer
/// with another separator than they ask for.
pub(crate) fn scopes(value: &Value, pointer: &str, separator: &str) -> Option<BTreeSet<String>> {
    let fits = |scope: &&str| (1..=LONGEST_SCOPE).contains(&scope.len());
    match value.pointer(pointer)? {
        Value::Array(all) => {
            let all = all.iter().filter_map(Value::as_str).filter(fits);
            Some(all.take(MOST_SCOPES).map(str::to_owned).collect())
        }
        Value::String(text) => Some(
            text.split(|character: char| character.is_whitespace() || character == ',')
                .flat_map(|piece| {
                    if separator.trim().is_empty() {
                        vec![piece]
                    } else {
                        piece.split(separator.trim()).collect()
                    }
                })
                .filter(fits)
                .take(MOST_SCOPES)
                .map(str::to_owned)
                .collect(),
        ),
        _ => None,
    }
}

/// What the entry learns from this source, as far as it looks as it has to.
pub(crate) fn learned<'a>(
    all: &'a [Learned],
    from: LearnedFrom,
    mut find: impl FnMut(&'a Learned) -> Option<String>,
) -> Values {
    all.iter()
        .filter(|learned| learned.from == from)
        .filter_map(|learned| {
            let value = find(learned).filter(|value| learned.pattern.matches(value))?;
            Some((learned.key.clone(), value))
        })
        .collect()
}
