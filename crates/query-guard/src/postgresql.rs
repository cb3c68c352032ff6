//! Statements of PostgreSQL. The server and this crate must read them alike: tokens are cut here as the server cuts
//! them, the parser has to find the same strings and names, and every name before a bracket is taken for a
//! function's, whatever the parser makes of it.

mod definitions;
mod functions;
mod kinds;
mod reading;

use std::ops::Range;

use squawk_syntax::{SourceFile, SyntaxElement, SyntaxKind, SyntaxNode};

use crate::{
    Mode, Reason, Refusal,
    bounds::Extent,
    findings::Findings,
    function_name::{Known, folded},
    names::{self, Name},
    scan::not_understood,
    text::Text,
    token::{Token, TokenKind},
};

/// What there is to say of a statement.
pub(crate) fn examine(mode: Mode, text: &Text) -> Result<Findings, Refusal> {
    definitions::examine(text)?;
    let mut extent = Extent::of(&text.sql, &text.tokens)?;
    let defines_code = text.is_word(0, "create")
        && (1..4).any(|index| text.is_word(index, "function") || text.is_word(index, "procedure"));
    if defines_code {
        // Bodies of functions are parsed as well.
        for token in text.tokens.iter().filter(|token| token.kind == TokenKind::String) {
            extent = extent.with_body(text.text(token))?;
        }
    }
    let grants = text.is_word(0, "grant") || text.is_word(0, "revoke");
    if grants && !(0..text.tokens.len()).any(|index| text.is_word(index, "on")) {
        return Err(Refusal {
            reason: Reason::Server,
            detail: "a grant of a role is refused: roles belong to the server".to_owned(),
        });
    }
    let writing_function = functions_of(mode, text)?;
    let into = keywords(text);
    let tree = crate::parsing(|| extent.with_stack(|| tree(mode, text)))??;
    let writes = writing_function.or(into).or(tree.writes);
    match (mode, writes) {
        (Mode::ReadOnly, Some(refusal)) => Err(refusal),
        (_, writes) => Ok(Findings {
            kind: tree.kind,
            writes: writes.is_some(),
            calls_unknown_functions: tree.calls_unknown_functions,
            relations: tree.relations,
        }),
    }
}

/// Refuses functions by their names; answers with the refusal of one that writes.
fn functions_of(mode: Mode, text: &Text) -> Result<Option<Refusal>, Refusal> {
    let mut writes = None;
    for (index, token) in text.tokens.iter().enumerate() {
        if !is_name(token.kind) {
            continue;
        }
        if token.kind == TokenKind::EscapedName && text.is_word(index + 1, "uescape") {
            return Err(not_understood("a name with an escape character of its own"));
        }
        let dotted = index > 0 && text.is_symbol(index - 1, ".");
        let called = text.is_symbol(index + 1, "(");
        let schema = text.is_symbol(index + 1, ".") || index > 0 && text.is_word(index - 1, "schema");
        if !called && !dotted && !schema {
            continue;
        }
        let name = name(text, token)?;
        if schema && (name == "pg_temp" || name.starts_with("pg_temp_")) {
            return Err(Refusal {
                reason: Reason::Session,
                detail: "temporary tables are refused".to_owned(),
            });
        }
        if schema && functions::SCHEMAS_OF_SERVERS.contains(&name.as_ref()) && called_behind(text, index) {
            return Err(Refusal {
                reason: Reason::Server,
                detail: format!("functions of {name} reach other servers"),
            });
        }
        if !called && !dotted {
            continue;
        }
        let mut known = functions::known(&name);
        let relation = index > 0
            && ["into", "references", "table", "exists", "view"]
                .iter()
                .any(|word| text.is_word(index - 1, word));
        if relation && matches!(known, Known::Refused(Reason::NotUnderstood, _)) {
            // The columns of a table, not the arguments of a function.
            known = Known::Harmless;
        }
        // `x.name` is a call as well, if x has no column of that name; but it is mostly a column, or a table.
        let of_expression = dotted && of_expression(text, index);
        let listed = of_expression || !matches!(known, Known::Refused(Reason::NotUnderstood, _));
        let rewrites = name == "ts_rewrite" && called && names::arguments(text, index + 1) != Some(3);
        if called && rewrites {
            return Err(Refusal {
                reason: Reason::Server,
                detail: "ts_rewrite with a query is refused: it runs text as SQL".to_owned(),
            });
        }
        if (called || listed)
            && let Some(refusal) = known.refusal(&name, mode == Mode::ReadOnly)
        {
            return Err(refusal);
        }
        if (called || listed) && matches!(known, Known::Writes(_)) {
            writes = known.refusal(&name, true);
        }
    }
    Ok(writes)
}

fn is_name(kind: TokenKind) -> bool {
    matches!(kind, TokenKind::Word | TokenKind::QuotedName | TokenKind::EscapedName)
}

/// Whether the name at `index`, behind a dot, is one of an expression, as in `(a).b.name`, and not of a relation.
fn of_expression(text: &Text, index: usize) -> bool {
    let mut at = index;
    while at >= 2 && text.is_symbol(at - 1, ".") {
        at -= 2;
        if !text.tokens.get(at).is_some_and(|token| is_name(token.kind)) {
            return true;
        }
    }
    false
}

/// Whether `schema.function(` begins at `index`.
fn called_behind(text: &Text, index: usize) -> bool {
    text.is_symbol(index + 3, "(")
}

/// The name of `token` as the server compares it.
fn name<'text>(text: &'text Text, token: &Token) -> Result<Name<'text>, Refusal> {
    let written = text.text(token);
    match token.kind {
        TokenKind::EscapedName => {
            names::unicode_escaped(written).ok_or_else(|| not_understood("an escape in a name"))
        }
        TokenKind::QuotedName => Ok(names::unquoted(written, '"')),
        _ => Ok(Name::folded(written)),
    }
}

/// A second look for what makes a query write, that needs no parser: `INTO`, and the locks of `FOR`.
fn keywords(text: &Text) -> Option<Refusal> {
    for (index, token) in text.tokens.iter().enumerate().skip(1) {
        if token.kind != TokenKind::Word {
            continue;
        }
        let label = text.is_word(index - 1, "as") || text.is_symbol(index - 1, ".");
        if token.is_word(&text.sql, "into") && !label {
            return Some(read_only("INTO"));
        }
        if token.is_word(&text.sql, "for")
            && [&["update"][..], &["share"], &["no", "key", "update"], &["key", "share"]]
                .iter()
                .any(|words| text.words(index + 1, words))
        {
            return Some(read_only("FOR UPDATE and FOR SHARE"));
        }
    }
    None
}

pub(crate) fn read_only(what: &str) -> Refusal {
    Refusal { reason: Reason::ReadOnly, detail: format!("the connection is read-only: {what} is refused") }
}

/// What the tree shows.
struct Tree {
    kind: &'static str,
    writes: Option<Refusal>,
    calls_unknown_functions: bool,
    relations: Vec<String>,
    /// From where to where the names of relations stand.
    relations_at: Vec<Range<usize>>,
}

/// Parses, and walks the whole tree.
fn tree(mode: Mode, text: &Text) -> Result<Tree, Refusal> {
    let parse = SourceFile::parse(&text.sql);
    if !parse.errors().is_empty() {
        return Err(not_understood("its syntax is none of PostgreSQL's"));
    }
    let root = parse.syntax_node();
    let mut statements = root.children();
    let (Some(statement), None) = (statements.next(), statements.next()) else {
        return Err(not_understood("it is not one statement"));
    };
    let kind = kinds::statement(statement.kind())?;
    let mut tree = Tree {
        kind: kind.name,
        writes: None,
        calls_unknown_functions: kind.runs_code,
        relations: Vec::new(),
        relations_at: Vec::new(),
    };
    if !kind.reads {
        tree.writes = Some(read_only(&kind.name.to_uppercase()));
        if mode == Mode::ReadOnly {
            return Ok(tree);
        }
    }
    let mut expected = text.tokens.iter().filter(|token| is_quoted(token.kind));
    for element in root.descendants_with_tokens() {
        let start = usize::from(element.text_range().start());
        let end = usize::from(element.text_range().end());
        match element {
            SyntaxElement::Node(node) => visit(&node, &mut tree)?,
            SyntaxElement::Token(token) if kinds::is_quoted(token.kind(), token.text()) => {
                // Strings and names in quotes: the same ones, from the same place to the same place.
                if !expected.next().is_some_and(|token| token.start == start && token.end == end) {
                    return Err(not_understood("a string can be read in two ways"));
                }
            }
            SyntaxElement::Token(token) if token.kind() == SyntaxKind::COMMENT => {
                return Err(not_understood("a comment can be read in two ways"));
            }
            SyntaxElement::Token(_) => {}
        }
    }
    if expected.next().is_some() {
        return Err(not_understood("a string can be read in two ways"));
    }
    tree.calls_unknown_functions |= may_call_by_attribute(text, &tree.relations_at)?;
    Ok(tree)
}

/// Whether a dot stands anywhere but in the name of a relation: `t.f` is a call of `f(t)`, if `t` has no column of that
/// name. Columns of tables and aliases cannot be told from it without asking the server.
///
/// # Errors
/// The name behind the dot is of a family with dangerous members: `x.dblink_connect` of a function `x` in `FROM`.
fn may_call_by_attribute(text: &Text, relations: &[Range<usize>]) -> Result<bool, Refusal> {
    let mut may = false;
    for (index, dot) in text.tokens.iter().enumerate() {
        if !text.is_symbol(index, ".") || relations.iter().any(|relation| relation.contains(&dot.start)) {
            continue;
        }
        may = true;
        let Some(token) = text.tokens.get(index + 1) else { continue };
        // In `a.b.c` only the last name can be a function's.
        if !is_name(token.kind) || text.is_symbol(index + 2, ".") {
            continue;
        }
        let name = name(text, token)?;
        let known = functions::known(&name);
        // All of the server's own large object functions are known: other names are columns.
        if matches!(known, Known::Refused(Reason::NotUnderstood, _))
            && !name.starts_with("lo_")
            && let Some(refusal) = known.refusal(&name, false)
        {
            return Err(refusal);
        }
    }
    Ok(may)
}

fn is_quoted(kind: TokenKind) -> bool {
    matches!(
        kind,
        TokenKind::String | TokenKind::QuotedName | TokenKind::EscapedName | TokenKind::Parameter(_)
    )
}

fn visit(node: &SyntaxNode, tree: &mut Tree) -> Result<(), Refusal> {
    let kind = node.kind();
    if !kinds::reads(kind) {
        kinds::refused_anywhere(kind)?;
        if tree.writes.is_none() {
            tree.writes = Some(read_only(&format!("{kind:?}").to_lowercase().replace('_', " ")));
        }
    }
    match kind {
        SyntaxKind::RELATION_NAME_REF | SyntaxKind::TABLE_NAME_REF | SyntaxKind::TABLE_NAME => {
            tree.relations.push(node.text().to_string());
            tree.relations_at.push(node.text_range().into());
        }
        SyntaxKind::CALL_EXPR => tree.calls_unknown_functions |= calls_unknown(node),
        // An operator of the user's own is a function of theirs.
        SyntaxKind::OPERATOR_CALL | SyntaxKind::CUSTOM_OP => {
            tree.calls_unknown_functions |= !kinds::OPERATORS.contains(&node.text().to_string().as_str());
        }
        _ => {}
    }
    Ok(())
}

/// Whether the function of a call is none that is known to be harmless.
fn calls_unknown(call: &SyntaxNode) -> bool {
    let Some(function) = call.first_child() else { return true };
    let written = function.text().to_string();
    match function.kind() {
        SyntaxKind::NAME_REF => {}
        SyntaxKind::FIELD_EXPR => return true,
        // EXTRACT, TRIM and other functions with a syntax of their own.
        _ => return false,
    }
    // In quotes, capitals make another name.
    let name = written
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .map_or_else(|| folded(&written), str::to_owned);
    functions::known(&name) != Known::Harmless
}
