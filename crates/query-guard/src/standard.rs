//! What MySQL and Redshift have in common here: the parser, and the walk over its tree.

use std::{borrow::Cow, ops::ControlFlow};

use sqlparser::{
    ast::{Expr, ObjectName, Query, Select, SetExpr, Statement, TableFactor, Visit, Visitor},
    dialect::Dialect,
    parser::Parser,
    tokenizer::{Location, Token as ParserToken, TokenWithSpan, Tokenizer, Whitespace},
};

use crate::{
    Mode, Reason, Refusal,
    bounds::{Extent, too_large},
    findings::Findings,
    function_name::{Known, folded},
    names::{self, Name},
    scan::not_understood,
    text::Text,
    token::{Token, TokenKind},
};

/// How many `DIV` there may be: the parser copies all that is before each.
const MOST_COPIES: usize = 64;

/// What one language adds.
pub(crate) struct Rules {
    pub(crate) dialect: &'static (dyn Dialect + Sync),
    /// What the parser does not know although the server does, in other words: tokens, and what is put in their place
    /// for the parser alone. It must be as long, and must stand for the same kind of thing.
    pub(crate) in_other_words: fn(&Text) -> Vec<(Token, &'static str)>,
    /// The quote of names.
    pub(crate) quote: char,
    /// What is known of its functions.
    pub(crate) known: fn(&str) -> Known,
    /// What a statement is called, and whether it may be one that reads; `None` if it is not allowed.
    pub(crate) kind: fn(&Statement) -> Option<Kind>,
}

/// A kind of statement that is allowed.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) reads: bool,
    /// It runs code of which nothing is known.
    pub(crate) runs_code: bool,
}

impl Kind {
    pub(crate) const fn reading(name: &'static str) -> Option<Self> {
        Some(Self { name, reads: true, runs_code: false })
    }

    pub(crate) const fn writing(name: &'static str) -> Option<Self> {
        Some(Self { name, reads: false, runs_code: false })
    }
}

/// Words that statements begin with, and why these are refused.
pub(crate) type FirstWords = (&'static [&'static str], Reason, &'static str);

/// Refuses statements by what they begin with, whether the parser knows them or not.
pub(crate) fn first_word(text: &Text, refused: &[FirstWords]) -> Result<(), Refusal> {
    let Some(first) = text.tokens.first() else { return Ok(()) };
    let word = text.text(first).to_ascii_lowercase();
    match refused.iter().find(|(words, _, _)| words.contains(&word.as_str())) {
        Some((_, reason, why)) => {
            Err(Refusal { reason: *reason, detail: format!("{} is refused: {why}", word.to_uppercase()) })
        }
        None => Ok(()),
    }
}

/// Whether the name at `index` is that of the schema that temporary tables are in.
pub(crate) fn temporary_schema(text: &Text, index: usize, quote: char) -> bool {
    let Some(token) = text.tokens.get(index) else { return false };
    let name = match token.kind {
        TokenKind::Word => Name::folded(text.text(token)),
        TokenKind::QuotedName => names::unquoted(text.text(token), quote),
        _ => return false,
    };
    let schema = text.is_symbol(index + 1, ".") || index > 0 && text.is_word(index - 1, "schema");
    schema && (name == "pg_temp" || name.starts_with("pg_temp_"))
}

pub(crate) fn read_only(what: &str) -> Refusal {
    Refusal { reason: Reason::ReadOnly, detail: format!("the connection is read-only: {what} is refused") }
}

/// What there is to say of a statement.
pub(crate) fn examine(mode: Mode, text: &Text, rules: &Rules) -> Result<Findings, Refusal> {
    let extent = Extent::of(&text.sql, &text.tokens)?;
    let copies = text.tokens.iter().filter(|token| token.is_word(&text.sql, "div")).count();
    if copies > MOST_COPIES {
        return Err(too_large("more than 64 DIV"));
    }
    let writing_function = functions_of(mode, text, rules)?;
    let mut findings = crate::parsing(|| extent.with_stack(|| tree(text, rules)))??;
    findings.writes = findings.writes.or(writing_function);
    match (mode, findings.writes) {
        (Mode::ReadOnly, Some(refusal)) => Err(refusal),
        (_, writes) => Ok(Findings {
            kind: findings.kind.name,
            writes: writes.is_some(),
            calls_unknown_functions: findings.calls_unknown_functions,
            relations: findings.relations,
        }),
    }
}

/// Refuses functions by their names; answers with the refusal of one that writes.
fn functions_of(mode: Mode, text: &Text, rules: &Rules) -> Result<Option<Refusal>, Refusal> {
    let mut writes = None;
    for (index, token) in text.tokens.iter().enumerate() {
        let name = match token.kind {
            _ if !text.is_symbol(index + 1, "(") => continue,
            TokenKind::Word => Name::folded(text.text(token)),
            TokenKind::QuotedName => names::unquoted(text.text(token), rules.quote),
            _ => continue,
        };
        let known = (rules.known)(&name);
        if name == "last_insert_id" && names::arguments(text, index + 1) == Some(0) {
            // Only with an argument does it set something.
            continue;
        }
        if let Some(refusal) = known.refusal(&name, mode == Mode::ReadOnly) {
            return Err(refusal);
        }
        if matches!(known, Known::Writes(_)) {
            writes = known.refusal(&name, true);
        }
    }
    Ok(writes)
}

/// What the tree shows.
struct Tree {
    kind: Kind,
    writes: Option<Refusal>,
    calls_unknown_functions: bool,
    relations: Vec<String>,
}

/// Parses, and walks the whole tree.
fn tree(text: &Text, rules: &Rules) -> Result<Tree, Refusal> {
    let syntax = || not_understood("its syntax is not known here");
    let read = in_other_words(text, rules)?;
    let tokens = Tokenizer::new(rules.dialect, &read).tokenize_with_location().map_err(|_| syntax())?;
    same_strings(text, &tokens)?;
    let mut statements = Parser::new(rules.dialect)
        .with_tokens_with_locations(tokens)
        .parse_statements()
        .map_err(|_| syntax())?;
    let (Some(statement), true) = (statements.pop(), statements.is_empty()) else {
        return Err(not_understood("it is not one statement"));
    };
    let kind = (rules.kind)(&statement)
        .ok_or_else(|| not_understood("it is none of the statements that are allowed"))?;
    let mut walk = Walk {
        rules,
        tree: Tree { kind, writes: None, calls_unknown_functions: kind.runs_code, relations: Vec::new() },
    };
    if !kind.reads {
        walk.tree.writes = Some(read_only(&kind.name.to_uppercase()));
    }
    match statement.visit(&mut walk) {
        ControlFlow::Continue(()) => Ok(walk.tree),
        ControlFlow::Break(refusal) => Err(*refusal),
    }
}

/// The text as the parser reads it.
fn in_other_words<'text>(text: &'text Text, rules: &Rules) -> Result<Cow<'text, str>, Refusal> {
    let replaced = (rules.in_other_words)(text);
    if replaced.is_empty() {
        return Ok(Cow::Borrowed(&text.sql));
    }
    let mut sql = text.sql.clone();
    for (token, words) in replaced {
        if words.len() != token.end - token.start
            || !sql.is_char_boundary(token.start)
            || !sql.is_char_boundary(token.end)
        {
            return Err(not_understood("its syntax is not known here"));
        }
        sql.replace_range(token.start..token.end, words);
    }
    Ok(Cow::Owned(sql))
}

struct Walk<'rules> {
    rules: &'rules Rules,
    tree: Tree,
}

impl Walk<'_> {
    fn writes(&mut self, what: &str) {
        if self.tree.writes.is_none() {
            self.tree.writes = Some(read_only(what));
        }
    }

    fn calls(&mut self, name: &ObjectName) {
        let bare = name.0.last().and_then(|part| part.as_ident()).map(|name| folded(&name.value));
        let unknown =
            name.0.len() > 1 || bare.is_none_or(|name| (self.rules.known)(&name) != Known::Harmless);
        self.tree.calls_unknown_functions |= unknown;
    }
}

impl Visitor for Walk<'_> {
    type Break = Box<Refusal>;

    fn pre_visit_statement(&mut self, statement: &Statement) -> ControlFlow<Self::Break> {
        match (self.rules.kind)(statement) {
            Some(kind) if kind.reads => {}
            Some(kind) => self.writes(&kind.name.to_uppercase()),
            None => {
                return ControlFlow::Break(Box::new(not_understood(
                    "a statement in it is none of those that are allowed",
                )));
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Self::Break> {
        let Query {
            with: _,
            body: _,
            order_by: _,
            limit_clause: _,
            fetch: _,
            locks,
            for_clause,
            settings,
            format_clause,
            pipe_operators,
        } = query;
        if !locks.is_empty() {
            self.writes("a lock");
        }
        if for_clause.is_some() || settings.is_some() || format_clause.is_some() || !pipe_operators.is_empty()
        {
            return ControlFlow::Break(Box::new(not_understood("a clause of another language")));
        }
        if let SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) = *query.body
        {
            self.writes("a query that writes");
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<Self::Break> {
        if select.into.is_some() {
            self.writes("INTO");
        }
        let strange = !select.optimizer_hints.is_empty()
            || !select.lateral_views.is_empty()
            || select.prewhere.is_some()
            || !select.cluster_by.is_empty()
            || !select.distribute_by.is_empty()
            || !select.sort_by.is_empty()
            || select.value_table_mode.is_some();
        if strange {
            return ControlFlow::Break(Box::new(not_understood("a clause of another language")));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<Self::Break> {
        self.tree.relations.push(relation.to_string());
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<Self::Break> {
        match factor {
            TableFactor::Table { name, args: Some(_), .. } | TableFactor::Function { name, .. } => {
                self.calls(name)
            }
            TableFactor::TableFunction { .. } => self.tree.calls_unknown_functions = true,
            TableFactor::Table { .. }
            | TableFactor::Derived { .. }
            | TableFactor::UNNEST { .. }
            | TableFactor::JsonTable { .. }
            | TableFactor::NestedJoin { .. }
            | TableFactor::Pivot { .. }
            | TableFactor::Unpivot { .. }
            | TableFactor::UnpivotExpr { .. } => {}
            _ => return ControlFlow::Break(Box::new(not_understood("a table of another language"))),
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<Self::Break> {
        match expression {
            Expr::Function(function) => self.calls(&function.name),
            Expr::Lambda(_) | Expr::Dictionary(_) | Expr::Map(_) => {
                return ControlFlow::Break(Box::new(not_understood("an expression of another language")));
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// The parser has to find the same strings, names in quotes and placeholders, from the same place to the same place,
/// and no comment.
fn same_strings(text: &Text, tokens: &[TokenWithSpan]) -> Result<(), Refusal> {
    let mut expected = text.tokens.iter().filter(|token| {
        matches!(
            token.kind,
            TokenKind::String | TokenKind::QuotedName | TokenKind::EscapedName | TokenKind::Parameter(_)
        )
    });
    let differs = || not_understood("a string can be read in two ways");
    let mut places = Places { sql: &text.sql, offset: 0, location: Location { line: 1, column: 1 } };
    for token in tokens {
        if let ParserToken::Whitespace(
            Whitespace::SingleLineComment { .. } | Whitespace::MultiLineComment(_),
        ) = token.token
        {
            return Err(not_understood("a comment can be read in two ways"));
        }
        if !is_quoted(&token.token) {
            continue;
        }
        let start = places.offset_of(token.span.start);
        if text.sql.as_bytes().get(start) == Some(&b'0') {
            continue;
        }
        let end = places.offset_of(token.span.end);
        if !expected.next().is_some_and(|token| token.start == start && token.end == end) {
            return Err(differs());
        }
    }
    if expected.next().is_some() { Err(differs()) } else { Ok(()) }
}

fn is_quoted(token: &ParserToken) -> bool {
    match token {
        ParserToken::Word(word) => word.quote_style.is_some(),
        ParserToken::Placeholder(_)
        | ParserToken::SingleQuotedString(_)
        | ParserToken::DoubleQuotedString(_)
        | ParserToken::TripleSingleQuotedString(_)
        | ParserToken::TripleDoubleQuotedString(_)
        | ParserToken::DollarQuotedString(_)
        | ParserToken::SingleQuotedByteStringLiteral(_)
        | ParserToken::DoubleQuotedByteStringLiteral(_)
        | ParserToken::TripleSingleQuotedByteStringLiteral(_)
        | ParserToken::TripleDoubleQuotedByteStringLiteral(_)
        | ParserToken::SingleQuotedRawStringLiteral(_)
        | ParserToken::DoubleQuotedRawStringLiteral(_)
        | ParserToken::TripleSingleQuotedRawStringLiteral(_)
        | ParserToken::TripleDoubleQuotedRawStringLiteral(_)
        | ParserToken::NationalStringLiteral(_)
        | ParserToken::QuoteDelimitedStringLiteral(_)
        | ParserToken::NationalQuoteDelimitedStringLiteral(_)
        | ParserToken::EscapedStringLiteral(_)
        | ParserToken::UnicodeStringLiteral(_)
        | ParserToken::HexStringLiteral(_) => true,
        _ => false,
    }
}

/// From lines and columns to bytes, forwards only.
struct Places<'sql> {
    sql: &'sql str,
    offset: usize,
    location: Location,
}

impl Places<'_> {
    fn offset_of(&mut self, wanted: Location) -> usize {
        let rest = self.sql.get(self.offset..).unwrap_or_default();
        for character in rest.chars() {
            if (self.location.line, self.location.column) >= (wanted.line, wanted.column) {
                break;
            }
            self.offset += character.len_utf8();
            if character == '\n' {
                self.location.line += 1;
                self.location.column = 1;
            } else {
                self.location.column += 1;
            }
        }
        self.offset
    }
}
