//! What an endpoint takes and answers, as data. A handler cannot be mounted before this is said.

use actix_http::StatusCode;
use schemars::{JsonSchema, Schema, SchemaGenerator};

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
    /// A form with a file, or the same without one.
    FormWithFile(SchemaOf),
    /// JSON, or a form with files that has the same in its field `params`.
    JsonOrMultipart(SchemaOf),
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

impl Description {
    /// The only parameters that its query may have, if that is so. Where a browser is led, by providers and
    /// by links, others are ignored: RFC 6749, section 4.1.2.
    pub(crate) fn only_parameters(&self) -> Option<Vec<String>> {
        let is_for_browsers =
            |outcome: &Outcome| matches!(outcome.content, Content::Elsewhere | Content::Media("text/html"));
        let query = self.query.filter(|_| !self.outcomes.iter().any(is_for_browsers))?;
        Some(crate::openapi::names_in_query(query))
    }
}

pub(crate) fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}
