//! Parameters of saved queries: a name, a type, and whether there has to be a value. Values are checked before anything
//! is sent, and never repeated in an error.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime, PrimitiveDateTime};

/// The most elements of one list.
const MOST_ELEMENTS: usize = 10_000;

/// The longest name of a parameter, in characters.
const LONGEST_NAME: usize = 63;

/// One parameter of a saved query.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Parameter {
    /// Its name in the statement, without the colon.
    pub name: String,
    /// What values it takes.
    #[serde(rename = "type")]
    pub kind: ParameterType,
    /// Whether a value has to be given; otherwise the default is taken, and NULL where there is none.
    #[serde(default)]
    pub required: bool,
    /// What is taken when no value is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
}

/// What values a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParameterType {
    /// Of one value.
    pub element: ElementType,
    /// Whether there is a list of them.
    pub is_list: bool,
}

/// What one value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElementType {
    /// A text.
    Text,
    /// A whole number of 64 bits, or a text of its digits where the number would not survive JavaScript.
    Integer,
    /// A number, or a text of its digits.
    Number,
    /// True or false.
    Boolean,
    /// `2026-01-31`.
    Date,
    /// `2026-01-31T12:00:00Z`, with any offset, or without one.
    Timestamp,
    /// Any JSON.
    Json,
}

/// A text that is no type of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a type is text, integer, number, boolean, date, timestamp or json; all but json also with [] behind"
)]
pub struct ParameterTypeError;

impl ElementType {
    const ALL: [Self; 7] =
        [Self::Text, Self::Integer, Self::Number, Self::Boolean, Self::Date, Self::Timestamp, Self::Json];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::Timestamp => "timestamp",
            Self::Json => "json",
        }
    }

    fn takes(self, value: &Value) -> bool {
        match (self, value) {
            (Self::Text, Value::String(text)) => !text.contains('\0'),
            (Self::Integer, Value::Number(number)) => number.is_i64(),
            (Self::Integer, Value::String(text)) => is_written_plainly(text) && text.parse::<i64>().is_ok(),
            (Self::Number, Value::Number(_)) | (Self::Boolean, Value::Bool(_)) => true,
            (Self::Number, Value::String(text)) => is_decimal(text),
            (Self::Date, Value::String(text)) => is_date(text),
            (Self::Timestamp, Value::String(text)) => is_timestamp(text),
            (Self::Json, value) => !value.is_null(),
            _ => false,
        }
    }
}

impl ParameterType {
    /// Whether a value, which is not NULL, is of this type.
    #[must_use]
    pub fn takes(self, value: &Value) -> bool {
        match (self.is_list, value) {
            (false, value) => self.element.takes(value),
            (true, Value::Array(list)) => {
                list.len() <= MOST_ELEMENTS && list.iter().all(|value| self.element.takes(value))
            }
            (true, _) => false,
        }
    }
}

impl Parameter {
    /// Whether its name and its default are acceptable.
    ///
    /// # Errors
    /// A sentence's worth of what is not.
    pub(crate) fn check(&self) -> Result<(), String> {
        let mut characters = self.name.chars();
        let begins = characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_');
        if !begins
            || self.name.len() > LONGEST_NAME
            || !characters.all(|next| next.is_ascii_alphanumeric() || next == '_')
        {
            return Err("a parameter's name has letters, digits and _ only, begins with no digit, and has at most 63 characters".to_owned());
        }
        match &self.default {
            Some(_) if self.required => {
                Err(format!("the parameter {} is required, so that its default is never taken", self.name))
            }
            Some(default) if !default.is_null() && !self.kind.takes(default) => {
                Err(format!("the default of {} is no {}", self.name, self.kind))
            }
            _ => Ok(()),
        }
    }

    /// What is sent for what was given.
    ///
    /// # Errors
    /// A sentence's worth of what is wrong with it.
    pub(crate) fn value(&self, given: Option<&Value>) -> Result<Value, String> {
        match given {
            Some(value) if self.kind.takes(value) => Ok(value.clone()),
            Some(Value::Null) | None if self.required => {
                Err(format!("the parameter {} is missing", self.name))
            }
            Some(Value::Null) => Ok(Value::Null),
            None => Ok(self.default.clone().unwrap_or_default()),
            Some(_) => Err(format!("the parameter {} is no {}", self.name, self.kind)),
        }
    }
}

/// Digits, with a sign before them or not: no plus, no white space.
fn is_written_plainly(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_decimal(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix('+').unwrap_or(exponent))),
        None => (text, None),
    };
    let (whole, part) = match mantissa.split_once('.') {
        Some((whole, part)) => (whole, Some(part)),
        None => (mantissa, None),
    };
    text.len() <= 200
        && is_written_plainly(whole)
        && part.is_none_or(|part| !part.starts_with('-') && is_written_plainly(part))
        && exponent.is_none_or(is_written_plainly)
}

fn is_date(text: &str) -> bool {
    text.len() == 10 && Date::parse(text, format_description!("[year]-[month]-[day]")).is_ok()
}

fn is_timestamp(text: &str) -> bool {
    let plain = format_description!(
        version = 2,
        "[year]-[month]-[day][first [T] [ ]][hour]:[minute]:[second][optional [.[subsecond]]]"
    );
    text.len() <= 40
        && (OffsetDateTime::parse(text, &Rfc3339).is_ok() || PrimitiveDateTime::parse(text, plain).is_ok())
}

impl fmt::Display for ParameterType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.element.as_str())?;
        if self.is_list { formatter.write_str("[]") } else { Ok(()) }
    }
}

impl FromStr for ParameterType {
    type Err = ParameterTypeError;

    fn from_str(text: &str) -> Result<Self, ParameterTypeError> {
        let (element, is_list) = match text.strip_suffix("[]") {
            Some(element) => (element, true),
            None => (text, false),
        };
        let known = ElementType::ALL.into_iter().find(|known| known.as_str() == element);
        match known {
            // An array is JSON itself.
            None => Err(ParameterTypeError),
            Some(ElementType::Json) if is_list => Err(ParameterTypeError),
            Some(element) => Ok(Self { element, is_list }),
        }
    }
}

impl Serialize for ParameterType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ParameterType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
