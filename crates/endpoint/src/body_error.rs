//! What is wrong with a body, without repeating any of it: it may hold a secret, and what is answered is
//! shown on screens and kept in the logs of clients.

/// A sentence's worth: what is wrong and where. Errors of our own types ([`serde::de::Error::custom`]) stay as they
/// are; those never quote what they were given.
pub fn describe(error: &serde_json::Error) -> String {
    let text = error.to_string();
    if !error.is_data() {
        // Of serde_json, which names what it expected and no more.
        return text;
    }
    let place = format!(" at line {} column {}", error.line(), error.column());
    let message = text.strip_suffix(&place).unwrap_or(&text);
    // serde writes what it found in the middle. What it expected is ours, and stands behind the last comma.
    let expected = message.rsplit_once(", expected ").map(|(_, expected)| expected);
    let none = message.ends_with("`, there are no fields").then_some("none");
    let (what, expected) = match message {
        text if text.starts_with("invalid type: ") => ("invalid type", expected),
        text if text.starts_with("invalid value: ") => ("invalid value", expected),
        text if text.starts_with("unknown field `") => ("unknown field", expected.or(none)),
        text if text.starts_with("unknown variant `") => ("unknown value", expected),
        // It names the field, or is a sentence of our own.
        text => return text.to_owned(),
    };
    match expected {
        Some(expected) => format!("{what}, expected {expected}{place}"),
        None => format!("{what}{place}"),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::describe;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read from JSON")]
    struct Body {
        number: u8,
        choice: Option<Choice>,
        flag: Option<bool>,
        nothing: Option<Empty>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Choice {
        Left,
        Right,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Empty {}

    #[test]
    fn k08_what_is_wrong_with_a_body_is_said_without_repeating_it() {
        for (body, said) in [
            (r#"{"number": "SECRET"}"#, "invalid type, expected u8 at line 1 column 19"),
            (r#"{"number": "a, expected SECRET"}"#, "invalid type, expected u8"),
            (r#"{"number": 666999}"#, "invalid value, expected u8"),
            (r#"{"number": 1, "SECRET": 2}"#, "unknown field, expected one of `number`, `choice`"),
            (r#"{"number": 1, "choice": "SECRET"}"#, "unknown value, expected `left` or `right`"),
            (r#"{"number": 1, "choice": {"SECRET": "x"}}"#, "unknown value, expected `left` or `right`"),
            (r#"{"number": 1, "flag": "SECRET"}"#, "invalid type, expected a boolean"),
            (r#"{"number": 1, "nothing": {"SECRET": 1}}"#, "unknown field, expected none"),
            (r#"{"number": 1, "number": "SECRET"}"#, "duplicate field `number`"),
            (r#"{"choice": "left"}"#, "missing field `number`"),
            (r#"{"number": 1, SECRET"#, "key must be a string"),
            (r#"{"number": SECRET"#, "expected value"),
            (r#"{"number": "SECRET"#, "EOF while parsing a string"),
            (r#"{"number": "SECRET\x"}"#, "invalid escape"),
            (r#"{"number": 1} SECRET"#, "trailing characters"),
        ] {
            let text = describe(&serde_json::from_str::<Body>(body).unwrap_err());
            assert!(text.starts_with(said), "{body}: {text}");
            assert!(!text.contains("SECRET") && !text.contains("666999"), "{body}: {text}");
        }
    }
}
