//! Statements of MySQL and MariaDB.

mod functions;

use sqlparser::{
    ast::{ObjectType, Statement},
    dialect::MySqlDialect,
};

use crate::{
    Mode, Reason, Refusal,
    findings::Findings,
    standard::{self, FirstWords, Kind, Rules, read_only},
    text::Text,
    token::{Token, TokenKind},
};

const RULES: Rules =
    Rules { dialect: &MySqlDialect {}, in_other_words, quote: '`', known: functions::known, kind };

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
            "begin",
            "close",
            "commit",
            "deallocate",
            "declare",
            "execute",
            "fetch",
            "handler",
            "lock",
            "open",
            "prepare",
            "release",
            "reset",
            "rollback",
            "savepoint",
            "set",
            "start",
            "unlock",
            "use",
            "xa",
        ],
        Reason::Session,
        "it changes the session",
    ),
    (
        &[
            "backup",
            "binlog",
            "cache",
            "change",
            "clone",
            "flush",
            "grant",
            "help",
            "import",
            "install",
            "kill",
            "load",
            "purge",
            "restart",
            "revoke",
            "shutdown",
            "signal",
            "stop",
            "uninstall",
        ],
        Reason::Server,
        "it acts on the server, its files or its users",
    ),
    (&["do"], Reason::Server, "it runs code"),
];

/// A look at words, which needs no parser: what is refused everywhere, and what writes.
fn words(text: &Text) -> Result<Option<Refusal>, Refusal> {
    let server = |what: &str| Refusal {
        reason: Reason::Server,
        detail: format!("{what} is refused: it reaches files or other servers"),
    };
    let session = |what: &str| Refusal {
        reason: Reason::Session,
        detail: format!("{what} is refused: it changes the session"),
    };
    let mut writes = None;
    let defines = text.is_word(0, "create") || text.is_word(0, "alter");
    for index in 0..text.tokens.len() {
        let is = |word: &str| text.is_word(index, word);
        let dotted = index > 0 && text.is_symbol(index - 1, ".");
        if is("into") && !dotted {
            if text.is_word(index + 1, "outfile") || text.is_word(index + 1, "dumpfile") {
                return Err(server("INTO OUTFILE"));
            }
            writes = Some(read_only("INTO"));
        }
        if text.words(index, &["for", "update"])
            || text.words(index, &["for", "share"])
            || text.words(index, &["lock", "in"])
        {
            writes = Some(read_only("a lock"));
        }
        if text.words(index, &["value", "for"]) {
            writes = Some(read_only("NEXT VALUE FOR"));
        }
        if dotted && (is("nextval") || is("currval")) {
            writes = Some(read_only("a sequence"));
        }
        if text.words(index, &["procedure", "analyse"]) {
            return Err(server("PROCEDURE ANALYSE"));
        }
        if (is("temporary") || is("temp"))
            && (text.is_word(0, "create") || text.is_word(0, "drop"))
            && (index < 4 || ["table", "tables", "sequence"].iter().any(|kind| text.is_word(index + 1, kind)))
        {
            return Err(session("a temporary table"));
        }
        if defines {
            if text.words(index, &["data", "directory"])
                || text.words(index, &["index", "directory"])
                || is("soname")
            {
                return Err(server("a file of the server"));
            }
            let equals = usize::from(text.is_symbol(index + 1, "="));
            if is("connection")
                && text.tokens.get(index + 1 + equals).is_some_and(|token| token.kind == TokenKind::String)
            {
                return Err(server("CONNECTION"));
            }
            if is("engine")
                && let Some(engine) = text.tokens.get(index + 1 + equals)
                && (equals == 1 || engine.kind == TokenKind::Word)
            {
                let engine = text.text(engine).trim_matches(['\'', '"', '`']).to_ascii_lowercase();
                if !ENGINES.contains(&engine.as_str()) {
                    return Err(server("this storage engine"));
                }
            }
        }
    }
    Ok(writes)
}

/// Storage engines that keep tables in the server itself.
const ENGINES: &[&str] = &[
    "archive",
    "aria",
    "blackhole",
    "columnstore",
    "csv",
    "heap",
    "innodb",
    "memory",
    "myisam",
    "ndb",
    "ndbcluster",
    "rocksdb",
];

/// `!a`, `a MOD b` and `LOCK IN SHARE MODE` are unknown to the parser: another operator, and nothing, for it.
fn in_other_words(text: &Text) -> Vec<(Token, &'static str)> {
    let mut replaced = Vec::new();
    for (index, token) in text.tokens.iter().enumerate() {
        let adjacent = text.tokens.get(index + 1).is_some_and(|next| next.start == token.end);
        let value_before = index > 0 && text.tokens.get(index - 1).is_some_and(Token::ends_value);
        if text.is_symbol(index, "!") && !(adjacent && text.is_symbol(index + 1, "=")) {
            replaced.push((*token, "~"));
        } else if text.is_word(index, "mod") && value_before && !text.is_symbol(index + 1, "(") {
            replaced.push((*token, "%  "));
        } else if text.words(index, &["lock", "in", "share", "mode"]) {
            let words = ["    ", "  ", "     ", "    "];
            replaced.extend(text.tokens.iter().skip(index).copied().zip(words));
        }
    }
    replaced
}

fn kind(statement: &Statement) -> Option<Kind> {
    match statement {
        Statement::Query(_) => Kind::reading("select"),
        Statement::Explain { .. } => Kind::reading("explain"),
        Statement::ExplainTable { .. } => Kind::reading("describe"),
        Statement::ShowFunctions { .. }
        | Statement::ShowVariable { .. }
        | Statement::ShowStatus { .. }
        | Statement::ShowVariables { .. }
        | Statement::ShowCreate { .. }
        | Statement::ShowColumns { .. }
        | Statement::ShowDatabases { .. }
        | Statement::ShowProcessList { .. }
        | Statement::ShowSchemas { .. }
        | Statement::ShowCharset(_)
        | Statement::ShowTables { .. }
        | Statement::ShowViews { .. }
        | Statement::ShowCollation { .. } => Kind::reading("show"),
        Statement::Insert(insert) if insert.replace_into => Kind::writing("replace"),
        Statement::Insert(_) => Kind::writing("insert"),
        Statement::Update(_) => Kind::writing("update"),
        Statement::Delete(_) => Kind::writing("delete"),
        Statement::Truncate(_) => Kind::writing("truncate"),
        Statement::Call(_) => Some(Kind { name: "call", reads: false, runs_code: true }),
        Statement::CreateTable(table) if !table.temporary && !table.external => Kind::writing("create table"),
        Statement::CreateView(view) if !view.temporary => Kind::writing("create view"),
        Statement::CreateIndex(_) => Kind::writing("create index"),
        Statement::CreateTrigger(_) => Kind::writing("create trigger"),
        Statement::CreateSequence { temporary: false, .. } => Kind::writing("create sequence"),
        Statement::AlterTable(_) => Kind::writing("alter table"),
        Statement::AlterView { .. } => Kind::writing("alter view"),
        Statement::AlterIndex { .. } => Kind::writing("alter index"),
        Statement::Drop {
            object_type: ObjectType::Table | ObjectType::View | ObjectType::Index | ObjectType::Sequence,
            ..
        } => Kind::writing("drop"),
        Statement::DropFunction(_) => Kind::writing("drop function"),
        Statement::DropProcedure { .. } => Kind::writing("drop procedure"),
        Statement::DropTrigger(_) => Kind::writing("drop trigger"),
        Statement::RenameTable(_) => Kind::writing("rename table"),
        Statement::Analyze(_) => Kind::writing("analyze"),
        Statement::OptimizeTable { .. } => Kind::writing("optimize table"),
        _ => None,
    }
}
