//! The file of signed heads outside of the database: whoever rewrites the one has not rewritten the other.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Write as _};
use std::path::{Path, PathBuf};

use cryptography::PublicKey;

use crate::head::key_id;
use crate::lines::Lines;
use crate::{Chain, SignedHead};

/// A file that heads are appended to.
#[derive(Clone, Debug)]
pub struct HeadsFile {
    path: PathBuf,
}

/// What such a file says.
#[derive(Debug, Default)]
pub struct Outside {
    /// The last head of every chain.
    pub last: BTreeMap<Chain, SignedHead>,
    /// A line that is no head or contradicts an earlier one, or a last head with a bad signature of our key.
    pub damaged: Option<u64>,
}

impl HeadsFile {
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads it; a file that is not there says nothing. A last line without an end is what a crash left of
    /// a head that nobody relied on yet: it is taken away. Signatures of other keys (earlier master keys)
    /// are left to the verifier, who is given those keys.
    pub fn read(&self, key: &PublicKey) -> io::Result<Outside> {
        let file = match File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Outside::default()),
            file => file?,
        };
        let (mut outside, mut line_of) = (Outside::default(), BTreeMap::new());
        let (mut lines, mut whole) = (Lines::new(BufReader::new(file)), 0);
        while lines.read_next()? {
            let (text, has_end) = lines.text();
            if !has_end {
                tracing::warn!(path = %self.path.display(), "the heads file ends in the middle of a line, which is removed");
                OpenOptions::new().write(true).open(&self.path)?.set_len(whole)?;
                break;
            }
            match SignedHead::parse(text) {
                Some(signed) if outside.accepts(&signed) => {
                    line_of.insert(signed.head.chain, lines.number());
                }
                _ => outside.damaged = outside.damaged.or(Some(lines.number())),
            }
            whole += lines.bytes().len() as u64;
        }
        // Earlier ones only matter to the verifier: the file may be years long.
        for (chain, signed) in &outside.last {
            if signed.head.key == key_id(key) && !signed.is_signed_by(key) {
                outside.damaged = outside.damaged.or(line_of.get(chain).copied());
            }
        }
        Ok(outside)
    }

    /// Adds a line that is on the disk when this returns.
    pub fn append(&self, signed: &SignedHead) -> io::Result<()> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let is_new = !self.path.exists();
        let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(&self.path)?;
        // In one piece: another process of ours may be appending, too.
        file.write_all(signed.line().as_bytes())?;
        file.sync_data()?;
        if is_new && let Some(folder) = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }
}

impl Outside {
    /// Takes a head in, unless it contradicts the one before it.
    pub fn accepts(&mut self, signed: &SignedHead) -> bool {
        let head = &signed.head;
        match self.last.get(&head.chain).map(|known| &known.head) {
            Some(known) if known.sequence == head.sequence => known.hash == head.hash,
            // Two processes appended in this order.
            Some(known) if known.sequence > head.sequence => true,
            _ => {
                self.last.insert(head.chain, signed.clone());
                true
            }
        }
    }
}
