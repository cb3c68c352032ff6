//! What is wrong with an export, and where.

use std::fmt;

use crate::Chain;

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where.
    pub location: Location,
    /// What.
    pub problem: Problem,
}

/// Where something was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location {
    /// A line of the export, from 1.
    Export(u64),
    /// A line of the heads file, from 1.
    HeadsFile(u64),
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The first line is no header of this format.
    NoHeader,
    /// The header's range or its first hash contradicts itself.
    HeaderContradicts,
    /// Not a record, not a head; or longer than any of ours.
    NotALine,
    /// The file ends in the middle of a line.
    LineWithoutEnd,
    /// A record, or a head, of another chain.
    OtherChain(String),
    /// The text or the hash of this record was changed, or the record before it was replaced.
    RecordChanged(i64),
    /// Records are missing before this line.
    RecordsMissing {
        /// The first.
        from: i64,
        /// The last.
        to: i64,
    },
    /// The line is there twice.
    RecordRepeated(i64),
    /// Two records have this number.
    Fork(i64),
    /// A record stands after one with a higher number.
    RecordMoved(i64),
    /// A head's signature is not by the key that it names.
    BadSignature(i64),
    /// A head is signed by a key that was not given.
    UnknownKey(String),
    /// A signed head names another hash for this record: it, or one before it, was rewritten.
    Rewritten(i64),
    /// A head does not stand behind the record that it names.
    HeadMoved(i64),
    /// The last line does not sign what stands before it.
    ContentChanged,
    /// There are lines behind the last head.
    AfterTheEnd,
    /// The export was cut off, or the platform refused to sign it: the last head is missing.
    CutOff {
        /// The last record that there is.
        last: i64,
    },
    /// A head that was signed before the export names a record that the export does not reach.
    RolledBack {
        /// That record.
        signed: i64,
        /// The last record of the export.
        last: i64,
    },
    /// The heads file has two signed heads of this record with different hashes.
    TwoHeads(i64),
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.location {
            Location::Export(line) => write!(formatter, "line {line}: {}", self.problem),
            Location::HeadsFile(line) => write!(formatter, "heads file, line {line}: {}", self.problem),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHeader => formatter.write_str("this is not the header of an export"),
            Self::HeaderContradicts => formatter.write_str("the header contradicts itself"),
            Self::NotALine => formatter.write_str("neither a record nor a head as the platform writes them"),
            Self::LineWithoutEnd => formatter.write_str("the file ends in the middle of a line"),
            Self::OtherChain(name) => write!(formatter, "belongs to another chain ({})", quoted(name)),
            Self::RecordChanged(sequence) => {
                write!(formatter, "record {sequence} or its hash was changed, or the record before it was")
            }
            Self::RecordsMissing { from, to } if from == to => {
                write!(formatter, "record {from} is missing before it")
            }
            Self::RecordsMissing { from, to } => {
                write!(formatter, "records {from} to {to} are missing before it")
            }
            Self::RecordRepeated(sequence) => write!(formatter, "record {sequence} is repeated"),
            Self::Fork(sequence) => write!(formatter, "another record {sequence}: the chain forks"),
            Self::RecordMoved(sequence) => write!(formatter, "record {sequence} stands behind later ones"),
            Self::BadSignature(sequence) => {
                write!(formatter, "the head of record {sequence} or its signature was changed")
            }
            Self::UnknownKey(key) => {
                write!(formatter, "signed by a key that was not given ({})", quoted(key))
            }
            Self::Rewritten(sequence) => {
                write!(
                    formatter,
                    "record {sequence} is not the one that was signed: it or one before it was rewritten"
                )
            }
            Self::HeadMoved(sequence) => {
                write!(formatter, "the head of record {sequence} does not stand behind that record")
            }
            Self::ContentChanged => formatter
                .write_str("lines before it were changed, added or removed after the export was signed"),
            Self::AfterTheEnd => formatter.write_str("stands behind the end of the export"),
            Self::CutOff { last } => write!(
                formatter,
                "the export ends after record {last} without its last head: cut off, or not signed by the platform"
            ),
            Self::RolledBack { signed, last } => write!(
                formatter,
                "record {signed} was signed before the export was made, but the export ends with record {last}: rolled back"
            ),
            Self::TwoHeads(sequence) => {
                write!(formatter, "two signed heads of record {sequence} differ: the chain was forked")
            }
        }
    }
}

/// What an export says, in one line that moves no cursor: whoever forged it may want the terminal to say that
/// it is clean. A chain or a key that is one is shorter.
fn quoted(text: &str) -> String {
    text.chars().take(80).flat_map(char::escape_debug).collect()
}

/// What a verification found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The chain, if the header says so.
    pub chain: Option<Chain>,
    /// When the export was made, as its header says.
    pub exported_at: Option<String>,
    /// The number of the first record, as the header says.
    pub from: Option<i64>,
    /// The number of the last record.
    pub last: i64,
    /// Records read.
    pub records: u64,
    /// Heads with a good signature.
    pub heads: u64,
    /// Heads of the heads file that were compared.
    pub compared: u64,
    /// The first of what was found, at most [`Report::KEPT`].
    pub findings: Vec<Finding>,
    /// How many more were found.
    pub further: u64,
}

impl Report {
    /// How many findings are kept.
    pub const KEPT: usize = 1000;

    /// Whether nothing was found.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    pub(crate) fn add(&mut self, location: Location, problem: Problem) {
        if self.findings.len() < Self::KEPT {
            self.findings.push(Finding { location, problem });
        } else {
            self.further += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l01_what_a_forger_wrote_is_told_in_one_line_that_moves_no_cursor() {
        let forged = "\u{1b}[2J\u{1b}[Hclean: 12 records\r\nclean\u{202e}\u{9b}2J\u{7f}";
        for problem in [Problem::OtherChain(forged.to_owned()), Problem::UnknownKey(forged.to_owned())] {
            let told = Finding { location: Location::Export(2), problem }.to_string();
            let moves = |character: char| character.is_control() || character == '\u{202e}';
            assert!(!told.contains(moves) && told.contains("clean: 12 records"), "{told:?}");
        }
        let long = Problem::OtherChain("x".repeat(1_000_000)).to_string();
        assert!(long.len() < 200, "{}", long.len());
    }
}
