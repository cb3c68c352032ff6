//! From JSON to the text form of the types that the server expects, one value after the other, never in the statement.
//!
//! The server's own input functions read the text (`*_in`), so there is one rule per form of JSON and not one per type.

use bytes::{BufMut as _, BytesMut};
use serde_json::Value;
use tokio_postgres::types::{Format, IsNull, Kind, ToSql, Type};

use crate::QueryError;

/// The most parameters of a statement: their number has two bytes.
const MOST: usize = 65_535;

/// A value in its type's text form, or NULL.
#[derive(Debug)]
pub(crate) struct Parameter(Option<String>);

impl ToSql for Parameter {
    fn to_sql(
        &self,
        _kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match &self.0 {
            None => Ok(IsNull::Yes),
            Some(text) => {
                out.put_slice(text.as_bytes());
                Ok(IsNull::No)
            }
        }
    }

    fn accepts(_kind: &Type) -> bool {
        true
    }

    fn encode_format(&self, _kind: &Type) -> Format {
        Format::Text
    }

    fn to_sql_checked(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        self.to_sql(kind, out)
    }
}

/// As many values as the statement has placeholders.
///
/// # Errors
/// There are more or fewer.
pub(crate) fn counted(given: usize, placeholders: usize) -> Result<(), QueryError> {
    if given > MOST {
        return Err(QueryError::Parameters(format!("{given} parameters are more than {MOST}")));
    }
    if given != placeholders {
        return Err(QueryError::Parameters(format!(
            "the statement has {placeholders} placeholders, and there are {given} parameters"
        )));
    }
    Ok(())
}

/// The values for these types.
///
/// # Errors
/// Their number is another one, or one of them has no form in its type; which one, by its number.
pub(crate) fn bound(values: &[Value], kinds: &[Type]) -> Result<Vec<Parameter>, QueryError> {
    counted(values.len(), kinds.len())?;
    values
        .iter()
        .zip(kinds)
        .enumerate()
        .map(|(at, (value, kind))| {
            text(value, kind).map(Parameter).map_err(|expected| unfit(at + 1, kind, expected))
        })
        .collect()
}

/// A value that has no form in its type.
pub(crate) fn unfit(number: usize, kind: &Type, expected: &str) -> QueryError {
    QueryError::Parameters(format!("parameter ${number} is no {}: expected {expected}", kind.name()))
}

/// What was expected instead.
type Expected = &'static str;

fn text(value: &Value, kind: &Type) -> Result<Option<String>, Expected> {
    if let Kind::Domain(base) = kind.kind() {
        return text(value, base);
    }
    if matches!(*kind, Type::JSON | Type::JSONB) {
        return Ok(match value {
            Value::Null => None,
            // As node-postgres has it: a string is JSON already.
            Value::String(text) => Some(plain(text)?),
            other => Some(other.to_string()),
        });
    }
    if let Kind::Array(element) = kind.kind() {
        return Ok(match value {
            Value::Null => None,
            Value::Array(values) => {
                let mut out = String::new();
                array(values, element, &mut out, 1)?;
                Some(out)
            }
            // PostgreSQL's own notation.
            Value::String(text) if text.trim_start().starts_with(['{', '[']) => Some(plain(text)?),
            _ => return Err("an array"),
        });
    }
    scalar(value, kind)
}

fn scalar(value: &Value, kind: &Type) -> Result<Option<String>, Expected> {
    let text = match (value, kind) {
        (Value::Null, _) => return Ok(None),
        (_, &(Type::INT2 | Type::INT4 | Type::INT8 | Type::OID)) => {
            whole(value).ok_or("a whole number, or its digits in a string")?
        }
        (Value::Number(number), &Type::BOOL) => {
            return match number.as_i64() {
                Some(0) => Ok(Some("false".to_owned())),
                Some(1) => Ok(Some("true".to_owned())),
                _ => Err("true or false"),
            };
        }
        (Value::String(text), &(Type::FLOAT4 | Type::FLOAT8 | Type::NUMERIC)) => {
            let text = text.trim();
            if is_number(text) { text.to_owned() } else { return Err("a number") }
        }
        (Value::Bool(_), &(Type::FLOAT4 | Type::FLOAT8 | Type::NUMERIC)) => return Err("a number"),
        (_, &Type::BYTEA) => bytea(value).ok_or("a string of \\x and hexadecimal digits, or a Buffer")?,
        (Value::String(text), &Type::UUID) => {
            if is_uuid(text) {
                text.clone()
            } else {
                return Err("a UUID");
            }
        }
        (
            Value::Number(_) | Value::Bool(_),
            &(Type::DATE | Type::TIMESTAMP | Type::TIMESTAMPTZ | Type::TIME | Type::TIMETZ | Type::UUID),
        ) => return Err("a string"),
        (Value::String(text), _) => plain(text)?,
        (Value::Number(number), _) => number.to_string(),
        (Value::Bool(flag), _) => flag.to_string(),
        // Text that holds JSON.
        (Value::Object(_), &(Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::UNKNOWN)) => value.to_string(),
        (Value::Object(_), _) => return Err("a value that is not an object"),
        (Value::Array(_), _) => return Err("a value that is not an array"),
    };
    Ok(Some(text))
}

/// No text of PostgreSQL holds NUL.
fn plain(text: &str) -> Result<String, Expected> {
    if text.contains('\0') { Err("text without NUL") } else { Ok(text.to_owned()) }
}

/// Digits of a whole number. JavaScript's 5.0 is 5.
fn whole(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => match number.as_f64() {
            Some(size) if number.is_f64() => {
                (size.fract() == 0.0 && size.abs() < 9_007_199_254_740_992.0).then(|| format!("{size:.0}"))
            }
            _ => Some(number.to_string()),
        },
        Value::String(text) => {
            let text = text.trim();
            let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
            (!digits.is_empty() && digits.len() <= 32 && digits.bytes().all(|byte| byte.is_ascii_digit()))
                .then(|| text.to_owned())
        }
        _ => None,
    }
}

fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let named = ["nan", "infinity", "inf"].iter().any(|name| unsigned.eq_ignore_ascii_case(name));
    let digits = unsigned
        .bytes()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'));
    named || (digits && unsigned.bytes().any(|byte| byte.is_ascii_digit()))
}

fn is_uuid(text: &str) -> bool {
    let bare = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or(text);
    bare.bytes().filter(u8::is_ascii_hexdigit).count() == 32
        && bare.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

/// `\x` and hexadecimal digits, from the same or from what Node.js writes for a `Buffer`.
fn bytea(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => {
            let digits = text.strip_prefix("\\x")?;
            (digits.len() % 2 == 0 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
                .then(|| text.clone())
        }
        Value::Object(fields) if fields.get("type")? == "Buffer" => {
            use std::fmt::Write as _;
            let mut out = "\\x".to_owned();
            for byte in fields.get("data")?.as_array()? {
                let byte = u8::try_from(byte.as_u64()?).ok()?;
                // Writing into memory does not fail.
                let _ = write!(out, "{byte:02x}");
            }
            Some(out)
        }
        _ => None,
    }
}

/// The most dimensions of an array (MAXDIM).
const MOST_DIMENSIONS: usize = 6;

/// An array's text form: every element in quotes, so that none is taken for anything else.
fn array(values: &[Value], element: &Type, out: &mut String, dimension: usize) -> Result<(), Expected> {
    if dimension > MOST_DIMENSIONS {
        return Err("an array of at most six dimensions");
    }
    // The one type whose arrays are written otherwise.
    let separator = if *element == Type::BOX { ';' } else { ',' };
    out.push('{');
    for (at, value) in values.iter().enumerate() {
        if at > 0 {
            out.push(separator);
        }
        let is_json = matches!(*element, Type::JSON | Type::JSONB);
        match value {
            Value::Null => out.push_str("NULL"),
            Value::Array(inner) if !is_json => array(inner, element, out, dimension + 1)?,
            _ => {
                let Some(text) = text(value, element)? else {
                    out.push_str("NULL");
                    continue;
                };
                out.push('"');
                for character in text.chars() {
                    if matches!(character, '"' | '\\') {
                        out.push('\\');
                    }
                    out.push(character);
                }
                out.push('"');
            }
        }
    }
    out.push('}');
    Ok(())
}
