//! Names that people read: of organizations, groups and apps.

use std::str::FromStr;

use crate::text::is_text;

/// The longest name, in characters.
const LONGEST: usize = 100;

/// A text that is no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("use 1 to 100 characters, none of them invisible or a control or direction character")]
pub struct NameError;

/// A name of 1 to 100 visible characters, without white space around it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name(String);

is_text!(Name);

/// Characters that make a name look like another one, or break the line it is shown in.
fn deceives(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            // Direction marks, embeddings, overrides and isolates (UAX #9).
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            // Invisible, and not needed by any script: the two joiners stay.
            | '\u{ad}' | '\u{180e}' | '\u{200b}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' | '\u{feff}'
            // Line ends, interlinear annotations, tags.
            | '\u{2028}' | '\u{2029}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let text = text.trim();
        let characters = text.chars().count();
        if (1..=LONGEST).contains(&characters) && !text.chars().any(deceives) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_names_of_any_script_and_trims_them() {
        let check = |text: &str, name: &str| assert_eq!(text.parse::<Name>().unwrap().as_str(), name);
        check(" Acme GmbH & Co. ", "Acme GmbH & Co.");
        check("\u{682a}\u{5f0f}\u{4f1a}\u{793e}", "\u{682a}\u{5f0f}\u{4f1a}\u{793e}");
        check(&"\u{e9}".repeat(100), &"\u{e9}".repeat(100));
    }

    #[test]
    fn l01_a_name_neither_breaks_a_log_line_nor_reads_as_another() {
        let check = |text: &str| assert!(text.parse::<Name>().is_err(), "{text:?}");
        for text in [
            "",
            "  ",
            "a\nb",
            "a\r\nb",
            "a\0",
            "a\u{1b}[31m",
            "gpj\u{202e}exe",
            "a\u{2066}b",
            "a\u{200b}b",
            "a\u{2028}b",
        ] {
            check(text);
        }
        check(&"a".repeat(101));
    }
}
