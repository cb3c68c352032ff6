//! Instants on the wire.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{OffsetDateTime, UtcOffset};

use crate::{Call, Problem};

/// An instant as every answer writes it: ISO 8601 in UTC with milliseconds and `Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instant(OffsetDateTime);

impl From<OffsetDateTime> for Instant {
    fn from(at: OffsetDateTime) -> Self {
        Self(at)
    }
}

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let format =
            format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
        let text = self.0.to_offset(UtcOffset::UTC).format(format).map_err(serde::ser::Error::custom)?;
        serializer.serialize_str(&text)
    }
}

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

impl Call {
    /// The instant that a parameter of the query names (RFC 3339, any offset), in UTC.
    ///
    /// # Errors
    /// 400 for a doubled parameter, 422 for a text that is no instant, or none that every store can keep.
    pub fn instant(&self, name: &str) -> Result<Option<OffsetDateTime>, Problem> {
        let Some(text) = self.query(name)? else { return Ok(None) };
        let at = OffsetDateTime::parse(&text, &Rfc3339).ok().filter(|at| (1970..=9998).contains(&at.year()));
        let at = at.ok_or_else(|| {
            Problem::invalid("invalid_instant", format!("{name} is an instant such as 2026-01-31T12:00:00Z."))
        })?;
        Ok(Some(at.to_offset(UtcOffset::UTC)))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_have_milliseconds_and_z() {
        let at = time::macros::datetime!(2026-03-04 05:06:07.089_999 +01:00);
        let written = serde_json::to_string(&Instant::from(at)).unwrap();
        assert_eq!(written, "\"2026-03-04T04:06:07.089Z\"");
    }
}
