//! Somebody who changes an export and knows exactly how it is made, but has no signing key.

use audit::{Chain, ChainHash, Head, SignedHead, key_id, public_key_text};
use cryptography::{Sha256, SigningKey};
use serde_json::Value;

pub struct Forger {
    pub lines: Vec<String>,
}

/// Where the record's text is in its line: `{"hash":"<64>","record":<text>}`.
const RECORD: usize = 84;

impl Forger {
    pub fn new(export: &str) -> Self {
        Self { lines: export.split_inclusive('\n').map(str::to_owned).collect() }
    }

    pub fn text(&self) -> String {
        self.lines.concat()
    }

    /// Replaces in a line, which has to have it.
    pub fn replace(&mut self, line: usize, what: &str, with: &str) {
        assert!(self.lines[line].contains(what), "line {line} has no {what}: {}", self.lines[line]);
        self.lines[line] = self.lines[line].replacen(what, with, 1);
    }

    fn is_record(&self, line: usize) -> bool {
        self.lines[line].starts_with("{\"hash\"")
    }

    /// The text of a record.
    pub fn record(&self, line: usize) -> String {
        self.lines[line][RECORD..self.lines[line].len() - 2].to_owned()
    }

    pub fn hash(&self, line: usize) -> ChainHash {
        self.lines[line][9..73].parse().unwrap()
    }

    /// The hash before a line.
    fn before(&self, line: usize) -> ChainHash {
        let earlier = (1..line).rev().find(|&line| self.is_record(line));
        earlier.map_or(ChainHash::START, |line| self.hash(line))
    }

    pub fn set_record(&mut self, line: usize, text: &str) {
        let hash = self.before(line).next(text.as_bytes());
        self.lines[line] = format!("{{\"hash\":\"{hash}\",\"record\":{text}}}\n");
    }

    /// Gives every record from a line on the hash that follows from what is there now.
    pub fn rehash(&mut self, from: usize) {
        for line in from..self.lines.len() {
            if self.is_record(line) {
                self.set_record(line, &self.record(line));
            }
        }
    }

    /// Numbers the records again, without gaps.
    pub fn renumber(&mut self) {
        let mut sequence = 0;
        for line in 1..self.lines.len() {
            if self.is_record(line) {
                sequence += 1;
                let text = self.record(line);
                let (start, rest) = text.split_once("\"sequence\":").unwrap();
                let (_, rest) = rest.split_once(',').unwrap();
                self.set_record(line, &format!("{start}\"sequence\":{sequence},{rest}"));
            }
        }
    }

    pub fn without_heads(&mut self) {
        self.lines.retain(|line| !line.starts_with("{\"head\""));
    }

    /// Makes every head again, for what is there now and with this key.
    pub fn sign_again(&mut self, key: &SigningKey) {
        let mut content = Sha256::new();
        for line in 0..self.lines.len() {
            if let Some(signed) = SignedHead::parse(self.lines[line].trim_end().as_bytes()) {
                let last = (1..line).rev().find(|&line| self.is_record(line));
                let sequence = last.map_or(0, |line| {
                    serde_json::from_str::<Value>(&self.record(line)).unwrap()["sequence"].as_i64().unwrap()
                });
                let head = Head {
                    sequence,
                    hash: self.before(line),
                    key: key_id(&key.public_key()),
                    content: signed.head.content.map(|_| ChainHash::from_bytes(content.clone().finish())),
                    ..signed.head
                };
                self.lines[line] = head.sign(key).line();
            }
            content.update(self.lines[line].as_bytes());
        }
    }

    pub fn set_header(&mut self, name: &str, value: impl Into<Value>) {
        let mut header: Value = serde_json::from_str(&self.lines[0]).unwrap();
        assert!(header.get(name).is_some(), "{name}");
        header[name] = value.into();
        self.lines[0] = format!("{header}\n");
    }

    pub fn set_header_key(&mut self, key: &SigningKey) {
        let key = key.public_key();
        let keys = serde_json::json!([{ "id": key_id(&key), "publicKey": public_key_text(&key) }]);
        self.set_header("keys", keys);
    }

    pub fn chain(&self) -> Chain {
        serde_json::from_str::<Value>(&self.lines[0]).unwrap()["chain"].as_str().unwrap().parse().unwrap()
    }
}
