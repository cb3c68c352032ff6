//! Verifying an export with nothing but the export and the public key: no database, no network, one pass,
//! and memory for one line (and for the heads of this chain that a heads file has).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, BufRead};

use cryptography::{PublicKey, Sha256};
use serde::Deserialize;

use crate::finding::{Location, Problem, Report};
use crate::head::key_id;
use crate::line::{self, Line};
use crate::lines::Lines;
use crate::{Chain, ChainHash, FORMAT, Header, SignedHead};

/// Verifies an export. Heads that were kept elsewhere (a heads file, or the last lines of earlier exports)
/// show in addition whether the chain was rolled back, or rewritten by somebody who has the signing key.
///
/// # Errors
/// A file cannot be read. What is wrong with its content is in the report.
pub fn verify(
    export: impl BufRead,
    keys: &[PublicKey],
    heads_file: Option<&mut dyn BufRead>,
) -> io::Result<Report> {
    let mut verification = Verification {
        keys: keys.iter().map(|key| (key_id(key), *key)).collect(),
        header: None,
        last: Last { sequence: 0, hash: ChainHash::START },
        outside: BTreeMap::new(),
        content: Sha256::new(),
        signed: false,
        report: Report::default(),
    };
    verification.run(Lines::new(export), heads_file)?;
    Ok(verification.report)
}

/// What a record says of its place.
#[derive(Deserialize)]
struct RecordPlace<'a> {
    #[serde(borrow)]
    chain: Cow<'a, str>,
    sequence: i64,
}

/// The record that was read last.
#[derive(Clone, Copy)]
struct Last {
    sequence: i64,
    hash: ChainHash,
}

/// A head from elsewhere.
struct OutsideHead {
    line: u64,
    hash: ChainHash,
    at: String,
}

struct Verification {
    keys: BTreeMap<String, PublicKey>,
    header: Option<Header>,
    last: Last,
    /// By number, as long as their records have not come.
    outside: BTreeMap<i64, OutsideHead>,
    /// Of every byte before the current line.
    content: Sha256,
    /// Whether the head that signs the whole has come.
    signed: bool,
    report: Report,
}

impl Verification {
    fn run(
        &mut self,
        mut lines: Lines<impl BufRead>,
        heads_file: Option<&mut dyn BufRead>,
    ) -> io::Result<()> {
        let mut heads_file = heads_file;
        while lines.read_next()? {
            let place = Location::Export(lines.number());
            let (text, has_end) = lines.text();
            if self.signed {
                self.report.add(place, Problem::AfterTheEnd);
            } else if lines.number() > 1 {
                self.line(place, text);
            } else if self.read_header(place, text) {
                if let Some(file) = heads_file.take() {
                    self.read_heads_file(Lines::new(file))?;
                }
                self.compare_with_outside();
            } else {
                self.report.add(place, Problem::NoHeader);
                self.line(place, text);
            }
            if !has_end {
                self.report.add(place, Problem::LineWithoutEnd);
            }
            self.content.update(lines.bytes());
        }
        self.finish(Location::Export(lines.number()));
        Ok(())
    }

    fn read_header(&mut self, place: Location, text: &[u8]) -> bool {
        let parsed = serde_json::from_slice::<Header>(text).ok();
        let Some(header) = parsed.filter(|header| header.format == FORMAT) else {
            return false;
        };
        let range_is_possible =
            header.from >= 1 && header.to.checked_add(1).is_some_and(|end| end >= header.from);
        if !range_is_possible || (header.from == 1) != (header.previous == ChainHash::START) {
            self.report.add(place, Problem::HeaderContradicts);
        }
        self.last = Last { sequence: header.from.saturating_sub(1), hash: header.previous };
        self.report.chain = Some(header.chain);
        self.report.exported_at = Some(header.exported_at.clone());
        self.report.from = Some(header.from);
        self.header = Some(header);
        true
    }

    fn read_heads_file(&mut self, mut lines: Lines<impl BufRead>) -> io::Result<()> {
        while lines.read_next()? {
            let place = Location::HeadsFile(lines.number());
            let (text, has_end) = lines.text();
            let Some(signed) = SignedHead::parse(text).filter(|_| has_end) else {
                self.report.add(place, Problem::NotALine);
                continue;
            };
            if Some(signed.head.chain) != self.report.chain || !self.is_genuine(place, &signed) {
                continue;
            }
            let head = signed.head;
            let known = self.outside.entry(head.sequence).or_insert_with(|| OutsideHead {
                line: lines.number(),
                hash: head.hash,
                at: head.at.clone(),
            });
            if known.hash != head.hash {
                self.report.add(place, Problem::TwoHeads(head.sequence));
            }
        }
        Ok(())
    }

    fn line(&mut self, place: Location, text: &[u8]) {
        match line::parse(text) {
            Some(Line::Record { hash, text }) => match serde_json::from_slice::<RecordPlace<'_>>(text) {
                Ok(found) => self.record(place, &found, hash, text),
                Err(_) => self.report.add(place, Problem::NotALine),
            },
            Some(Line::Head { text, signature }) => match SignedHead::of(text, signature) {
                Some(signed) => self.head(place, &signed),
                None => self.report.add(place, Problem::NotALine),
            },
            None => self.report.add(place, Problem::NotALine),
        }
    }

    fn record(&mut self, place: Location, found: &RecordPlace<'_>, hash: ChainHash, text: &[u8]) {
        self.report.records += 1;
        let sequence = found.sequence;
        if !self.is_of_this_chain(&found.chain) {
            self.report.add(place, Problem::OtherChain(found.chain.clone().into_owned()));
            return;
        }
        let expected = self.last.sequence.saturating_add(1);
        if sequence < expected {
            let problem = match sequence == self.last.sequence {
                true if hash == self.last.hash => Problem::RecordRepeated(sequence),
                true => Problem::Fork(sequence),
                false => Problem::RecordMoved(sequence),
            };
            self.report.add(place, problem);
            return;
        }
        if sequence > expected {
            self.report.add(place, Problem::RecordsMissing { from: expected, to: sequence - 1 });
        } else if self.last.hash.next(text) != hash {
            self.report.add(place, Problem::RecordChanged(sequence));
        }
        // From here on with what the line says, so that one change is not found again in every line.
        self.last = Last { sequence, hash };
        self.compare_with_outside();
    }

    /// Without a header, the first record says which chain it is.
    fn is_of_this_chain(&mut self, name: &str) -> bool {
        let named = name.parse::<Chain>().ok();
        self.report.chain = self.report.chain.or(named);
        named.is_some() && named == self.report.chain
    }

    fn head(&mut self, place: Location, signed: &SignedHead) {
        if !self.is_genuine(place, signed) {
            return;
        }
        let head = &signed.head;
        if Some(head.chain) != self.report.chain {
            self.report.add(place, Problem::OtherChain(head.chain.to_string()));
            return;
        }
        self.report.heads += 1;
        if head.sequence != self.last.sequence {
            self.report.add(place, Problem::HeadMoved(head.sequence));
        } else if head.hash != self.last.hash {
            self.report.add(place, Problem::Rewritten(head.sequence));
        }
        if let Some(content) = head.content {
            self.signed = true;
            if content.as_bytes() != &self.content.clone().finish() {
                self.report.add(place, Problem::ContentChanged);
            }
        }
    }

    fn is_genuine(&mut self, place: Location, signed: &SignedHead) -> bool {
        let problem = match self.keys.get(&signed.head.key) {
            Some(key) if signed.is_signed_by(key) => return true,
            Some(_) => Problem::BadSignature(signed.head.sequence),
            None => Problem::UnknownKey(signed.head.key.clone()),
        };
        self.report.add(place, problem);
        false
    }

    /// Compares the record that was read last with the head from elsewhere, if there is one.
    fn compare_with_outside(&mut self) {
        if let Some(outside) = self.outside.remove(&self.last.sequence) {
            self.report.compared += 1;
            if outside.hash != self.last.hash {
                self.report.add(Location::HeadsFile(outside.line), Problem::Rewritten(self.last.sequence));
            }
        }
    }

    fn finish(&mut self, end: Location) {
        let last = self.last.sequence;
        self.report.last = last;
        if !self.signed {
            self.report.add(end, Problem::CutOff { last });
        }
        let Some(header) = self.header.take() else { return };
        if header.to > last {
            self.report.add(end, Problem::RecordsMissing { from: last.saturating_add(1), to: header.to });
        } else if header.to < last {
            self.report.add(end, Problem::HeaderContradicts);
        }
        // Heads that were signed later may name records that came later.
        let earlier = |head: &OutsideHead| head.at <= header.exported_at;
        let mut beyond = self.outside.range(last.saturating_add(1)..);
        if let Some((&signed, head)) = beyond.rfind(|(_, head)| earlier(head)) {
            self.report.add(Location::HeadsFile(head.line), Problem::RolledBack { signed, last });
        }
    }
}
