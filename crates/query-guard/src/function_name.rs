//! Names as databases compare them, and what is known of functions.

use crate::{Reason, Refusal};

/// What is known of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// It neither writes nor leaves anything behind.
    Harmless,
    /// It writes data: refused where only reading is allowed.
    Writes(&'static str),
    /// Refused everywhere.
    Refused(Reason, &'static str),
    /// Not one of the database's own, or one that was never looked at.
    Unknown,
}

impl Known {
    /// The refusal of a function of this name, if it is one.
    pub(crate) fn refusal(self, name: &str, only_reads: bool) -> Option<Refusal> {
        // A name in quotes may be anything: only what is a plain word is repeated.
        let plain = name.len() < 64 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let name = if plain { name } else { "this function" };
        match self {
            Self::Writes(why) if only_reads => Some(Refusal {
                reason: Reason::ReadOnly,
                detail: format!("{name} is refused on a read-only connection: {why}"),
            }),
            Self::Refused(reason, why) => {
                Some(Refusal { reason, detail: format!("{name} is refused: {why}") })
            }
            _ => None,
        }
    }
}

/// A group of functions with one reason; the names are sorted.
pub(crate) type Group = (Reason, &'static str, &'static [&'static str]);

/// The group that `name` is in.
pub(crate) fn group_of(groups: &'static [Group], name: &str) -> Option<Known> {
    groups.iter().find(|(_, _, names)| names.binary_search(&name).is_ok()).map(|(reason, why, _)| {
        if *reason == Reason::ReadOnly { Known::Writes(why) } else { Known::Refused(*reason, why) }
    })
}

/// Lower case as any database could make it. Letters that fold into ASCII in some locale do so here.
pub(crate) fn folded(name: &str) -> String {
    if name.is_ascii() {
        return name.to_ascii_lowercase();
    }
    name.chars()
        .flat_map(char::to_lowercase)
        .filter(|character| *character != '\u{307}')
        .map(|character| if character == '\u{131}' { 'i' } else { character })
        .collect()
}
