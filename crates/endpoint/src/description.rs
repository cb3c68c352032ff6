//! What an endpoint takes and answers, as data. A handler cannot be mounted before this is said.

use std::borrow::Cow;

use actix_http::StatusCode;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

/// Writes the schema of one type into a document.
pub(crate) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// What an endpoint takes and answers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Description {
    pub(crate) body: Option<Body>,
    pub(crate) query: Option<SchemaOf>,
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) refusals: Vec<StatusCode>,
}

/// The body of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Body {
    Json(SchemaOf),
    Form(SchemaOf),
}

/// One way in which a request ends well.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    pub(crate) status: StatusCode,
    pub(crate) content: Content,
}

/// What an answer carries.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Content {
    Nothing,
    Json(SchemaOf),
    /// Bytes of this media type.
    Media(&'static str),
    /// A `Location` to go to.
    Elsewhere,
}

pub(crate) fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// Describes an instant as every answer writes it: ISO 8601 in UTC with milliseconds and `Z`.
#[derive(Debug)]
pub enum Instant {}

impl JsonSchema for Instant {
    fn schema_name() -> Cow<'static, str> {
        "Instant".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "date-time",
            "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$",
        })
    }
}

/// Describes an instant in a body: RFC 3339, any offset.
#[derive(Debug)]
pub enum GivenInstant {}

impl JsonSchema for GivenInstant {
    fn schema_name() -> Cow<'static, str> {
        "GivenInstant".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}
