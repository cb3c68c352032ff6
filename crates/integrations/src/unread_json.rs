//! JSON of apps before it is read: what reading it takes in memory is known first, and counted against the call's turn.

use serde_json::Value;
use serde_json::value::RawValue;

use crate::call_input::InputError;

/// The most that one value may take in memory, in bytes: half of what all calls of an organization may hold.
const MOST: usize = 128 << 20;

/// What a member or an element takes besides its text: itself, its name, and the room that lists and objects keep free.
const OF_A_VALUE: usize = 96;

/// What an object takes at least, once it has a member.
const OF_AN_OBJECT: usize = 640;

/// How often the text of a value is held: as it came, as it was read, and as it is sent, where a form needs up to three bytes
/// for one.
const COPIES: usize = 5;

/// What it takes at most to read a value and to write it for a service, in bytes.
///
/// # Errors
/// No call may hold so much.
pub fn weight(json: Option<&RawValue>) -> Result<usize, InputError> {
    let text = json.map_or("", RawValue::get);
    let (mut values, mut objects, mut in_text, mut escaped) = (1, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => in_text = !in_text,
            b',' | b'[' if !in_text => values += 1,
            b'{' if !in_text => objects += 1,
            _ => {}
        }
    }
    let weight = COPIES * text.len() + OF_A_VALUE * values + OF_AN_OBJECT * objects;
    if weight > MOST {
        return Err(InputError("there are too many members and elements for one call".to_owned()));
    }
    Ok(weight)
}

/// The value; null, if there is none.
///
/// # Errors
/// It nests too deeply, or has a number or a character that nobody could read.
pub fn read(json: Option<Box<RawValue>>) -> Result<Value, InputError> {
    let Some(json) = json else { return Ok(Value::Null) };
    serde_json::from_str(json.get()).map_err(|_| {
        InputError("it nests too deeply, or has a number or a character that cannot be read".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: String) -> Box<RawValue> {
        RawValue::from_string(text).unwrap()
    }

    #[test]
    fn what_is_small_as_text_and_large_in_memory_weighs_what_it_takes() {
        let of = |text: String| weight(Some(&raw(text)));
        let text = 4_000_000;
        // A long text weighs its copies, whatever it has in it.
        let long = of(format!(r#"{{"file":"{}"}}"#, r#"[{,\""#.repeat(text / 6))).unwrap();
        assert!((3 * text..8 * text).contains(&long), "{long}");
        // A million elements of 32 bytes, and two hundred thousand objects of a node each.
        assert!(of(format!("[1{}]", ",1".repeat(1_000_000))).unwrap() > 64_000_000);
        assert!(of(format!("[1{}]", r#",{"":1}"#.repeat(100_000))).unwrap() > 63_000_000);
        assert!(of(format!("[1{}]", r#",{"":1}"#.repeat(500_000))).is_err());
        assert!(of(format!("[1{}]", ",1".repeat(2_000_000))).is_err());
        assert!(weight(None).unwrap() < 1_000);
    }

    #[test]
    fn what_cannot_be_read_is_refused_when_it_is() {
        assert_eq!(read(None).unwrap(), Value::Null);
        assert_eq!(read(Some(raw(r#" {"a": [1]} "#.to_owned()))).unwrap(), serde_json::json!({ "a": [1] }));
        let deep = format!("{}{}", "[".repeat(2_000_000), "]".repeat(2_000_000));
        for text in [deep, "1e999".to_owned(), r#""\ud800""#.to_owned()] {
            assert!(read(Some(raw(text))).is_err());
        }
    }
}
