//! Statements that a session's server has prepared.

use std::collections::HashMap;
use std::sync::Arc;

use tokio_postgres::{Client, Error, Statement};

use super::shape::Shape;
use crate::{QueryError, json};

/// The most prepared statements of a session.
const MOST: usize = 64;
/// A longer statement is prepared for once.
const LONGEST: usize = 8 << 10;

/// A statement that the server has prepared, with the form of its columns.
pub(crate) struct Prepared {
    pub(crate) statement: Statement,
    pub(crate) fields: Vec<Field>,
}

/// One key of a row's object.
pub(crate) struct Field {
    /// The key with its colon, and the brace or comma before it.
    pub(crate) key: Vec<u8>,
    /// Which column has the value.
    pub(crate) column: usize,
    pub(crate) shape: Shape,
}

/// The prepared statements of a session, by their text. Those that were not used for longest go first.
#[derive(Default)]
pub(crate) struct Statements {
    known: HashMap<String, (u64, Arc<Prepared>)>,
    uses: u64,
}

impl Statements {
    /// A known one.
    pub(crate) fn get(&mut self, sql: &str) -> Option<Arc<Prepared>> {
        let (used, prepared) = self.known.get_mut(sql)?;
        self.uses += 1;
        *used = self.uses;
        Some(Arc::clone(prepared))
    }

    /// Keeps one.
    pub(crate) fn keep(&mut self, sql: &str, prepared: &Arc<Prepared>) {
        if sql.len() > LONGEST {
            return;
        }
        if self.known.len() >= MOST {
            let oldest = self.known.iter().min_by_key(|(_, (used, _))| *used).map(|(sql, _)| sql.clone());
            if let Some(oldest) = oldest {
                self.known.remove(&oldest);
            }
        }
        self.uses += 1;
        self.known.insert(sql.to_owned(), (self.uses, Arc::clone(prepared)));
    }

    /// Forgets one.
    pub(crate) fn forget(&mut self, sql: &str) {
        self.known.remove(sql);
    }
}

/// Why a statement was not prepared.
pub(crate) enum Unprepared {
    /// The server refuses it, or is gone.
    Error(Error),
    /// One of its columns has no form here.
    Query(QueryError),
}

/// Has a statement prepared. Columns of types that have no form here are cast to text by the server, in a statement
/// around it: the driver takes only the binary form of values.
///
/// # Errors
/// See [`Unprepared`].
pub(crate) async fn prepare(client: &Client, sql: &str, writes: bool) -> Result<Prepared, Unprepared> {
    let statement = client.prepare(sql).await.map_err(Unprepared::Error)?;
    let shapes: Vec<Shape> = statement.columns().iter().map(|column| Shape::of(column.type_())).collect();
    let names: Vec<String> = statement.columns().iter().map(|column| column.name().to_owned()).collect();
    let fields = fields(&names, &shapes);
    let cast = fields.iter().find(|field| field.shape.cast().is_some());
    let Some(cast) = cast else { return Ok(Prepared { statement, fields }) };
    let around = around(sql, &shapes, writes);
    match client.prepare(&around).await {
        Ok(statement) => Ok(Prepared { statement, fields }),
        Err(error) if error.code().is_none() => Err(Unprepared::Error(error)),
        // A statement that writes inside of another WITH of its own has to stay outermost.
        Err(_) => {
            let name = names.get(cast.column).cloned().unwrap_or_default();
            Err(Unprepared::Query(QueryError::Column(name)))
        }
    }
}

/// The statement, and a statement around it that casts columns.
fn around(sql: &str, shapes: &[Shape], writes: bool) -> String {
    let columns: Vec<String> = (1..=shapes.len()).map(|number| format!("c{number}")).collect();
    let values: Vec<String> = shapes
        .iter()
        .zip(&columns)
        .map(|(shape, column)| match shape.cast() {
            Some(cast) => format!("{column}::{cast}"),
            None => column.clone(),
        })
        .collect();
    let (columns, values) = (columns.join(","), values.join(","));
    // The line ends keep a comment at the statement's end from going on.
    if writes {
        format!("WITH answer({columns}) AS (\n{sql}\n) SELECT {values} FROM answer")
    } else {
        format!("SELECT {values} FROM (\n{sql}\n) AS answer({columns})")
    }
}

/// Keys of an object are there once: of columns with one name, the last one's value is at the first one's place, as
/// objects of JavaScript have it.
fn fields(names: &[String], shapes: &[Shape]) -> Vec<Field> {
    let mut fields: Vec<Field> = Vec::with_capacity(names.len());
    let mut places: HashMap<&str, usize> = HashMap::with_capacity(names.len());
    for (column, (name, shape)) in names.iter().zip(shapes).enumerate() {
        if let Some(field) = places.get(name.as_str()).and_then(|&place| fields.get_mut(place)) {
            field.column = column;
            field.shape = shape.clone();
            continue;
        }
        places.insert(name, fields.len());
        let mut key = vec![if fields.is_empty() { b'{' } else { b',' }];
        json::string(name, &mut key);
        key.push(b':');
        fields.push(Field { key, column, shape: shape.clone() });
    }
    fields
}
