//! Definitions that hand power to later statements: functions in languages that reach the server, and names of
//! functions that operators, aggregates, casts and types call.

use super::{functions, is_name, name};
use crate::{
    Reason, Refusal,
    function_name::folded,
    scan::not_understood,
    text::Text,
    token::{Token, TokenKind},
};

/// Refuses them by their words; needs no parser.
pub(super) fn examine(text: &Text) -> Result<(), Refusal> {
    if text.words(0, &["alter", "extension"])
        && (2..text.tokens.len()).any(|index| text.is_word(index, "add") || text.is_word(index, "drop"))
    {
        return Err(server("ALTER EXTENSION … ADD and DROP are refused: they change whose a function is"));
    }
    if !text.is_word(0, "create") && !text.is_word(0, "alter") {
        return Ok(());
    }
    let defines_code = (1..text.tokens.len()).any(|index| {
        (text.is_word(index, "function") || text.is_word(index, "procedure"))
            && (text.is_word(index - 1, "create") || text.is_word(index - 1, "replace"))
    });
    if defines_code {
        languages(text)?;
    }
    named_functions(text)
}

fn server(detail: &str) -> Refusal {
    Refusal { reason: Reason::Server, detail: detail.to_owned() }
}

/// Refuses functions in any language but SQL and PL/pgSQL. The others may reach beyond the database: which do is
/// the server's to say, and a name may be spelled in many ways.
fn languages(text: &Text) -> Result<(), Refusal> {
    let mut depth = 0_usize;
    for (index, token) in text.tokens.iter().enumerate() {
        match token.kind {
            TokenKind::Open => depth += 1,
            TokenKind::Close => depth = depth.saturating_sub(1),
            // In brackets it is the name of a parameter or of a column.
            _ if depth == 0 && text.is_word(index, "language") && !known_language(text, index + 1) => {
                return Err(server("functions in other languages than sql and plpgsql are refused"));
            }
            _ => {}
        }
    }
    Ok(())
}

fn known_language(text: &Text, index: usize) -> bool {
    let Some(token) = text.tokens.get(index) else { return false };
    let written = text.text(token);
    match token.kind {
        TokenKind::Word => ["sql", "plpgsql"].iter().any(|known| written.eq_ignore_ascii_case(known)),
        TokenKind::QuotedName => matches!(written, "\"sql\"" | "\"plpgsql\""),
        TokenKind::String => matches!(written, "'sql'" | "'plpgsql'") && !is_string(text, index + 1),
        _ => false,
    }
}

fn is_string(text: &Text, index: usize) -> bool {
    text.tokens.get(index).is_some_and(|token| token.kind == TokenKind::String)
}

/// What a definition is of, by the words that it begins with.
fn defines(text: &Text, what: &str) -> bool {
    text.is_word(1, what) || text.words(1, &["or", "replace", what])
}

/// Judges functions that a definition names without calling them.
fn named_functions(text: &Text) -> Result<(), Refusal> {
    let all = ["operator", "aggregate", "cast", "conversion"].iter().any(|what| defines(text, what))
        || text.words(1, &["default", "conversion"]);
    let values = all || defines(text, "type");
    for (index, token) in text.tokens.iter().enumerate().skip(2) {
        if token.kind == TokenKind::String && values && text.is_symbol(index - 1, "=") {
            named_in_string(text, index, token)?;
        }
        if !is_name(token.kind) || text.is_symbol(index + 1, ".") {
            continue;
        }
        let mut before = index - 1;
        while before >= 2 && text.is_symbol(before, ".") {
            before -= 2;
        }
        if all || values && text.is_symbol(before, "=") || text.is_word(before, "support") {
            judged(&name(text, token)?)?;
        }
    }
    Ok(())
}

/// The value of a setting may be a name in the quotes of a string.
fn named_in_string(text: &Text, index: usize, token: &Token) -> Result<(), Refusal> {
    let constant =
        ["initcond", "initcond1", "minitcond", "default", "delimiter", "category", "collation", "locale"]
            .iter()
            .any(|setting| index >= 2 && text.is_word(index - 2, setting));
    if constant {
        return Ok(());
    }
    let plain = text.text(token).strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
    match plain {
        Some(named) if !is_string(text, index + 1) => judged(&folded(named)),
        _ => Err(not_understood("a function's name in a string of this kind")),
    }
}

fn judged(named: &str) -> Result<(), Refusal> {
    functions::known(named).refusal(named, false).map_or(Ok(()), Err)
}
