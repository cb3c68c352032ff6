//! `docs/reference/errors.md`: every code of a problem that clients can be told, with its status.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use anyhow::{Result, bail};
use proc_macro2::{Delimiter, TokenTree};

use super::cell;
use super::scan::{File, arguments, every_sequence, inside, is_sign, is_word, string};

/// Functions that make a problem of a code and nothing else that says its status.
const MAKERS: [(&str, u16); 6] = [
    ("conflict", 409),
    ("invalid", 422),
    ("forbidden", 403),
    ("refused", 403),
    ("bad_gateway", 502),
    ("Blocked", 502),
];

/// Functions whose strings are codes that are passed on, and the statuses with which that is done.
const PASSED_ON: [(&str, &str, &str); 4] = [
    ("crates/databases/src/connect_error.rs", "code", "502, 503"),
    ("crates/service-client/src/call_error.rs", "code", "422, 502"),
    ("crates/query-guard/src/refusal.rs", "as_str", "403, 422"),
    ("crates/integrations/src/endpoints/call_problem.rs", "of_service", "502"),
];

/// Statuses by the names that the `http` crate gives them.
const STATUSES: [(&str, u16); 17] = [
    ("BAD_REQUEST", 400),
    ("UNAUTHORIZED", 401),
    ("FORBIDDEN", 403),
    ("NOT_FOUND", 404),
    ("METHOD_NOT_ALLOWED", 405),
    ("REQUEST_TIMEOUT", 408),
    ("CONFLICT", 409),
    ("PRECONDITION_FAILED", 412),
    ("PAYLOAD_TOO_LARGE", 413),
    ("UNSUPPORTED_MEDIA_TYPE", 415),
    ("MISDIRECTED_REQUEST", 421),
    ("UNPROCESSABLE_ENTITY", 422),
    ("TOO_MANY_REQUESTS", 429),
    ("INTERNAL_SERVER_ERROR", 500),
    ("BAD_GATEWAY", 502),
    ("SERVICE_UNAVAILABLE", 503),
    ("GATEWAY_TIMEOUT", 504),
];

/// What is known of a code.
#[derive(Default)]
struct Code {
    statuses: BTreeSet<String>,
    said: BTreeSet<String>,
}

type Codes = BTreeMap<String, Code>;
/// What errors say, by type and variant.
type Sentences = BTreeMap<(String, String), String>;

pub(super) fn page(files: &[File]) -> Result<String> {
    let mut sentences = Sentences::new();
    for file in files {
        every_sequence(&file.trees, &mut |trees| collect_sentences(trees, &mut sentences));
    }
    let mut codes = Codes::new();
    for file in files {
        let mut speaks_of_problems = false;
        every_sequence(&file.trees, &mut |trees| {
            speaks_of_problems |= trees.iter().any(|tree| is_word(tree, "Problem"));
        });
        every_sequence(&file.trees, &mut |trees| {
            if speaks_of_problems {
                collect_made(trees, &sentences, &mut codes);
            }
            collect_blocked(trees, &mut codes);
        });
    }
    for (path, function, statuses) in PASSED_ON {
        let before = codes.len();
        if let Some(file) = files.iter().find(|file| file.path == path) {
            let mut sentences = Sentences::new();
            every_sequence(&file.trees, &mut |trees| collect_sentences(trees, &mut sentences));
            every_sequence(&file.trees, &mut |trees| {
                collect_passed_on(trees, function, statuses, &sentences, &mut codes);
            });
        }
        if codes.len() == before {
            bail!("{path}: no code was found in `{function}`; correct PASSED_ON");
        }
    }
    Ok(written(&codes))
}

fn written(codes: &Codes) -> String {
    let mut text = String::from(
        "# Error codes\n\nThe member `code` of an answer `application/problem+json` ([API guide](../api.md#errors)). A code never changes its \
         meaning. `…` stands for what the case brings with it; several sentences are several cases, \
         and what is passed on of a database or service has the statuses of all that is passed on. Made of the code by `cargo xtask \
         write-reference`.\n\n| code | status | what it says |\n|---|---|---|\n",
    );
    for (code, Code { statuses, said }) in codes {
        let statuses: Vec<&str> = statuses.iter().map(String::as_str).collect();
        let said: Vec<String> = said.iter().map(|sentence| cell(sentence)).collect();
        let said = if said.is_empty() { "It says what is wrong.".to_owned() } else { said.join("<br>") };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| `{code}` | {} | {said} |", statuses.join(", "));
    }
    text
}

/// `Problem::new(StatusCode::GONE, "code", "sentence")` and the like, in one sequence.
fn collect_made(trees: &[TokenTree], sentences: &Sentences, codes: &mut Codes) {
    for (at, tree) in trees.iter().enumerate() {
        if let Some((status, code, detail)) = tuple(tree) {
            add(codes, code, &status, Some(detail));
        }
        let TokenTree::Ident(callee) = tree else { continue };
        let Some(arguments) = arguments(trees.get(at + 1)) else { continue };
        let callee = callee.to_string();
        let (status, rest) = match (MAKERS.iter().find(|(name, _)| *name == callee), arguments.first()) {
            (Some((_, status)), _) => (status.to_string(), arguments.as_slice()),
            (None, Some(first)) if callee == "new" => match status_of(first) {
                Some(status) => (status, arguments.get(1..).unwrap_or_default()),
                None => continue,
            },
            _ => continue,
        };
        let Some(code) = rest.first().and_then(|code| string(code)).filter(|code| is_code(code)) else {
            continue;
        };
        let literal = rest.get(1).and_then(|detail| text_of(detail));
        let said = literal
            .or_else(|| variant_before(trees, at).and_then(|variant| sentences.get(&variant).cloned()));
        add(codes, code, &status, said);
    }
}

/// `(405, "code", "sentence")`.
fn tuple(tree: &TokenTree) -> Option<(String, String, String)> {
    let arguments = arguments(Some(tree))?;
    let [status, code, detail] = arguments.as_slice() else { return None };
    let [TokenTree::Literal(status)] = status.as_slice() else { return None };
    let status: u16 = status.to_string().parse().ok()?;
    Some((status.to_string(), string(code).filter(|code| is_code(code))?, string(detail)?))
}

/// `Blocked("code")`.
fn collect_blocked(trees: &[TokenTree], codes: &mut Codes) {
    for (at, _) in trees.iter().enumerate().filter(|(_, tree)| is_word(tree, "Blocked")) {
        let code = arguments(trees.get(at + 1)).and_then(|all| string(all.first()?));
        if let Some(code) = code.filter(|code| is_code(code)) {
            add(
                codes,
                code,
                "502",
                Some("It is blocked until an Admin of the organization has looked at it.".to_owned()),
            );
        }
    }
}

/// The strings in the body of a function, each after the variant that it is for.
fn collect_passed_on(
    trees: &[TokenTree],
    function: &str,
    statuses: &str,
    sentences: &Sentences,
    codes: &mut Codes,
) {
    for (at, _) in trees
        .windows(2)
        .enumerate()
        .filter(|(_, pair)| is_word(&pair[0], "fn") && is_word(&pair[1], function))
    {
        let body = trees.iter().skip(at).find_map(|tree| match tree {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => Some(inside(group)),
            _ => None,
        });
        every_sequence(&body.unwrap_or_default(), &mut |trees| {
            for (at, tree) in trees.iter().enumerate() {
                let Some(code) = string(std::slice::from_ref(tree)).filter(|code| is_code(code)) else {
                    continue;
                };
                let variant = variant_before(trees, at).map(|(_, variant)| variant);
                let said = variant.and_then(|variant| {
                    sentences.iter().find(|((_, known), _)| *known == variant).map(|(_, text)| text.clone())
                });
                for status in statuses.split(", ") {
                    add(codes, code.clone(), status, said.clone());
                }
            }
        });
    }
}

fn add(codes: &mut Codes, code: String, status: &str, said: Option<String>) {
    let known = codes.entry(code).or_default();
    known.statuses.insert(status.to_owned());
    known.said.extend(said.filter(|said| said.contains(' ')).map(|said| sentence(&said)));
}

/// `#[error("…")] Variant` in the body of an enum that `enum Name` stands before.
fn collect_sentences(trees: &[TokenTree], sentences: &mut Sentences) {
    for window in trees.windows(3) {
        let [word, TokenTree::Ident(name), TokenTree::Group(body)] = window else { continue };
        if !is_word(word, "enum") {
            continue;
        }
        let body = inside(body);
        for (at, tree) in body.iter().enumerate() {
            let TokenTree::Group(attribute) = tree else { continue };
            let inner = inside(attribute);
            let said = match inner.as_slice() {
                [error, text] if is_word(error, "error") => {
                    arguments(Some(text)).and_then(|all| string(all.first()?))
                }
                _ => None,
            };
            let variant = body.iter().skip(at + 1).find_map(|tree| match tree {
                TokenTree::Ident(variant) => Some(variant.to_string()),
                _ => None,
            });
            if let (Some(said), Some(variant)) = (said, variant) {
                sentences.insert((name.to_string(), variant), said);
            }
        }
    }
}

/// The variant in the pattern of the match arm that this place belongs to.
fn variant_before(trees: &[TokenTree], at: usize) -> Option<(String, String)> {
    let before = trees.get(..at)?;
    let arrow = before.windows(2).rposition(|pair| is_sign(&pair[0], '=') && is_sign(&pair[1], '>'))?;
    before.get(..arrow)?.windows(4).rev().find_map(|window| match window {
        [TokenTree::Ident(name), one, two, TokenTree::Ident(variant)]
            if is_sign(one, ':') && is_sign(two, ':') =>
        {
            Some((name.to_string(), variant.to_string()))
        }
        _ => None,
    })
}

/// The number of `StatusCode::NAME`, however it is reached.
fn status_of(trees: &[TokenTree]) -> Option<String> {
    let name = trees.last()?.to_string();
    let is_status = trees.iter().any(|tree| is_word(tree, "StatusCode"));
    let known = STATUSES.iter().find(|(known, _)| is_status && *known == name)?;
    Some(known.1.to_string())
}

/// A sentence, or what `format!` makes one of.
fn text_of(trees: &[TokenTree]) -> Option<String> {
    match trees {
        [TokenTree::Ident(name), _, group @ TokenTree::Group(_)] if name == "format" => {
            string(arguments(Some(group))?.first()?)
        }
        trees => string(trees),
    }
}

fn is_code(text: &str) -> bool {
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    text.split('_').all(is_word)
}

/// With a capital and a full stop, and `…` for what is filled in.
fn sentence(text: &str) -> String {
    let mut plain = String::new();
    let mut depth = 0;
    for character in text.chars() {
        match character {
            '{' => {
                depth += 1;
                plain.push('…');
            }
            '}' => depth -= 1,
            other if depth == 0 => plain.push(other),
            _ => {}
        }
    }
    let mut characters = plain.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    let stop = if plain.ends_with(['.', '!', '…']) { "" } else { "." };
    format!("{first}{}{stop}", characters.as_str())
}

#[cfg(test)]
mod tests {
    use super::super::scan::parse;
    use super::*;

    #[test]
    fn codes_are_found_with_status_and_sentence() {
        let text = r#"
            enum E { #[error("nothing of {0} is left")] Gone(u8), }
            impl From<E> for Problem {
                fn from(error: E) -> Self {
                    match error {
                        E::Gone(_) => Self::conflict("gone_away", said),
                        E::Other => Problem::new(StatusCode::BAD_GATEWAY, "no_answer", "Nobody answers."),
                        E::Third => (505, "version_not_supported", "Send HTTP/1.1."),
                    }
                }
            }"#;
        let file = File { path: "a.rs".to_owned(), trees: parse(text).unwrap() };
        let (mut sentences, mut codes) = (Sentences::new(), Codes::new());
        every_sequence(&file.trees, &mut |trees| collect_sentences(trees, &mut sentences));
        every_sequence(&file.trees, &mut |trees| collect_made(trees, &sentences, &mut codes));
        let page = written(&codes);
        assert!(page.contains("| `gone_away` | 409 | Nothing of … is left. |"), "{page}");
        assert!(page.contains("| `no_answer` | 502 | Nobody answers. |"), "{page}");
        assert!(page.contains("| `version_not_supported` | 505 | Send HTTP/1.1. |"), "{page}");
    }
}
