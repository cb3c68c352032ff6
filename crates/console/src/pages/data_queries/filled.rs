//! What a form about a saved query says.

use std::collections::BTreeMap;

use data_gateway::{DataQuery, DataQueryDefinition, Parameter, USUAL_TIMEOUT};
use endpoint::Problem;

use super::value;
use crate::fields::Fields;

/// The most parameters that a form takes.
const MOST_PARAMETERS: usize = 100;
/// How many rows for further parameters a form offers.
const SPARE: usize = 3;

/// The fields of a form.
#[derive(Default)]
pub(super) struct Filled {
    texts: BTreeMap<String, String>,
    /// How many parameters are filled in.
    parameters: usize,
}

impl Filled {
    /// A form that nobody has filled in yet.
    pub(super) fn blank() -> Self {
        let mut filled = Self::default();
        filled.put("timeout", USUAL_TIMEOUT);
        filled
    }

    /// A saved query as it is.
    pub(super) fn of(query: &DataQuery) -> Self {
        let definition = &query.definition;
        let mut filled = Self { parameters: definition.parameters.len(), ..Self::default() };
        filled.put("data_query_id", query.id);
        filled.put("version", query.version);
        filled.put("name", &definition.name);
        filled.put("connection_id", definition.connection);
        filled.put("sql", &definition.sql);
        filled.put("timeout", definition.timeout);
        filled.put("from_pages", if definition.from_pages { "on" } else { "" });
        for (number, parameter) in definition.parameters.iter().enumerate() {
            filled.put(&of(number, "name"), &parameter.name);
            filled.put(&of(number, "type"), parameter.kind);
            filled.put(&of(number, "required"), if parameter.required { "on" } else { "" });
            filled.put(
                &of(number, "default"),
                parameter.default.as_ref().map(value::written).unwrap_or_default(),
            );
        }
        filled
    }

    /// What somebody filled in.
    pub(super) fn again(fields: &Fields) -> Self {
        let mut filled = Self::default();
        for name in ["version", "name", "connection_id", "sql", "timeout", "from_pages"] {
            filled.put(name, fields.lines(name));
        }
        for number in 0..MOST_PARAMETERS {
            if fields.text(&of(number, "name")).is_empty() {
                continue;
            }
            filled.parameters = number + 1;
            for field in ["name", "type", "required", "default"] {
                filled.put(&of(number, field), fields.lines(&of(number, field)));
            }
        }
        filled
    }

    /// A field; empty if it is missing.
    pub(super) fn text(&self, name: &str) -> &str {
        self.texts.get(name).map_or("", String::as_str)
    }

    /// A field of a parameter.
    pub(super) fn of_parameter(&self, number: usize, field: &str) -> &str {
        self.text(&of(number, field))
    }

    /// For how many parameters the form has room.
    pub(super) fn room(&self) -> usize {
        (self.parameters + SPARE).min(MOST_PARAMETERS)
    }

    /// Fills in a field.
    pub(super) fn put(&mut self, name: &str, text: impl ToString) {
        self.texts.insert(name.to_owned(), text.to_string());
    }

    /// The saved query that the form describes.
    pub(super) fn definition(&self) -> Result<DataQueryDefinition, Problem> {
        let name = self.text("name").parse();
        let connection = self.text("connection_id").parse();
        let timeout = self.text("timeout").parse();
        let mut parameters = Vec::new();
        for number in 0..self.parameters {
            if !self.of_parameter(number, "name").is_empty() {
                parameters.push(self.parameter(number)?);
            }
        }
        Ok(DataQueryDefinition {
            name: name.map_err(|error| Problem::invalid("invalid_name", endpoint::sentence(&error)))?,
            connection: connection
                .map_err(|_| Problem::invalid("invalid_connection", "Choose a database."))?,
            sql: self.text("sql").to_owned(),
            parameters,
            timeout: timeout
                .map_err(|_| Problem::invalid("invalid_timeout", "The time is a number of milliseconds."))?,
            from_pages: self.text("from_pages") == "on",
        })
    }

    fn parameter(&self, number: usize) -> Result<Parameter, Problem> {
        let kind = self.of_parameter(number, "type").parse();
        let kind = kind.map_err(|error| Problem::invalid("invalid_type", endpoint::sentence(&error)))?;
        Ok(Parameter {
            name: self.of_parameter(number, "name").to_owned(),
            kind,
            required: self.of_parameter(number, "required") == "on",
            default: value::read(kind, self.of_parameter(number, "default"))?,
        })
    }
}

/// The name of a field of a parameter.
pub(super) fn of(number: usize, field: &str) -> String {
    format!("parameter_{number}_{field}")
}
