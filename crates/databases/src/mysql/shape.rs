//! How the columns of an answer become JSON.

use super::wire::{Column, ColumnType};
use crate::{QueryError, json};

/// The form of a value in a row, and in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A whole number of this many bytes.
    Integer { bytes: usize, unsigned: bool },
    /// A number of four bytes.
    Float,
    /// A number of eight bytes.
    Double,
    /// A date, or a date and a time.
    Moment,
    /// A time of day, or a span of time, with so many digits after the point.
    Time { decimals: usize },
    /// Text.
    Text,
    /// Bytes.
    Bytes,
    /// JSON as text.
    Json,
    /// A geometry.
    Geometry,
    /// Nothing but NULL.
    Null,
}

impl Form {
    /// How many bytes a value has; if not always the same, they are in front of it.
    pub(crate) const fn size(self) -> Size {
        match self {
            Self::Integer { bytes, .. } => Size::Always(bytes),
            Self::Float => Size::Always(4),
            Self::Double => Size::Always(8),
            Self::Moment | Self::Time { .. } => Size::Short,
            Self::Text | Self::Bytes | Self::Json | Self::Geometry => Size::Counted,
            Self::Null => Size::Always(0),
        }
    }
}

/// How long values of a form are.
pub(crate) enum Size {
    /// This.
    Always(usize),
    /// As the one byte in front of it says.
    Short,
    /// As the length-encoded integer in front of it says.
    Counted,
}

/// The form of a column's values.
fn form(column: &Column) -> Option<Form> {
    let integer = |bytes| Form::Integer { bytes, unsigned: column.is_unsigned() };
    Some(match column.column_type {
        ColumnType::TINY => integer(1),
        ColumnType::SHORT => integer(2),
        ColumnType::YEAR => Form::Integer { bytes: 2, unsigned: true },
        ColumnType::LONG | ColumnType::INT24 => integer(4),
        ColumnType::LONG_LONG => integer(8),
        ColumnType::FLOAT => Form::Float,
        ColumnType::DOUBLE => Form::Double,
        ColumnType::DATE | ColumnType::NEW_DATE | ColumnType::DATE_TIME | ColumnType::TIMESTAMP => {
            Form::Moment
        }
        ColumnType::TIME => Form::Time { decimals: usize::from(column.decimals.min(6)) },
        ColumnType::DECIMAL | ColumnType::NEW_DECIMAL => Form::Text,
        ColumnType::JSON => Form::Json,
        ColumnType::GEOMETRY => Form::Geometry,
        ColumnType::BIT => Form::Bytes,
        ColumnType::NULL => Form::Null,
        ColumnType::VARCHAR
        | ColumnType::ENUM
        | ColumnType::SET
        | ColumnType::TINY_BLOB
        | ColumnType::MEDIUM_BLOB
        | ColumnType::LONG_BLOB
        | ColumnType::BLOB
        | ColumnType::VAR_STRING
        | ColumnType::STRING => {
            if column.is_json {
                Form::Json
            } else if column.is_bytes() {
                Form::Bytes
            } else {
                Form::Text
            }
        }
        _ => return None,
    })
}

/// What is written of each row.
pub(crate) struct Shape {
    /// The forms of the columns, as the row has them.
    pub(crate) forms: Vec<Form>,
    /// What the object has: a name with its quotes and colon, and the number of its column. Of columns with one name,
    /// the name is where the first one is, and the value is the last one's, as in an object of JavaScript.
    pub(crate) members: Vec<(Vec<u8>, usize)>,
}

impl Shape {
    pub(crate) fn new(columns: &[Column]) -> Result<Self, QueryError> {
        let forms = columns
            .iter()
            .map(|column| form(column).ok_or_else(|| QueryError::Column(column.name.clone())))
            .collect::<Result<_, _>>()?;
        let mut places = std::collections::HashMap::<&str, usize>::new();
        let mut members = Vec::<(Vec<u8>, usize)>::new();
        for (at, column) in columns.iter().enumerate() {
            let place = *places.entry(&column.name).or_insert(members.len());
            if let Some((_, last)) = members.get_mut(place) {
                *last = at;
            } else {
                let mut name = Vec::new();
                json::string(&column.name, &mut name);
                name.push(b':');
                members.push((name, at));
            }
        }
        Ok(Self { forms, members })
    }
}

/// Appends the list of fields: for each column its name, and what of MySQL's usual client for JavaScript tells types apart.
pub(crate) fn fields(columns: &[Column], out: &mut Vec<u8>) {
    out.push(b'[');
    for (at, column) in columns.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"characterSet\":");
        json::integer(column.character_set.into(), out);
        out.extend_from_slice(b",\"name\":");
        json::string(&column.name, out);
        let number = column.column_type.0.into();
        let rest: [(&str, i64); 5] = [
            ("columnLength", column.length.into()),
            ("columnType", number),
            ("type", number),
            ("flags", column.flags.into()),
            ("decimals", column.decimals.into()),
        ];
        for (name, value) in rest {
            out.extend_from_slice(b",\"");
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"\":");
            json::integer(value, out);
        }
        out.push(b'}');
    }
    out.push(b']');
}
