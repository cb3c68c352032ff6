//! What the person at the terminal is told, apart from the log.

use std::io::Write as _;

use crate::StartError;

/// A line, or several, on standard output.
pub(crate) fn print(text: &str) -> Result<(), StartError> {
    writeln!(std::io::stdout(), "{}", harmless(text)).map_err(StartError::Output)
}

/// Things, counted: `1 change`, `2 changes`.
pub(crate) fn counted(number: usize, thing: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{ending}")
}

/// Says on standard error why a command failed: one line that says what to do. Nobody is left to tell if
/// standard error is closed.
pub fn complain(error: &StartError) {
    if let StartError::Usage(usage) = error {
        let _ = usage.print();
        return;
    }
    let _ = writeln!(std::io::stderr(), "vybe: {}", harmless(&error.to_string()));
}

/// The text with everything escaped that does something to a terminal instead of being shown: files and other
/// servers' answers are quoted here.
fn harmless(text: &str) -> String {
    let mut harmless = String::with_capacity(text.len());
    for character in text.chars() {
        let acts = character.is_control() && !matches!(character, '\n' | '\t');
        // Direction marks, embeddings, overrides and isolates (UAX #9).
        let turns = matches!(
            character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        );
        if acts || turns {
            harmless.extend(character.escape_unicode());
        } else {
            harmless.push(character);
        }
    }
    harmless
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l01_what_others_wrote_does_nothing_to_a_terminal() {
        let text = "a\u{1b}]0;title\u{7}\r\u{8}\u{9b}2J\u{202e}b\nübersicht\tc";
        assert_eq!(harmless(text), "a\\u{1b}]0;title\\u{7}\\u{d}\\u{8}\\u{9b}2J\\u{202e}b\nübersicht\tc");
    }
}
