//! Values of parameters as people type them. What they mean is said by the type of the parameter; whether they fit is
//! judged where the query is run.

use data_gateway::{ElementType, Parameter, ParameterType};
use endpoint::Problem;
use maud::{Markup, html};
use serde_json::Value;

/// What was typed; none, if that is nothing.
pub(super) fn read(kind: ParameterType, typed: &str) -> Result<Option<Value>, Problem> {
    if typed.is_empty() {
        return Ok(None);
    }
    if kind.is_list {
        let lines = typed.lines().map(str::trim).filter(|line| !line.is_empty());
        let list = lines.map(|line| one(kind.element, line)).collect::<Result<_, _>>()?;
        return Ok(Some(Value::Array(list)));
    }
    one(kind.element, typed).map(Some)
}

fn one(element: ElementType, typed: &str) -> Result<Value, Problem> {
    Ok(match element {
        ElementType::Json => {
            let value = serde_json::from_str(typed);
            value.map_err(|_| Problem::invalid("invalid_parameters", "A value is no JSON."))?
        }
        ElementType::Boolean if typed == "true" => Value::Bool(true),
        ElementType::Boolean if typed == "false" => Value::Bool(false),
        // Digits stay digits: no number of this program has room for all of them.
        _ => Value::String(typed.to_owned()),
    })
}

/// A value as it was, or could have been, typed.
pub(super) fn written(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(written).collect::<Vec<_>>().join("\n"),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// A field for the value of a parameter.
pub(super) fn field(parameter: &Parameter, typed: &str) -> Markup {
    let name = field_name(&parameter.name);
    let kind = parameter.kind;
    html! {
        label {
            span { code { (parameter.name) } " " small.quiet { (hint(parameter)) } }
            @if kind.is_list || kind.element == ElementType::Json {
                textarea name=(name) rows="3" required[parameter.required] spellcheck="false" { (typed) }
            } @else if kind.element == ElementType::Boolean {
                select name=(name) required[parameter.required] {
                    @for (value, words) in [("", "not given"), ("true", "true"), ("false", "false")] {
                        option value=(value) selected[value == typed] { (words) }
                    }
                }
            } @else {
                input name=(name) value=(typed) required[parameter.required] autocomplete="off" spellcheck="false";
            }
        }
    }
}

/// The name of that field.
pub(super) fn field_name(parameter: &str) -> String {
    format!("value_{parameter}")
}

fn hint(parameter: &Parameter) -> String {
    let mut hint = parameter.kind.to_string();
    hint.push_str(match (parameter.kind.is_list, parameter.kind.element) {
        (true, _) => ", one in each line",
        (false, ElementType::Date) => ", as 2026-01-31",
        (false, ElementType::Timestamp) => ", as 2026-01-31T12:00:00Z",
        (false, _) => "",
    });
    if !parameter.required {
        match &parameter.default {
            Some(default) => hint.push_str(&format!("; {} if left empty", written(default))),
            None => hint.push_str("; NULL if left empty"),
        }
    }
    hint
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn typed(kind: &str, text: &str) -> Option<Value> {
        read(kind.parse().unwrap(), text).unwrap()
    }

    #[test]
    fn what_is_typed_means_what_the_type_says() {
        assert_eq!(typed("text", "7"), Some(json!("7")));
        assert_eq!(typed("integer", "9007199254740993"), Some(json!("9007199254740993")));
        assert_eq!(typed("boolean", "true"), Some(json!(true)));
        assert_eq!(typed("boolean", "maybe"), Some(json!("maybe")));
        assert_eq!(typed("json", "{\"a\":[1]}"), Some(json!({"a": [1]})));
        assert_eq!(
            typed("date[]", "2026-01-31\r\n\r\n2026-02-01"),
            Some(json!(["2026-01-31", "2026-02-01"]))
        );
        assert_eq!(typed("number", ""), None);
        assert!(read("json".parse().unwrap(), "{").is_err());
    }

    #[test]
    fn what_is_shown_is_read_again_as_the_same() {
        for (kind, value) in
            [("json", json!({"a": null})), ("text[]", json!(["a", "b c"])), ("boolean", json!(false))]
        {
            assert_eq!(typed(kind, &written(&value)), Some(value));
        }
    }
}
