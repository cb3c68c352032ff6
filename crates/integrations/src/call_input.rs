//! What an app asks of a service: from the members of its call to a call without a host and without a credential.

use std::collections::BTreeSet;

use catalogue::{Action, ActionBody, Service};
use http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use service_client::Call;

use crate::multipart::Multipart;
use crate::unread_json::{read, weight};

/// The action that is no action of the catalogue, but a request as it is.
pub const REQUEST: &str = "request";

/// The most headers, and the most parameters of a query.
const MOST: usize = 100;

const CONTENT_TYPE: &str = "content-type";
const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const TEXT: &str = "text/plain; charset=utf-8";

/// What stays as it is in a segment of a path (RFC 3986, section 2.3).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What is wrong with what an app asks, as a sentence without its last dot. It repeats no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InputError(pub String);

/// A request as it is.
#[derive(Clone, Debug, Default)]
pub struct RawRequest {
    /// `GET`, if it is left out.
    pub method: Option<String>,
    /// The path below the service's base URL, perhaps with a query; the base URL itself, if it is left out.
    pub path: Option<String>,
    /// Parameters of the query: an object.
    pub query: Option<Value>,
    /// Headers: an object.
    pub headers: Option<Value>,
    /// The body: a text is sent as it is, anything else as JSON or, if the headers say so, as a form.
    pub body: Option<Value>,
}

/// A request as it is, of which nothing large has been read.
#[derive(Clone, Debug, Default)]
pub struct UnreadRequest {
    /// As in [`RawRequest`].
    pub method: Option<String>,
    /// As in [`RawRequest`].
    pub path: Option<String>,
    /// As in [`RawRequest`].
    pub headers: Option<Box<RawValue>>,
    /// As in [`RawRequest`]; beside a form, its further fields.
    pub body: Option<Box<RawValue>>,
    /// Files. Calls with a form are `POST`, if nothing else is said.
    pub form: Option<Multipart>,
}

impl UnreadRequest {
    /// What it takes at most to make the call, in bytes.
    ///
    /// # Errors
    /// No call may hold so much.
    pub fn weight(&self) -> Result<usize, InputError> {
        // The parts of a form as they came and as they are sent.
        let form = self.form.as_ref().map_or(0, |form| 2 * form.length());
        Ok(weight(self.headers.as_deref())? + weight(self.body.as_deref())? + form)
    }

    /// The call.
    ///
    /// # Errors
    /// A member does not fit.
    pub fn call(self) -> Result<Call, InputError> {
        let Self { method, path, headers, body, form } = self;
        let method = method.or_else(|| form.as_ref().map(|_| "POST".to_owned()));
        let headers = headers.map(|headers| read(Some(headers))).transpose()?;
        let body = body.map(|body| read(Some(body))).transpose()?;
        let request = RawRequest { method, path, query: None, headers, body };
        match form {
            None => request.call(),
            Some(form) => request.with_form(form),
        }
    }
}

/// The call that an action of the catalogue stands for, or [`REQUEST`], with this input. None if the service has no such
/// action.
///
/// # Errors
/// The input does not fit.
pub fn call_of_action(service: &Service, action_id: &str, input: Value) -> Result<Option<Call>, InputError> {
    let input = match input {
        Value::Null => Map::new(),
        Value::Object(input) => input,
        _ => return refused("input is an object"),
    };
    if action_id == REQUEST {
        return RawRequest::of_input(input)?.call().map(Some);
    }
    let action = service.actions.iter().find(|action| action.id == action_id);
    action.map(|action| of_catalogue(action, input)).transpose()
}

impl RawRequest {
    fn of_input(mut input: Map<String, Value>) -> Result<Self, InputError> {
        let mut text = |name: &str| match input.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => refused(format!("input.{name} is a text")),
        };
        let (method, path) = (text("method")?, text("path")?);
        let mut any = |name: &str| input.remove(name).filter(|value| !value.is_null());
        let (query, headers, body) = (any("query"), any("headers"), any("body"));
        if !input.is_empty() {
            return refused("input has method, path, query, headers and body, and nothing else");
        }
        if path.is_none() {
            return refused("input.path is missing");
        }
        Ok(Self { method, path, query, headers, body })
    }

    /// The call without its body, and the body as it was given.
    ///
    /// # Errors
    /// A member does not fit.
    pub fn without_body(self) -> Result<(Call, Option<Value>), InputError> {
        let Self { method, path, query, headers, body } = self;
        let mut call = Call::new(known_method(method.as_deref().unwrap_or("GET"))?, path.unwrap_or_default());
        match query {
            None => {}
            Some(Value::Object(members)) => {
                for (name, value) in members {
                    add_parameter(&mut call.query, &name, &value)?;
                }
            }
            Some(_) => return refused("query is an object"),
        }
        call.headers = headers.map(listed).transpose()?.unwrap_or_default();
        Ok((call, body.filter(|body| !body.is_null())))
    }

    /// The call.
    ///
    /// # Errors
    /// A member does not fit.
    pub fn call(self) -> Result<Call, InputError> {
        let (mut call, body) = self.without_body()?;
        let Some(body) = body else { return Ok(call) };
        if matches!(call.method, Method::GET | Method::HEAD) {
            return refused("GET and HEAD have no body");
        }
        let kind = header(&call, CONTENT_TYPE).map(str::to_ascii_lowercase);
        let kind = kind.as_deref().map(|kind| kind.split(';').next().unwrap_or_default().trim());
        let (body, usual) = match (body, kind) {
            // What it says that it is, or what it looks like.
            (Value::String(text), _) => {
                let is_json = text.trim_start().starts_with(['{', '['])
                    && serde_json::from_str::<IgnoredAny>(&text).is_ok();
                (text.into_bytes(), if is_json { JSON } else { TEXT })
            }
            (Value::Object(members), Some(FORM)) => (form(members)?, FORM),
            (body, None) => (body.to_string().into_bytes(), JSON),
            (body, Some(kind)) if kind == JSON || kind.ends_with("+json") => {
                (body.to_string().into_bytes(), JSON)
            }
            _ => return refused("body is a text where content-type is neither JSON nor a form"),
        };
        if kind.is_none() {
            call.headers.push((CONTENT_TYPE.to_owned(), usual.to_owned()));
        }
        call.body = Some(body.into());
        Ok(call)
    }
}

impl RawRequest {
    /// The call with a form as its body, to which the members of the body are added.
    ///
    /// # Errors
    /// A member does not fit.
    pub fn with_form(self, mut form: Multipart) -> Result<Call, InputError> {
        let (mut call, fields) = self.without_body()?;
        if matches!(call.method, Method::GET | Method::HEAD) {
            return refused("GET and HEAD have no body");
        }
        if header(&call, CONTENT_TYPE).is_some() {
            return refused("the content-type of a form with files is the platform's to say");
        }
        let fields = match fields {
            None => Map::new(),
            Some(Value::Object(fields)) => fields,
            Some(_) => return refused("body, beside files, is an object of fields"),
        };
        for (name, value) in fields {
            let value = scalar(&value).unwrap_or_else(|| value.to_string());
            if form.is_broken_by(&name) || form.is_broken_by(&value) {
                return refused("a field holds the form's boundary");
            }
            form.add(&name, &value);
        }
        let (kind, body) = form.written();
        call.headers.push((CONTENT_TYPE.to_owned(), kind));
        call.body = Some(body);
        Ok(call)
    }
}

/// A header of a call, if it has it.
fn header<'a>(call: &'a Call, name: &str) -> Option<&'a str> {
    call.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

fn of_catalogue(action: &Action, mut input: Map<String, Value>) -> Result<Call, InputError> {
    for name in &action.required {
        if input.get(name).is_none_or(Value::is_null) {
            return refused(format!("input.{name} is missing"));
        }
    }
    let path = filled_path(&action.path, &mut input)?;
    let mut query = Vec::new();
    for name in &action.query {
        if let Some(value) = input.remove(name) {
            add_parameter(&mut query, name, &value)?;
        }
    }
    input.retain(|_, value| !value.is_null());
    let mut call = Call::new(known_method(&action.method)?, path);
    call.query = query;
    let (body, kind) = match action.body {
        ActionBody::None if input.is_empty() => return Ok(call),
        ActionBody::None => {
            let known: BTreeSet<&str> =
                action.query.iter().chain(&action.required).map(String::as_str).collect();
            let known: Vec<&str> = known.into_iter().collect();
            // Their names are not said: a secret may have got there.
            let known =
                if known.is_empty() { "none besides its path's".to_owned() } else { known.join(", ") };
            return refused(format!("input has members that this action does not know; it knows: {known}"));
        }
        ActionBody::Json => (Value::Object(input).to_string().into_bytes(), JSON),
        ActionBody::Form => (form(input)?, FORM),
    };
    call.headers.push((CONTENT_TYPE.to_owned(), kind.to_owned()));
    call.body = Some(body.into());
    Ok(call)
}

/// Puts members of the input into the places in braces; each stays within its segment.
fn filled_path(template: &str, input: &mut Map<String, Value>) -> Result<String, InputError> {
    let (mut path, mut rest) = (String::new(), template);
    while let Some((literal, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}') else { break };
        path.push_str(literal);
        let value = input.remove(name).as_ref().and_then(scalar);
        let Some(value) = value.filter(|value| !value.is_empty()) else {
            return refused(format!("input.{name} is missing, or no text and no number"));
        };
        if matches!(value.as_str(), "." | "..") {
            return refused(format!("input.{name} is no part of a path"));
        }
        // A slash would be read as one by services that decode before they look.
        if value.contains(['/', '\\']) {
            return refused(format!("input.{name} has a slash"));
        }
        path.extend(utf8_percent_encode(&value, UNRESERVED));
        rest = after;
    }
    path.push_str(rest);
    Ok(path)
}

/// A parameter, once for each element of a list; nothing for null.
fn add_parameter(all: &mut Vec<(String, String)>, name: &str, value: &Value) -> Result<(), InputError> {
    let values: &[Value] = match value {
        Value::Null => &[],
        Value::Array(values) => values,
        value => std::slice::from_ref(value),
    };
    for value in values {
        let Some(value) = scalar(value) else {
            return refused("parameters are texts, numbers, true, false, or lists of these");
        };
        all.push((name.to_owned(), value));
    }
    if all.len() > MOST { refused(format!("a query has at most {MOST} parameters")) } else { Ok(()) }
}

fn form(members: Map<String, Value>) -> Result<Vec<u8>, InputError> {
    let mut all = Vec::new();
    for (name, value) in members {
        add_parameter(&mut all, &name, &value)?;
    }
    Ok(url::form_urlencoded::Serializer::new(String::new()).extend_pairs(all).finish().into_bytes())
}

fn listed(headers: Value) -> Result<Vec<(String, String)>, InputError> {
    let Value::Object(members) = headers else { return refused("headers is an object") };
    if members.len() > MOST {
        return refused(format!("there are at most {MOST} headers"));
    }
    let mut names = BTreeSet::new();
    let mut listed = Vec::with_capacity(members.len());
    for (name, value) in members {
        let Some(value) = scalar(&value) else { return refused("headers are texts") };
        // One that is given twice in different case has no single reading.
        if !names.insert(name.to_ascii_lowercase()) {
            return refused("a header is given twice");
        }
        listed.push((name, value));
    }
    Ok(listed)
}

fn known_method(method: &str) -> Result<Method, InputError> {
    match method.to_ascii_uppercase().as_str() {
        "GET" => Ok(Method::GET),
        "HEAD" => Ok(Method::HEAD),
        "POST" => Ok(Method::POST),
        "PUT" => Ok(Method::PUT),
        "PATCH" => Ok(Method::PATCH),
        "DELETE" => Ok(Method::DELETE),
        _ => refused("method is GET, HEAD, POST, PUT, PATCH or DELETE"),
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn refused<T>(text: impl Into<String>) -> Result<T, InputError> {
    Err(InputError(text.into()))
}

#[cfg(test)]
mod tests {
    use catalogue::Service;
    use serde_json::json;

    use super::*;

    const ENTRY: &str = r#"
        schema = 1
        id = "notes"
        name = "Notes"
        categories = ["files"]
        tier = "documented"
        documentation = "https://notes.example/"
        authentication = { kind = "api_key" }

        [api]
        base = "https://api.notes.example/v1"
        hosts = ["api.notes.example"]
        credential = [{ place = "header", name = "X-Key", format = "{api_key}" }]

        [[action]]
        id = "move"
        name = "Move"
        method = "POST"
        path = "/folders/{folder}/notes/{id}/move"
        query = ["notify", "tag"]
        required = ["id", "folder", "to"]
        body = "json"

        [[action]]
        id = "list"
        name = "List"
        method = "GET"
        path = "/notes"
        query = ["limit"]
    "#;

    fn of(action: &str, input: Value) -> Result<Option<Call>, InputError> {
        call_of_action(&Service::parse(ENTRY).unwrap(), action, input)
    }

    #[test]
    fn members_go_where_the_action_has_a_place_for_them() {
        let input = json!({
            "id": 7, "folder": "in box/ö", "to": { "folder": "x" }, "notify": false, "tag": ["a", 1], "left": null,
        });
        assert_eq!(of("move", input).unwrap_err().0, "input.folder has a slash");
        let input = json!({
            "id": 7, "folder": "in box ö", "to": { "folder": "x" }, "notify": false, "tag": ["a", 1], "left": null,
        });
        let call = of("move", input).unwrap().unwrap();
        assert_eq!(
            (call.method, call.path.as_str()),
            (Method::POST, "/folders/in%20box%20%C3%B6/notes/7/move")
        );
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(call.query, [pair("notify", "false"), pair("tag", "a"), pair("tag", "1")]);
        assert_eq!(call.headers, [pair("content-type", "application/json")]);
        assert_eq!(call.body.unwrap(), r#"{"to":{"folder":"x"}}"#);
        assert!(of("list", json!({})).unwrap().unwrap().body.is_none());
        assert!(of("nothing", json!({})).unwrap().is_none());
    }

    #[test]
    fn i08_input_that_does_not_fit_is_refused_and_not_repeated() {
        for (action, input, said) in [
            ("move", json!({ "id": "..", "folder": "x", "to": 1 }), "input.id is no part of a path"),
            (
                "move",
                json!({ "id": "", "folder": "x", "to": 1 }),
                "input.id is missing, or no text and no number",
            ),
            (
                "move",
                json!({ "id": {}, "folder": "x", "to": 1 }),
                "input.id is missing, or no text and no number",
            ),
            ("move", json!({ "id": "a\\SECRET", "folder": "x", "to": 1 }), "input.id has a slash"),
            ("move", json!({ "id": 1, "folder": "x" }), "input.to is missing"),
            (
                "list",
                json!({ "SECRET": 1 }),
                "input has members that this action does not know; it knows: limit",
            ),
            (
                "list",
                json!({ "limit": { "SECRET": 1 } }),
                "parameters are texts, numbers, true, false, or lists of these",
            ),
            ("list", json!("SECRET"), "input is an object"),
            ("request", json!({}), "input.path is missing"),
            ("request", json!({ "path": 1 }), "input.path is a text"),
            (
                "request",
                json!({ "path": "/", "SECRET": 1 }),
                "input has method, path, query, headers and body, and nothing else",
            ),
            (
                "request",
                json!({ "path": "/", "method": "TRACE" }),
                "method is GET, HEAD, POST, PUT, PATCH or DELETE",
            ),
            ("request", json!({ "path": "/", "headers": { "a": "1", "A": "2" } }), "a header is given twice"),
            ("request", json!({ "path": "/", "headers": ["SECRET"] }), "headers is an object"),
            ("request", json!({ "path": "/", "body": "SECRET" }), "GET and HEAD have no body"),
            (
                "request",
                json!({ "path": "/", "method": "PUT", "headers": { "content-type": "text/xml" }, "body": {} }),
                "body is a text where content-type is neither JSON nor a form",
            ),
        ] {
            assert_eq!(of(action, input.clone()).unwrap_err().0, said, "{input}");
        }
    }

    #[test]
    fn bodies_are_what_they_say_or_look_like() {
        for (headers, body, kind, sent) in [
            (json!({}), json!({ "a": [1] }), "application/json", r#"{"a":[1]}"#),
            (json!({}), json!("{\"a\": 1}"), "application/json", "{\"a\": 1}"),
            (json!({}), json!("{a"), "text/plain; charset=utf-8", "{a"),
            (json!({ "Content-Type": "text/xml" }), json!("<a/>"), "text/xml", "<a/>"),
            (
                json!({ "content-type": "application/vnd.api+json" }),
                json!({}),
                "application/vnd.api+json",
                "{}",
            ),
            (
                json!({ "Content-Type": "application/x-www-form-urlencoded; charset=utf-8" }),
                json!({ "a": "b c", "d": [1, true] }),
                "application/x-www-form-urlencoded; charset=utf-8",
                "a=b+c&d=1&d=true",
            ),
        ] {
            let input = json!({ "path": "/", "method": "post", "headers": headers, "body": body });
            let call = of("request", input).unwrap().unwrap();
            assert_eq!(
                (header(&call, "content-type"), call.body.as_deref()),
                (Some(kind), Some(sent.as_bytes()))
            );
        }
    }
}
