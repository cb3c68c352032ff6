//! Parameters: from JSON to the binary protocol. They never become part of a statement's text.

use serde_json::Value;

use super::wire::ColumnType;
use crate::QueryError;

/// The most that the protocol counts.
const MOST: usize = 0xffff;
/// The flag of a number without a sign.
const UNSIGNED: u8 = 0x80;

/// A parameter as the server gets it.
#[derive(Debug, PartialEq)]
pub(crate) enum Parameter {
    Null,
    Integer(i64),
    Unsigned(u64),
    Double(f64),
    Text(String),
}

/// One parameter for each placeholder.
///
/// # Errors
/// Too few, too many, or one has no form in MySQL.
pub(crate) fn bind(placeholders: usize, values: Vec<Value>) -> Result<Vec<Parameter>, QueryError> {
    if placeholders != values.len() {
        let (given, needed) = (values.len(), placeholders);
        return Err(QueryError::Parameters(format!(
            "the statement has {needed} placeholders, the call {given} parameters"
        )));
    }
    if placeholders > MOST {
        return Err(QueryError::Parameters(format!("a statement has at most {MOST} placeholders")));
    }
    values.into_iter().enumerate().map(|(at, value)| parameter(at, value)).collect()
}

fn parameter(at: usize, value: Value) -> Result<Parameter, QueryError> {
    Ok(match value {
        Value::Null => Parameter::Null,
        Value::Bool(truth) => Parameter::Integer(truth.into()),
        Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(integer), ..) => Parameter::Integer(integer),
            (None, Some(unsigned), _) => Parameter::Unsigned(unsigned),
            (None, None, Some(double)) => Parameter::Double(double),
            (None, None, None) => Parameter::Text(number.to_string()),
        },
        // Dates, too: MySQL reads them out of text where it needs them.
        Value::String(text) => Parameter::Text(text),
        Value::Object(_) => Parameter::Text(value.to_string()),
        Value::Array(_) => {
            return Err(QueryError::Parameters(format!(
                "parameter {} is a list, which MySQL does not have: write one placeholder for each element, or give the \
                 list as JSON text and read it with JSON_TABLE",
                at + 1
            )));
        }
    })
}

/// The command that runs a prepared statement with these.
pub(crate) fn execute(statement: u32, parameters: &[Parameter]) -> Vec<u8> {
    let mut payload = vec![0x17];
    payload.extend_from_slice(&statement.to_le_bytes());
    // No cursor; once.
    payload.push(0);
    payload.extend_from_slice(&1_u32.to_le_bytes());
    if parameters.is_empty() {
        return payload;
    }
    for eight in parameters.chunks(8) {
        let nulls = eight.iter().enumerate().filter(|(_, parameter)| **parameter == Parameter::Null);
        payload.push(nulls.fold(0, |bits, (at, _)| bits | (1 << at)));
    }
    // Types follow.
    payload.push(1);
    for parameter in parameters {
        let (kind, unsigned) = match parameter {
            Parameter::Null => (ColumnType::NULL, 0),
            Parameter::Integer(_) => (ColumnType::LONG_LONG, 0),
            Parameter::Unsigned(_) => (ColumnType::LONG_LONG, UNSIGNED),
            Parameter::Double(_) => (ColumnType::DOUBLE, 0),
            Parameter::Text(_) => (ColumnType::VAR_STRING, 0),
        };
        payload.extend_from_slice(&[kind.0, unsigned]);
    }
    for parameter in parameters {
        match parameter {
            Parameter::Null => {}
            Parameter::Integer(number) => payload.extend_from_slice(&number.to_le_bytes()),
            Parameter::Unsigned(number) => payload.extend_from_slice(&number.to_le_bytes()),
            Parameter::Double(number) => payload.extend_from_slice(&number.to_le_bytes()),
            Parameter::Text(text) => counted(text.as_bytes(), &mut payload),
        }
    }
    payload
}

/// Appends bytes with their length in front, which has room for any length there can be.
fn counted(bytes: &[u8], payload: &mut Vec<u8>) {
    let length = bytes.len() as u64;
    let [one, two, three, ..] = length.to_le_bytes();
    match length {
        0..=0xfa => payload.push(one),
        0xfb..=0xffff => payload.extend_from_slice(&[0xfc, one, two]),
        0x1_0000..=0xff_ffff => payload.extend_from_slice(&[0xfd, one, two, three]),
        _ => {
            payload.push(0xfe);
            payload.extend_from_slice(&length.to_le_bytes());
        }
    }
    payload.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_becomes_what_mysql_has() {
        let given = vec![
            json!(null),
            json!(true),
            json!(-1),
            json!(9_223_372_036_854_775_808_u64),
            json!(0.5),
            json!("2024-02-03T04:05:06.000Z"),
            json!({"a": [1]}),
        ];
        let bound = bind(7, given).unwrap();
        let text = |text: &str| Parameter::Text(text.to_owned());
        let expected = [
            Parameter::Null,
            Parameter::Integer(1),
            Parameter::Integer(-1),
            Parameter::Unsigned(9_223_372_036_854_775_808),
            Parameter::Double(0.5),
            text("2024-02-03T04:05:06.000Z"),
            text(r#"{"a":[1]}"#),
        ];
        assert_eq!(bound, expected);
    }

    #[test]
    fn lists_and_wrong_numbers_are_refused() {
        for (placeholders, values) in [
            (1, vec![json!([1])]),
            (2, vec![json!(1)]),
            (0, vec![json!(1)]),
            (65_536, vec![json!(1); 65_536]),
        ] {
            assert!(matches!(bind(placeholders, values), Err(QueryError::Parameters(_))));
        }
    }

    /// A length that does not fit into fewer bytes takes more: no parameter's end is read as what comes after it.
    #[test]
    fn lengths_take_as_many_bytes_as_they_need() {
        for (length, front) in [
            (0_usize, vec![0]),
            (250, vec![250]),
            (251, vec![0xfc, 251, 0]),
            (65_535, vec![0xfc, 0xff, 0xff]),
            (65_536, vec![0xfd, 0, 0, 1]),
            (16_777_216, vec![0xfe, 0, 0, 0, 1, 0, 0, 0, 0]),
        ] {
            let mut payload = Vec::new();
            counted(&vec![b'x'; length], &mut payload);
            assert_eq!(payload.get(..front.len()), Some(front.as_slice()), "{length}");
            assert_eq!(payload.len(), front.len() + length);
        }
    }
}
