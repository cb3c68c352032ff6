//! Tables and columns, whatever they are for.

use crate::BackupError;
use crate::value::{Fields, Kind, write_bytes};

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub kind: Kind,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    pub name: String,
    /// In the order of their names: a store has them in the order in which migrations added them.
    pub columns: Vec<Column>,
    /// The columns of its primary key, by which its rows are ordered.
    pub key: Vec<Column>,
}

impl Table {
    /// Name and columns, as they are written and hashed.
    pub fn describe(&self) -> Vec<u8> {
        let mut description = Vec::new();
        write_bytes(&mut description, self.name.as_bytes());
        for column in &self.columns {
            write_bytes(&mut description, column.name.as_bytes());
            description.push(column.kind.code());
        }
        description
    }
}

/// Everything that a store keeps after some migrations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    /// The migrations, oldest first.
    pub migrations: Vec<String>,
    /// Each table after those that it refers to.
    pub tables: Vec<Table>,
}

impl Schema {
    /// Every table after those that it refers to, and by name where that leaves a choice.
    pub fn in_order(
        migrations: Vec<String>,
        mut tables: Vec<(Table, Vec<String>)>,
    ) -> Result<Self, BackupError> {
        tables.sort_by(|(one, _), (other, _)| one.name.cmp(&other.name));
        let mut ordered: Vec<Table> = Vec::with_capacity(tables.len());
        while !tables.is_empty() {
            let is_free = |(table, refers): &(Table, Vec<String>)| {
                refers.iter().all(|to| *to == table.name || ordered.iter().any(|before| before.name == *to))
            };
            let Some(at) = tables.iter().position(is_free) else {
                return Err(BackupError::Contradicts("tables refer to each other in a circle".to_owned()));
            };
            ordered.push(tables.remove(at).0);
        }
        Ok(Self { migrations, tables: ordered })
    }
}

/// The name and columns of [`Table::describe`]; what the key is, the schema says.
pub fn described(bytes: &[u8]) -> Result<String, BackupError> {
    Fields::new(bytes).text()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_follow_those_that_they_refer_to() {
        let table = |name: &str| Table { name: name.to_owned(), columns: Vec::new(), key: Vec::new() };
        let of = |name: &str, refers: &[&str]| {
            (table(name), refers.iter().map(|to| (*to).to_owned()).collect::<Vec<_>>())
        };
        let tables = vec![of("a", &["z", "a"]), of("b", &[]), of("z", &["m"]), of("m", &["b"])];
        let ordered = Schema::in_order(Vec::new(), tables).unwrap();
        let names: Vec<_> = ordered.tables.iter().map(|table| table.name.as_str()).collect();
        assert_eq!(names, ["b", "m", "z", "a"]);
        assert!(Schema::in_order(Vec::new(), vec![of("a", &["b"]), of("b", &["a"])]).is_err());
    }
}
