//! Looking for many values at once.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::path::Path;

use super::{Form, Memory};

/// The length of a piece. Twelve bytes that are no value are met by chance about once in 2^64 places.
const PIECE: usize = 12;
/// How much around a finding is shown.
const AROUND: usize = 160;
/// More findings of one value, form and place are counted, not kept.
const MOST_SHOWN: usize = 3;
/// All patterns begin with one of these many combinations of three bytes.
const BEGINNINGS: usize = 1 << 24;

/// Values to be found.
pub struct Search {
    values: Vec<String>,
    /// Which combinations of three bytes a pattern begins with, one bit each.
    beginnings: Vec<u64>,
    patterns: HashMap<[u8; 3], Vec<Pattern>>,
}

struct Pattern {
    bytes: Vec<u8>,
    value: usize,
    form: Form,
}

/// A value, or a part of it, where it was found.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The value's name.
    pub value: String,
    /// How it is written there.
    pub form: Form,
    /// The place, as the search was told.
    pub place: String,
    /// Where in it, in bytes.
    pub offset: u64,
    /// What stands around it, with what cannot be printed left out.
    pub around: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { value, form, place, offset, around } = self;
        write!(formatter, "{value} ({form:?}) in {place} at {offset}: {around}")
    }
}

impl Search {
    /// Looks for these values, by name.
    ///
    /// # Panics
    /// A value is too short to be told from chance.
    #[must_use]
    pub fn new<'a>(values: impl IntoIterator<Item = (String, &'a [u8])>) -> Self {
        let mut search =
            Self { values: Vec::new(), beginnings: vec![0; BEGINNINGS / 64], patterns: HashMap::new() };
        for (name, value) in values {
            assert!(value.len() >= PIECE, "{name} is shorter than {PIECE} bytes");
            let index = search.values.len();
            search.values.push(name);
            for piece in pieces(value) {
                let mut written = BTreeSet::new();
                for form in Form::ALL {
                    for bytes in form.write(piece) {
                        // Two forms of it may be the same, such as base64 with either alphabet.
                        if written.insert(bytes.clone()) {
                            search.add(Pattern { bytes, value: index, form: *form });
                        }
                    }
                }
            }
        }
        search
    }

    fn add(&mut self, pattern: Pattern) {
        let beginning = [pattern.bytes[0], pattern.bytes[1], pattern.bytes[2]];
        let number = number_of(beginning);
        self.beginnings[number / 64] |= 1 << (number % 64);
        self.patterns.entry(beginning).or_default().push(pattern);
    }

    /// How many values are looked for.
    #[must_use]
    pub fn values(&self) -> usize {
        self.values.len()
    }

    /// Every finding in these bytes.
    #[must_use]
    pub fn bytes(&self, place: &str, bytes: &[u8]) -> Vec<Finding> {
        let mut findings = Vec::new();
        self.each(bytes, |offset, pattern| findings.push(self.finding(place, bytes, offset, pattern)));
        fewer(findings)
    }

    /// Every finding in this file.
    ///
    /// # Panics
    /// It cannot be read.
    #[must_use]
    pub fn file(&self, path: &Path) -> Vec<Finding> {
        let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        self.bytes(&path.display().to_string(), &bytes)
    }

    /// Every finding in the files of this folder and below, their names included; how many files there were.
    ///
    /// # Panics
    /// Something cannot be read.
    #[must_use]
    pub fn folder(&self, folder: &Path) -> (Vec<Finding>, usize) {
        let (mut findings, mut files, mut folders) = (Vec::new(), 0, vec![folder.to_owned()]);
        while let Some(folder) = folders.pop() {
            let entries =
                std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
            for entry in entries.flatten() {
                let path = entry.path();
                let name = path.display().to_string();
                findings.extend(self.bytes(&format!("the name of {name}"), name.as_bytes()));
                let Ok(kind) = entry.file_type() else { continue };
                if kind.is_dir() {
                    folders.push(path);
                } else if kind.is_file() {
                    // A running database deletes files while they are listed.
                    if let Ok(bytes) = std::fs::read(&path) {
                        findings.extend(self.bytes(&name, &bytes));
                        files += 1;
                    }
                }
            }
        }
        (findings, files)
    }

    /// Every finding in the memory of a process.
    #[must_use]
    pub fn memory(&self, memory: &Memory) -> Vec<Finding> {
        let mut findings = Vec::new();
        for region in &memory.regions {
            let place = region.to_string();
            self.each(&region.bytes, |offset, pattern| {
                let mut finding = self.finding(&place, &region.bytes, offset, pattern);
                finding.offset += region.start;
                findings.push(finding);
            });
        }
        findings
    }

    /// Calls for every pattern at every place.
    fn each(&self, bytes: &[u8], mut found: impl FnMut(usize, &Pattern)) {
        // No iterators: this loop runs over gigabytes, in builds without optimisation, too.
        let (mut at, mut number) = (0, 0_usize);
        while at < bytes.len() {
            number = (number << 8 | bytes[at] as usize) & (BEGINNINGS - 1);
            at += 1;
            if self.beginnings[number >> 6] >> (number & 63) & 1 == 1 && at >= 3 {
                let start = at - 3;
                let Some(patterns) = self.patterns.get(&bytes[start..at]) else { continue };
                for pattern in patterns {
                    if bytes[start..].starts_with(&pattern.bytes) {
                        found(start, pattern);
                    }
                }
            }
        }
    }

    fn finding(&self, place: &str, bytes: &[u8], offset: usize, pattern: &Pattern) -> Finding {
        let end = (offset + pattern.bytes.len() + AROUND).min(bytes.len());
        let around = &bytes[offset.saturating_sub(AROUND)..end];
        let printable = |byte: &u8| if matches!(byte, 32..=126) { char::from(*byte) } else { '·' };
        Finding {
            value: self.values[pattern.value].clone(),
            form: pattern.form,
            place: place.to_owned(),
            offset: u64::try_from(offset).unwrap_or(u64::MAX),
            around: around.iter().map(printable).collect(),
        }
    }
}

/// The whole value in pieces; the last one overlaps the one before.
fn pieces(value: &[u8]) -> Vec<&[u8]> {
    let mut pieces: Vec<&[u8]> = value.chunks_exact(PIECE).collect();
    if !value.len().is_multiple_of(PIECE) {
        pieces.push(&value[value.len() - PIECE..]);
    }
    pieces
}

fn number_of(beginning: [u8; 3]) -> usize {
    beginning.iter().fold(0, |number, byte| number << 8 | usize::from(*byte))
}

/// One place that repeats a value a thousand times is one mistake.
fn fewer(findings: Vec<Finding>) -> Vec<Finding> {
    let mut seen = BTreeMap::<(String, Form), usize>::new();
    let mut few = findings;
    few.retain(|finding| {
        let count = seen.entry((finding.value.clone(), finding.form)).or_default();
        *count += 1;
        *count <= MOST_SHOWN
    });
    few
}
