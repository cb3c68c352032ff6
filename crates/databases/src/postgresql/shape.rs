//! Which form a column's values take in JSON.

use tokio_postgres::types::{Kind, Type};

/// How values of a type arrive, and with it how they are written. Chosen once per column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Bool,
    Int2,
    Int4,
    /// A string: exact beyond 2^53.
    Int8,
    Oid,
    Float4,
    Float8,
    /// A string: exact.
    Numeric,
    Text,
    Json,
    Jsonb,
    Uuid,
    Bytea,
    Date,
    Timestamp,
    Time,
    TimeTz,
    Interval,
    Inet,
    Cidr,
    Point,
    Circle,
    Void,
    Array(Box<Self>),
    /// The server is asked for text instead.
    AsText,
    /// The server is asked for an array of text instead.
    AsTextArray,
}

impl Shape {
    /// The form of a type's values.
    pub(crate) fn of(kind: &Type) -> Self {
        if matches!(*kind, Type::INT2_VECTOR | Type::OID_VECTOR) {
            return Self::AsText;
        }
        match kind.kind() {
            Kind::Array(element) => {
                return match Self::of(element) {
                    // Its text is one line, which an array of arrays would not be.
                    Self::AsText => Self::AsTextArray,
                    element => Self::Array(Box::new(element)),
                };
            }
            Kind::Domain(base) => return Self::of(base),
            Kind::Enum(_) => return Self::Text,
            _ => {}
        }
        match *kind {
            Type::BOOL => Self::Bool,
            Type::INT2 => Self::Int2,
            Type::INT4 => Self::Int4,
            Type::INT8 => Self::Int8,
            Type::OID => Self::Oid,
            Type::FLOAT4 => Self::Float4,
            Type::FLOAT8 => Self::Float8,
            Type::NUMERIC => Self::Numeric,
            Type::TEXT
            | Type::VARCHAR
            | Type::BPCHAR
            | Type::NAME
            | Type::CSTRING
            | Type::XML
            | Type::UNKNOWN
            | Type::REFCURSOR
            | Type::PG_NODE_TREE => Self::Text,
            Type::JSON => Self::Json,
            Type::JSONB => Self::Jsonb,
            Type::UUID => Self::Uuid,
            Type::BYTEA => Self::Bytea,
            Type::DATE => Self::Date,
            Type::TIMESTAMP | Type::TIMESTAMPTZ => Self::Timestamp,
            Type::TIME => Self::Time,
            Type::TIMETZ => Self::TimeTz,
            Type::INTERVAL => Self::Interval,
            Type::INET => Self::Inet,
            Type::CIDR => Self::Cidr,
            Type::POINT => Self::Point,
            Type::CIRCLE => Self::Circle,
            Type::VOID => Self::Void,
            _ => Self::AsText,
        }
    }

    /// What the server casts a column of this form to, if to anything.
    pub(crate) fn cast(&self) -> Option<&'static str> {
        match self {
            Self::AsText => Some("pg_catalog.text"),
            Self::AsTextArray => Some("pg_catalog.text[]"),
            _ => None,
        }
    }
}
