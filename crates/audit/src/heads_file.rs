//! The file of signed heads outside of the database: whoever rewrites the one has not rewritten the other.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};

use secrets_vault::PublicKey;

use crate::head::key_id;
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
    /// The first line that is no head, bears a bad signature of our key, or contradicts an earlier line.
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
        let (mut outside, ours) = (Outside::default(), key_id(key));
        let (mut reader, mut line) = (BufReader::new(file), Vec::new());
        let (mut number, mut whole) = (0, 0);
        loop {
            line.clear();
            let length = reader.read_until(b'\n', &mut line)?;
            if length == 0 {
                break;
            }
            let Some(text) = line.strip_suffix(b"\n") else {
                tracing::warn!(path = %self.path.display(), "the heads file ends in the middle of a line, which is removed");
                OpenOptions::new().write(true).open(&self.path)?.set_len(whole)?;
                break;
            };
            (number, whole) = (number + 1, whole + length as u64);
            let good = |signed: &SignedHead| signed.head.key != ours || signed.is_signed_by(key);
            match SignedHead::parse(text).filter(good) {
                Some(signed) if outside.accepts(&signed) => {}
                _ => outside.damaged = outside.damaged.or(Some(number)),
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
