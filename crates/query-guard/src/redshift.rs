//! Statements of Amazon Redshift.

mod functions;

use sqlparser::{
    ast::{CommentObject, ObjectType, Statement},
    dialect::RedshiftSqlDialect,
};

use crate::{
    Mode, Reason, Refusal,
    findings::Findings,
    standard::{self, FirstWords, Kind, Rules, read_only},
    text::Text,
    token::{Token, TokenKind},
};

const RULES: Rules =
    Rules { dialect: &RedshiftSqlDialect {}, in_other_words, quote: '"', known: functions::known, kind };

/// What there is to say of a statement.
pub(crate) fn examine(mode: Mode, text: &Text) -> Result<Findings, Refusal> {
    standard::first_word(text, REFUSED)?;
    let writes = words(text)?;
    if mode == Mode::ReadOnly
        && let Some(refusal) = writes
    {
        return Err(refusal);
    }
    let mut findings = standard::examine(mode, text, &RULES)?;
    findings.writes |= writes.is_some();
    Ok(findings)
}

/// What statements begin with that no connection allows.
const REFUSED: &[FirstWords] = &[
    (
        &[
            "abort",
            "begin",
            "close",
            "commit",
            "deallocate",
            "declare",
            "discard",
            "end",
            "execute",
            "fetch",
            "listen",
            "lock",
            "move",
            "prepare",
            "release",
            "reset",
            "rollback",
            "savepoint",
            "set",
            "start",
            "unlisten",
            "use",
        ],
        Reason::Session,
        "it changes the session",
    ),
    (
        &["attach", "cancel", "checkpoint", "copy", "detach", "do", "load", "unload"],
        Reason::Server,
        "it reaches files, code, or other servers",
    ),
];

/// A look at words, which needs no parser: what is refused everywhere, and what writes.
fn words(text: &Text) -> Result<Option<Refusal>, Refusal> {
    let server = |what: &str| Refusal {
        reason: Reason::Server,
        detail: format!("{what} is refused: it reaches other servers or files"),
    };
    let mut writes = None;
    let defines = text.is_word(0, "create") || text.is_word(0, "alter") || text.is_word(0, "drop");
    for (index, token) in text.tokens.iter().enumerate() {
        let is = |word: &str| text.is_word(index, word);
        let dotted = index > 0 && text.is_symbol(index - 1, ".");
        if is("into") && !dotted && !(index > 0 && text.is_word(index - 1, "as")) {
            writes = Some(read_only("INTO"));
        }
        if text.words(index, &["for", "update"]) || text.words(index, &["for", "share"]) {
            writes = Some(read_only("a lock"));
        }
        // A name that begins with # is that of a temporary table, and so is one of a schema for those.
        let written = text.text(token);
        let sharp = token.kind == TokenKind::Symbol && written == "#"
            || token.kind == TokenKind::QuotedName && written.starts_with("\"#");
        let word = is("temp") || is("temporary");
        let kind = ["table", "view", "recursive"].iter().any(|kind| text.is_word(index + 1, kind));
        let said = word && (defines && (index < 4 || kind) || behind_into(text, index));
        if sharp || said || standard::temporary_schema(text, index, '"') {
            return Err(Refusal {
                reason: Reason::Session,
                detail: "temporary tables are refused".to_owned(),
            });
        }
        if defines
            && index < 4
            && ["external", "library", "datashare", "model", "user", "group", "role", "database", "identity"]
                .iter()
                .any(|word| is(word))
        {
            return Err(server("EXTERNAL and the like"));
        }
    }
    Ok(writes)
}

/// Whether `INTO`, `INTO LOCAL` or `INTO GLOBAL` stands before `index`.
fn behind_into(text: &Text, index: usize) -> bool {
    let scope = |word: &str| index > 1 && text.words(index - 2, &["into", word]);
    index > 0 && text.is_word(index - 1, "into") || scope("local") || scope("global")
}

/// `APPROXIMATE count(…)` is unknown to the parser: nothing, for it.
fn in_other_words(text: &Text) -> Vec<(Token, &'static str)> {
    let approximate = |index: &usize| text.is_word(*index, "approximate") && text.is_symbol(index + 2, "(");
    let tokens = (0..text.tokens.len()).filter(approximate).filter_map(|index| text.tokens.get(index));
    tokens.map(|token| (*token, "           ")).collect()
}

fn kind(statement: &Statement) -> Option<Kind> {
    match statement {
        Statement::Query(_) => Kind::reading("select"),
        Statement::Explain { .. } => Kind::reading("explain"),
        Statement::ShowVariable { .. }
        | Statement::ShowColumns { .. }
        | Statement::ShowDatabases { .. }
        | Statement::ShowSchemas { .. }
        | Statement::ShowTables { .. } => Kind::reading("show"),
        Statement::Insert(_) => Kind::writing("insert"),
        Statement::Update(_) => Kind::writing("update"),
        Statement::Delete(_) => Kind::writing("delete"),
        Statement::Merge(_) => Kind::writing("merge"),
        Statement::Truncate(_) => Kind::writing("truncate"),
        Statement::Call(_) => Some(Kind { name: "call", reads: false, runs_code: true }),
        Statement::CreateTable(table) if !table.temporary && !table.external => Kind::writing("create table"),
        Statement::CreateView(view) if !view.temporary => Kind::writing("create view"),
        Statement::CreateSchema { .. } => Kind::writing("create schema"),
        Statement::AlterTable(_) => Kind::writing("alter table"),
        Statement::Drop {
            object_type:
                ObjectType::Table | ObjectType::View | ObjectType::MaterializedView | ObjectType::Schema,
            ..
        } => Kind::writing("drop"),
        Statement::Comment {
            object_type: CommentObject::Table | CommentObject::Column | CommentObject::View,
            ..
        } => Kind::writing("comment"),
        Statement::Grant(_) => Kind::writing("grant"),
        Statement::Revoke(_) => Kind::writing("revoke"),
        Statement::Vacuum(_) => Kind::writing("vacuum"),
        Statement::Analyze(_) => Kind::writing("analyze"),
        _ => None,
    }
}
