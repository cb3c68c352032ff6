//! An answer of a database as a table, whichever of the shapes it has.
//!
//! Columns stay in their order and numbers as they are, so the text is read here and not by way of a map.

use std::fmt;

use maud::{Markup, html};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// The most rows that a table shows.
const MOST_ROWS: usize = 200;
/// The most characters of one cell.
const MOST_OF_A_CELL: usize = 500;

/// JSON with its fields in their order.
#[derive(Clone, Debug, PartialEq)]
enum Shown {
    Null,
    Text(String),
    /// A number or truth value, as it is written.
    Plain(String),
    List(Vec<Shown>),
    Fields(Vec<(String, Shown)>),
}

/// Rows, and the names of their columns.
#[derive(Debug, PartialEq)]
pub(super) struct Rows {
    columns: Vec<String>,
    rows: Vec<Vec<(String, Shown)>>,
}

impl Rows {
    /// Rows as PostgreSQL's (a list of rows), MySQL's (rows and fields) or Redshift's (records and more); none, if it is none
    /// of these.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let shown = serde_json::from_slice(bytes).ok()?;
        let (rows, columns) = match shown {
            Shown::List(mut parts) if matches!(parts.as_slice(), [_, Shown::List(_)]) => {
                let (fields, rows) = (parts.pop()?, parts.pop()?);
                (rows, names(&fields))
            }
            Shown::Fields(fields) => {
                let of =
                    |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
                (of("records")?, of("columnMetadata").map(|columns| names(&columns)).unwrap_or_default())
            }
            list => (list, Vec::new()),
        };
        let rows: Vec<_> = match rows {
            Shown::List(rows) => rows.into_iter().map(as_row).collect::<Option<_>>()?,
            // What a statement without rows answers in MySQL.
            Shown::Fields(one) => vec![one],
            _ => return None,
        };
        let columns = if columns.is_empty() {
            rows.first().map(|row| row.iter().map(|(name, _)| name.clone()).collect()).unwrap_or_default()
        } else {
            columns
        };
        Some(Self { columns, rows })
    }

    /// The first of them.
    pub(super) fn table(&self) -> Markup {
        html! {
            @if self.rows.is_empty() {
                p id="no-rows" { "No rows." }
            } @else {
                div.wide {
                    table id="rows" {
                        tr { @for column in &self.columns { th { (column) } } }
                        @for row in self.rows.iter().take(MOST_ROWS) {
                            tr { @for (_, value) in row { td { (cell(value)) } } }
                        }
                    }
                }
                @if self.rows.len() > MOST_ROWS { p { "These are the first " (MOST_ROWS) "." } }
            }
        }
    }
}

/// The names in a list of columns.
fn names(columns: &Shown) -> Vec<String> {
    let Shown::List(columns) = columns else { return Vec::new() };
    let name = |column: &Shown| match column {
        Shown::Fields(fields) => {
            fields.iter().find(|(key, _)| key == "name").map(|(_, name)| name.to_string())
        }
        _ => None,
    };
    columns.iter().filter_map(name).collect()
}

fn as_row(row: Shown) -> Option<Vec<(String, Shown)>> {
    match row {
        Shown::Fields(fields) => Some(fields),
        Shown::List(values) => Some(values.into_iter().map(|value| (String::new(), value)).collect()),
        _ => None,
    }
}

fn cell(value: &Shown) -> Markup {
    if *value == Shown::Null {
        return html! { span.quiet { "NULL" } };
    }
    let text = value.to_string();
    match text.char_indices().nth(MOST_OF_A_CELL) {
        Some((end, _)) => html! { (text.get(..end).unwrap_or_default()) span.quiet { "…" } },
        None => html! { (text) },
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => formatter.write_str("null"),
            Self::Text(text) | Self::Plain(text) => formatter.write_str(text),
            Self::List(list) => {
                formatter.write_str("[")?;
                for (number, value) in list.iter().enumerate() {
                    if number > 0 {
                        formatter.write_str(", ")?;
                    }
                    write!(formatter, "{value}")?;
                }
                formatter.write_str("]")
            }
            Self::Fields(fields) => {
                formatter.write_str("{")?;
                for (number, (name, value)) in fields.iter().enumerate() {
                    if number > 0 {
                        formatter.write_str(", ")?;
                    }
                    write!(formatter, "{name}: {value}")?;
                }
                formatter.write_str("}")
            }
        }
    }
}

impl<'de> Deserialize<'de> for Shown {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyShape)
    }
}

struct AnyShape;

impl<'de> Visitor<'de> for AnyShape {
    type Value = Shown;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Shown, E> {
        Ok(Shown::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Shown, E> {
        Ok(Shown::Plain(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Shown, E> {
        Ok(Shown::Plain(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Shown, E> {
        Ok(Shown::Plain(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Shown, E> {
        Ok(Shown::Plain(value.to_string()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Shown, E> {
        Ok(Shown::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Shown, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(Shown::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shown, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Shown::Fields(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(json: &str) -> (Vec<String>, Vec<Vec<String>>) {
        let rows = Rows::read(json.as_bytes()).unwrap();
        let cells = |row: &Vec<(String, Shown)>| row.iter().map(|(_, value)| value.to_string()).collect();
        (rows.columns.clone(), rows.rows.iter().map(cells).collect())
    }

    fn columns(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn each_shape_is_a_table_with_columns_in_their_order() {
        let (names, rows) = shown(r#"[{"z":1,"a":null,"m":[1,"x"]},{"z":2,"a":"y","m":{"k":true}}]"#);
        assert_eq!(names, columns(&["z", "a", "m"]));
        assert_eq!(rows, [["1", "null", "[1, x]"], ["2", "y", "{k: true}"]]);
        let (names, rows) = shown(r#"[[{"z":1,"a":2}],[{"name":"z"},{"name":"a"}]]"#);
        assert_eq!((names, rows), (columns(&["z", "a"]), vec![vec!["1".to_owned(), "2".to_owned()]]));
        let (names, rows) = shown(
            r#"{"columnMetadata":[{"name":"z","typeName":"int4"}],"records":[{"z":"1"}],"status":"FINISHED"}"#,
        );
        assert_eq!((names, rows), (columns(&["z"]), vec![vec!["1".to_owned()]]));
        assert_eq!(shown("[]").1.len(), 0);
        assert_eq!(
            shown(r#"[{"affectedRows":3},[]]"#),
            (columns(&["affectedRows"]), vec![vec!["3".to_owned()]])
        );
    }

    #[test]
    fn what_has_no_rows_is_no_table() {
        for json in ["7", r#""text""#, "[1,2]", r#"{"other":1}"#, "{"] {
            assert_eq!(Rows::read(json.as_bytes()), None, "{json}");
        }
    }

    #[test]
    fn cells_are_escaped_and_cut() {
        let long = "x".repeat(600);
        let page =
            Rows::read(format!(r#"[{{"<b>":"<script>","long":"{long}"}}]"#).as_bytes()).unwrap().table();
        let page = page.into_string();
        assert!(
            page.contains("&lt;script&gt;") && page.contains("&lt;b&gt;") && !page.contains("<script>"),
            "{page}"
        );
        assert!(!page.contains(&long) && page.contains('…'), "{page}");
    }
}
