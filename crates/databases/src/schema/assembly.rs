//! From the rows of a catalogue to a [`Schema`].

use std::collections::{BTreeMap, HashMap};

use crate::text_session::TextRow;
use crate::{Column, ForeignKey, QueryError, Schema, Table};

/// The most tables that are listed.
pub(super) const MOST_TABLES: usize = 2_000;
/// The most columns of all tables together.
pub(super) const MOST_COLUMNS: usize = 50_000;

/// Tables while their columns and keys are added. `K` is how the catalogue refers to a table, `C` to a column in it.
pub(super) struct Assembly<K, C> {
    tables: Vec<(K, Table)>,
    places: HashMap<K, usize>,
    names: HashMap<(K, C), String>,
    truncated: bool,
}

/// The columns of a foreign key, as the catalogue refers to them.
pub(super) struct Reference<K, C> {
    pub(super) from: K,
    pub(super) to: K,
    pub(super) columns: Vec<(C, C)>,
}

impl<K: Clone + Eq + std::hash::Hash, C: Clone + Eq + std::hash::Hash> Assembly<K, C> {
    /// Tables in any order; one more than the most says that there are more.
    pub(super) fn new(tables: Vec<(K, [String; 3])>) -> Self {
        let truncated = tables.len() > MOST_TABLES;
        let table = |(key, [schema, name, kind]): (K, [String; 3])| {
            let (columns, primary_key, foreign_keys) = (Vec::new(), Vec::new(), Vec::new());
            (key, Table { schema, name, kind, columns, primary_key, foreign_keys })
        };
        let tables: Vec<(K, Table)> = tables.into_iter().take(MOST_TABLES).map(table).collect();
        let places = tables.iter().enumerate().map(|(place, (key, _))| (key.clone(), place)).collect();
        Self { tables, places, names: HashMap::new(), truncated }
    }

    /// How the catalogue refers to the tables.
    pub(super) fn keys(&self) -> impl Iterator<Item = &K> {
        self.tables.iter().map(|(key, _)| key)
    }

    /// Adds columns: those of one table after another, each table's in their order. If there is one more than the
    /// most, what may be incomplete is left out.
    pub(super) fn columns(&mut self, mut columns: Vec<(K, C, Column)>) {
        let mut incomplete = false;
        if columns.len() > MOST_COLUMNS {
            let last = columns.last().map(|(key, ..)| key.clone());
            columns.retain(|(key, ..)| Some(key) != last.as_ref());
            incomplete = true;
        }
        for (key, id, column) in columns {
            if let Some((_, table)) = self.places.get(&key).and_then(|place| self.tables.get_mut(*place)) {
                self.names.insert((key, id), column.name.clone());
                table.columns.push(column);
            }
        }
        if incomplete {
            self.truncated = true;
            self.tables.retain(|(_, table)| !table.columns.is_empty());
            self.places =
                self.tables.iter().enumerate().map(|(place, (key, _))| (key.clone(), place)).collect();
        }
    }

    /// Adds a primary key.
    pub(super) fn primary_key(&mut self, key: &K, columns: &[C]) {
        if let Some(names) = self.names_of(key, columns)
            && let Some((_, table)) = self.places.get(key).and_then(|place| self.tables.get_mut(*place))
        {
            table.primary_key = names;
        }
    }

    /// Adds a foreign key, if both its tables are listed.
    pub(super) fn foreign_key(&mut self, reference: &Reference<K, C>) {
        let (from, to): (Vec<C>, Vec<C>) = reference.columns.iter().cloned().unzip();
        let names = (self.names_of(&reference.from, &from), self.names_of(&reference.to, &to));
        let (Some(columns), Some(to_columns)) = names else { return };
        let place = |key| self.places.get(key).copied();
        let (Some(from), Some(to)) = (place(&reference.from), place(&reference.to)) else { return };
        let Some((to_schema, to_table)) =
            self.tables.get(to).map(|(_, table)| (table.schema.clone(), table.name.clone()))
        else {
            return;
        };
        if let Some((_, table)) = self.tables.get_mut(from) {
            table.foreign_keys.push(ForeignKey { columns, to_schema, to_table, to_columns });
        }
    }

    fn names_of(&self, key: &K, columns: &[C]) -> Option<Vec<String>> {
        columns.iter().map(|column| self.names.get(&(key.clone(), column.clone())).cloned()).collect()
    }

    /// The tables in the order of their names.
    pub(super) fn finish(self) -> Schema {
        let mut tables: Vec<Table> = self.tables.into_iter().map(|(_, table)| table).collect();
        tables.sort_by(|one, other| (&one.schema, &one.name).cmp(&(&other.schema, &other.name)));
        Schema { tables, truncated: self.truncated }
    }
}

/// A row of exactly so many columns, none of them NULL.
///
/// # Errors
/// The server's catalogue answers otherwise.
pub(super) fn fields<const N: usize>(row: TextRow) -> Result<[String; N], QueryError> {
    let fields: Option<Vec<String>> = row.into_iter().collect();
    let strange = QueryError::Connect(crate::ConnectError::Protocol);
    fields.and_then(|fields| fields.try_into().ok()).ok_or(strange)
}

/// Rows of (constraint, table, column, other table, other column), those of one constraint after another in their order.
pub(super) fn grouped<K: Clone + Ord, C>(rows: Vec<([String; 2], K, C, K, C)>) -> Vec<Reference<K, C>> {
    let mut references = BTreeMap::<([String; 2], K), Reference<K, C>>::new();
    for (name, from, column, to, other) in rows {
        let reference = references.entry((name, from.clone())).or_insert_with(|| Reference {
            from,
            to,
            columns: Vec::new(),
        });
        reference.columns.push((column, other));
    }
    references.into_values().collect()
}
