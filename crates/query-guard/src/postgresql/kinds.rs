//! Which statements there are, and what their names are.

use squawk_syntax::SyntaxKind;

use crate::{Reason, Refusal, scan::not_understood};

/// A kind of statement that is allowed.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// It may be one that only reads: what is in it decides.
    pub(crate) reads: bool,
    /// It runs code of which nothing is known.
    pub(crate) runs_code: bool,
}

/// The kind of a statement.
///
/// # Errors
/// It is allowed on no connection.
pub(crate) fn statement(kind: SyntaxKind) -> Result<Kind, Refusal> {
    if let Some((_, name)) = READING.iter().find(|(known, _)| *known == kind) {
        return Ok(Kind { name, reads: true, runs_code: false });
    }
    if let Some((_, name)) = WRITING.iter().find(|(known, _)| *known == kind) {
        let runs_code = matches!(kind, SyntaxKind::CALL | SyntaxKind::REFRESH | SyntaxKind::REINDEX);
        return Ok(Kind { name, reads: false, runs_code });
    }
    refused_anywhere(kind)?;
    Err(match SERVER.contains(&kind) {
        true => Refusal {
            reason: Reason::Server,
            detail: format!(
                "{kind:?} is refused: it changes or reaches the server, its roles or other servers"
            )
            .replace('_', " "),
        },
        false => not_understood("it is none of the statements that are allowed"),
    })
}

/// Refuses statements and parts of statements that no connection allows.
pub(crate) fn refused_anywhere(kind: SyntaxKind) -> Result<(), Refusal> {
    let (reason, why) = match kind {
        SyntaxKind::TEMP | SyntaxKind::LOCAL_SCOPE => (Reason::Session, "temporary tables are refused"),
        SyntaxKind::COPY | SyntaxKind::LOAD => (Reason::Server, "it reads or writes files of the server"),
        SyntaxKind::DO => (Reason::Server, "it runs text as a program"),
        SyntaxKind::ERROR => return Err(not_understood("its syntax is none of PostgreSQL's")),
        _ if SESSION.contains(&kind) => (Reason::Session, "it changes the session"),
        _ => return Ok(()),
    };
    Err(Refusal { reason, detail: format!("{kind:?} is refused: {why}").replace('_', " ") })
}

/// Whether a token of the tree is a string, a name in quotes or a placeholder.
pub(crate) fn is_quoted(kind: SyntaxKind, text: &str) -> bool {
    match kind {
        SyntaxKind::IDENT => text.ends_with('"'),
        SyntaxKind::STRING
        | SyntaxKind::ESC_STRING
        | SyntaxKind::DOLLAR_QUOTED_STRING
        | SyntaxKind::BIT_STRING
        | SyntaxKind::BYTE_STRING
        | SyntaxKind::NATIONAL_STRING
        | SyntaxKind::UNICODE_ESC_STRING
        | SyntaxKind::POSITIONAL_PARAM => true,
        _ => false,
    }
}

pub(crate) use super::reading::reads;

/// PostgreSQL's own operators that the parser does not know by themselves.
#[rustfmt::skip]
pub(crate) const OPERATORS: &[&str] = &[
    "!!", "!~", "!~*", "!~~", "!~~*", "#", "##", "#-", "#>", "#>>", "&", "&&", "&<", "&<|", "&>", "*<", "*<=", "*<>",
    "*=", "*>", "*>=", "-|-", "->", "->>", "<->", "<<", "<<=", "<<|", "<@", "<^", ">>", ">>=", ">^", "?", "?#", "?&",
    "?-", "?-|", "?|", "?||", "@", "@-@", "@>", "@?", "@@", "@@@", "^@", "|", "|&>", "|/", "|>>", "||", "||/", "~",
    "~*", "~<=~", "~<~", "~=", "~>=~", "~>~", "~~", "~~*",
];

const READING: &[(SyntaxKind, &str)] = &[
    (SyntaxKind::SELECT, "select"),
    (SyntaxKind::COMPOUND_SELECT, "select"),
    (SyntaxKind::PAREN_SELECT, "select"),
    (SyntaxKind::VALUES, "values"),
    (SyntaxKind::TABLE, "table"),
    (SyntaxKind::EXPLAIN, "explain"),
    (SyntaxKind::SHOW, "show"),
];

/// What writes data or definitions.
const WRITING: &[(SyntaxKind, &str)] = &[
    (SyntaxKind::INSERT, "insert"),
    (SyntaxKind::UPDATE, "update"),
    (SyntaxKind::DELETE, "delete"),
    (SyntaxKind::MERGE, "merge"),
    (SyntaxKind::SELECT_INTO, "select into"),
    (SyntaxKind::TRUNCATE, "truncate"),
    (SyntaxKind::CALL, "call"),
    (SyntaxKind::NOTIFY, "notify"),
    (SyntaxKind::COMMENT_ON, "comment"),
    (SyntaxKind::GRANT, "grant"),
    (SyntaxKind::REVOKE, "revoke"),
    (SyntaxKind::GRANT_DEFAULT_PRIVILEGES, "grant default privileges"),
    (SyntaxKind::ALTER_DEFAULT_PRIVILEGES, "alter default privileges"),
    (SyntaxKind::REASSIGN, "reassign"),
    (SyntaxKind::ANALYZE, "analyze"),
    (SyntaxKind::VACUUM, "vacuum"),
    (SyntaxKind::REINDEX, "reindex"),
    (SyntaxKind::CLUSTER, "cluster"),
    (SyntaxKind::REFRESH, "refresh"),
    (SyntaxKind::REPACK, "repack"),
    (SyntaxKind::CREATE_AGGREGATE, "create aggregate"),
    (SyntaxKind::CREATE_CAST, "create cast"),
    (SyntaxKind::CREATE_COLLATION, "create collation"),
    (SyntaxKind::CREATE_CONVERSION, "create conversion"),
    (SyntaxKind::CREATE_DOMAIN, "create domain"),
    (SyntaxKind::CREATE_EXTENSION, "create extension"),
    (SyntaxKind::CREATE_FUNCTION, "create function"),
    (SyntaxKind::CREATE_INDEX, "create index"),
    (SyntaxKind::CREATE_MATERIALIZED_VIEW, "create materialized view"),
    (SyntaxKind::CREATE_OPERATOR, "create operator"),
    (SyntaxKind::CREATE_OPERATOR_CLASS, "create operator class"),
    (SyntaxKind::CREATE_OPERATOR_FAMILY, "create operator family"),
    (SyntaxKind::CREATE_POLICY, "create policy"),
    (SyntaxKind::CREATE_PROCEDURE, "create procedure"),
    (SyntaxKind::CREATE_RULE, "create rule"),
    (SyntaxKind::CREATE_SCHEMA, "create schema"),
    (SyntaxKind::CREATE_SEQUENCE, "create sequence"),
    (SyntaxKind::CREATE_STATISTICS, "create statistics"),
    (SyntaxKind::CREATE_TABLE, "create table"),
    (SyntaxKind::CREATE_TABLE_AS, "create table as"),
    (SyntaxKind::CREATE_TEXT_SEARCH_CONFIGURATION, "create text search configuration"),
    (SyntaxKind::CREATE_TEXT_SEARCH_DICTIONARY, "create text search dictionary"),
    (SyntaxKind::CREATE_TRIGGER, "create trigger"),
    (SyntaxKind::CREATE_TYPE, "create type"),
    (SyntaxKind::CREATE_VIEW, "create view"),
    (SyntaxKind::CREATE_PROPERTY_GRAPH, "create property graph"),
    (SyntaxKind::ALTER_AGGREGATE, "alter aggregate"),
    (SyntaxKind::ALTER_COLLATION, "alter collation"),
    (SyntaxKind::ALTER_CONVERSION, "alter conversion"),
    (SyntaxKind::ALTER_DOMAIN, "alter domain"),
    (SyntaxKind::ALTER_EXTENSION, "alter extension"),
    (SyntaxKind::ALTER_FUNCTION, "alter function"),
    (SyntaxKind::ALTER_INDEX, "alter index"),
    (SyntaxKind::ALTER_MATERIALIZED_VIEW, "alter materialized view"),
    (SyntaxKind::ALTER_OPERATOR, "alter operator"),
    (SyntaxKind::ALTER_OPERATOR_CLASS, "alter operator class"),
    (SyntaxKind::ALTER_OPERATOR_FAMILY, "alter operator family"),
    (SyntaxKind::ALTER_POLICY, "alter policy"),
    (SyntaxKind::ALTER_PROCEDURE, "alter procedure"),
    (SyntaxKind::ALTER_ROUTINE, "alter routine"),
    (SyntaxKind::ALTER_RULE, "alter rule"),
    (SyntaxKind::ALTER_SCHEMA, "alter schema"),
    (SyntaxKind::ALTER_SEQUENCE, "alter sequence"),
    (SyntaxKind::ALTER_STATISTICS, "alter statistics"),
    (SyntaxKind::ALTER_TABLE, "alter table"),
    (SyntaxKind::ALTER_TEXT_SEARCH_CONFIGURATION, "alter text search configuration"),
    (SyntaxKind::ALTER_TEXT_SEARCH_DICTIONARY, "alter text search dictionary"),
    (SyntaxKind::ALTER_TRIGGER, "alter trigger"),
    (SyntaxKind::ALTER_TYPE, "alter type"),
    (SyntaxKind::ALTER_VIEW, "alter view"),
    (SyntaxKind::ALTER_PROPERTY_GRAPH, "alter property graph"),
    (SyntaxKind::DROP_AGGREGATE, "drop aggregate"),
    (SyntaxKind::DROP_CAST, "drop cast"),
    (SyntaxKind::DROP_COLLATION, "drop collation"),
    (SyntaxKind::DROP_CONVERSION, "drop conversion"),
    (SyntaxKind::DROP_DOMAIN, "drop domain"),
    (SyntaxKind::DROP_EXTENSION, "drop extension"),
    (SyntaxKind::DROP_FUNCTION, "drop function"),
    (SyntaxKind::DROP_INDEX, "drop index"),
    (SyntaxKind::DROP_MATERIALIZED_VIEW, "drop materialized view"),
    (SyntaxKind::DROP_OPERATOR, "drop operator"),
    (SyntaxKind::DROP_OPERATOR_CLASS, "drop operator class"),
    (SyntaxKind::DROP_OPERATOR_FAMILY, "drop operator family"),
    (SyntaxKind::DROP_POLICY, "drop policy"),
    (SyntaxKind::DROP_PROCEDURE, "drop procedure"),
    (SyntaxKind::DROP_ROUTINE, "drop routine"),
    (SyntaxKind::DROP_RULE, "drop rule"),
    (SyntaxKind::DROP_SCHEMA, "drop schema"),
    (SyntaxKind::DROP_SEQUENCE, "drop sequence"),
    (SyntaxKind::DROP_STATISTICS, "drop statistics"),
    (SyntaxKind::DROP_TABLE, "drop table"),
    (SyntaxKind::DROP_TEXT_SEARCH_CONFIG, "drop text search config"),
    (SyntaxKind::DROP_TEXT_SEARCH_DICT, "drop text search dict"),
    (SyntaxKind::DROP_TRIGGER, "drop trigger"),
    (SyntaxKind::DROP_TYPE, "drop type"),
    (SyntaxKind::DROP_VIEW, "drop view"),
    (SyntaxKind::DROP_PROPERTY_GRAPH, "drop property graph"),
    (SyntaxKind::DROP_OWNED, "drop owned"),
];

/// What reaches beyond the database.
const SERVER: &[SyntaxKind] = &[
    SyntaxKind::ALTER_DATABASE,
    SyntaxKind::ALTER_EVENT_TRIGGER,
    SyntaxKind::ALTER_FOREIGN_DATA_WRAPPER,
    SyntaxKind::ALTER_FOREIGN_TABLE,
    SyntaxKind::ALTER_GROUP,
    SyntaxKind::ALTER_LANGUAGE,
    SyntaxKind::ALTER_LARGE_OBJECT,
    SyntaxKind::ALTER_PUBLICATION,
    SyntaxKind::ALTER_ROLE,
    SyntaxKind::ALTER_SERVER,
    SyntaxKind::ALTER_SUBSCRIPTION,
    SyntaxKind::ALTER_SYSTEM,
    SyntaxKind::ALTER_TABLESPACE,
    SyntaxKind::ALTER_TEXT_SEARCH_PARSER,
    SyntaxKind::ALTER_TEXT_SEARCH_TEMPLATE,
    SyntaxKind::ALTER_USER,
    SyntaxKind::ALTER_USER_MAPPING,
    SyntaxKind::CHECKPOINT,
    SyntaxKind::CREATE_ACCESS_METHOD,
    SyntaxKind::CREATE_DATABASE,
    SyntaxKind::CREATE_EVENT_TRIGGER,
    SyntaxKind::CREATE_FOREIGN_DATA_WRAPPER,
    SyntaxKind::CREATE_FOREIGN_TABLE,
    SyntaxKind::CREATE_GROUP,
    SyntaxKind::CREATE_LANGUAGE,
    SyntaxKind::CREATE_PUBLICATION,
    SyntaxKind::CREATE_ROLE,
    SyntaxKind::CREATE_SERVER,
    SyntaxKind::CREATE_SUBSCRIPTION,
    SyntaxKind::CREATE_TABLESPACE,
    SyntaxKind::CREATE_TEXT_SEARCH_PARSER,
    SyntaxKind::CREATE_TEXT_SEARCH_TEMPLATE,
    SyntaxKind::CREATE_TRANSFORM,
    SyntaxKind::CREATE_USER,
    SyntaxKind::CREATE_USER_MAPPING,
    SyntaxKind::DROP_ACCESS_METHOD,
    SyntaxKind::DROP_DATABASE,
    SyntaxKind::DROP_EVENT_TRIGGER,
    SyntaxKind::DROP_FOREIGN_DATA_WRAPPER,
    SyntaxKind::DROP_FOREIGN_TABLE,
    SyntaxKind::DROP_GROUP,
    SyntaxKind::DROP_LANGUAGE,
    SyntaxKind::DROP_PUBLICATION,
    SyntaxKind::DROP_ROLE,
    SyntaxKind::DROP_SERVER,
    SyntaxKind::DROP_SUBSCRIPTION,
    SyntaxKind::DROP_TABLESPACE,
    SyntaxKind::DROP_TEXT_SEARCH_PARSER,
    SyntaxKind::DROP_TEXT_SEARCH_TEMPLATE,
    SyntaxKind::DROP_TRANSFORM,
    SyntaxKind::DROP_USER,
    SyntaxKind::DROP_USER_MAPPING,
    SyntaxKind::IMPORT_FOREIGN_SCHEMA,
    SyntaxKind::SECURITY_LABEL,
];

/// What changes the session, and what needs something that was left in it.
const SESSION: &[SyntaxKind] = &[
    SyntaxKind::BEGIN,
    SyntaxKind::COMMIT_TRANSACTION,
    SyntaxKind::COMMIT_PREPARED,
    SyntaxKind::ROLLBACK_TRANSACTION,
    SyntaxKind::ROLLBACK_PREPARED,
    SyntaxKind::ROLLBACK_TO_SAVEPOINT,
    SyntaxKind::SAVEPOINT,
    SyntaxKind::SAVEPOINT_CREATE,
    SyntaxKind::RELEASE_SAVEPOINT,
    SyntaxKind::PREPARE,
    SyntaxKind::PREPARE_TRANSACTION,
    SyntaxKind::EXECUTE,
    SyntaxKind::DEALLOCATE,
    SyntaxKind::DECLARE,
    SyntaxKind::FETCH,
    SyntaxKind::MOVE,
    SyntaxKind::CLOSE,
    SyntaxKind::LISTEN,
    SyntaxKind::UNLISTEN,
    SyntaxKind::LOCK,
    SyntaxKind::DISCARD,
    SyntaxKind::RESET,
    SyntaxKind::RESET_ROLE,
    SyntaxKind::RESET_SESSION_AUTH,
    SyntaxKind::SET,
    SyntaxKind::SET_CONSTRAINTS,
    SyntaxKind::SET_ROLE,
    SyntaxKind::SET_SESSION_AUTH,
    SyntaxKind::SET_TRANSACTION,
];
