//! One chain as JSON Lines: a header, the records with the heads among them, and a head that signs the
//! whole, so that a part of an export is no export.

use std::sync::Arc;

use cryptography::Sha256;
use serde::{Deserialize, Serialize};

use crate::store::events::{self, Place};
use crate::{AuditError, Chain, ChainHash, Head, Heads, SignedHead, head, record, store};

/// What the first line says of the lines that follow.
pub const FORMAT: &str = "vybe-audit-1";

/// Records read, and handed out, at a time.
const PAGE: u64 = 500;

/// The first line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Header {
    /// [`FORMAT`].
    pub format: String,
    /// The chain.
    pub chain: Chain,
    /// When the export began: RFC 3339 in UTC.
    pub exported_at: String,
    /// The number of the first record.
    pub from: i64,
    /// The number of the last record, or `from` less one when there is none.
    pub to: i64,
    /// The hash before the first record.
    pub previous: ChainHash,
    /// The keys that sign today. Whoever verifies has them from elsewhere.
    pub keys: Vec<HeaderKey>,
}

/// A public key in a header.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HeaderKey {
    /// Its name in heads.
    pub id: String,
    /// The key.
    pub public_key: String,
}

/// An export under way.
pub struct Export {
    heads: Arc<Heads>,
    header: Header,
    next: i64,
    step: Step,
    content: Sha256,
    /// The end of the chain, when it may be signed.
    end: Option<Place>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Header,
    Records,
    Closing,
    Done,
}

impl Export {
    /// Signs the end of the chain, and begins an export of everything from one number on to there.
    ///
    /// # Errors
    /// The store or the heads file is not available, or there is no record before that number.
    pub async fn begin(heads: Arc<Heads>, chain: Chain, from: i64) -> Result<Self, AuditError> {
        // Whatever was signed before this moment is part of the export.
        let exported_at = record::timestamp(clock::now());
        let signed = heads.sign_one(chain).await?;
        let database = heads.journal().database();
        let end = match signed {
            Some(end) => end,
            None => events::end(database, chain).await.map_err(AuditError::Store)?,
        };
        if from < 1 || from > end.sequence + 1 {
            return Err(AuditError::NoSuchRecord(from));
        }
        let previous = match from {
            1 => ChainHash::START,
            _ => events::hash_at(database, chain, from - 1)
                .await
                .map_err(AuditError::Store)?
                .ok_or(AuditError::NoSuchRecord(from))?,
        };
        let key = heads.public_key();
        let header = Header {
            format: FORMAT.to_owned(),
            chain,
            exported_at,
            from,
            to: end.sequence,
            previous,
            keys: vec![HeaderKey { id: head::key_id(&key), public_key: head::public_key_text(&key) }],
        };
        Ok(Self { heads, header, next: from, step: Step::Header, content: Sha256::new(), end: signed })
    }

    /// The number of the last record; 0 where the chain has none.
    #[must_use]
    pub const fn last(&self) -> i64 {
        self.header.to
    }

    /// The next lines, each with its end. The last of them is a head that signs everything before it; it
    /// is missing when the chain is not what was signed earlier, so that the export does not verify.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn next_page(&mut self) -> Result<Option<String>, AuditError> {
        while self.step != Step::Done {
            let lines = match self.step {
                Step::Header => self.header_lines().await?,
                Step::Records => self.record_lines().await?,
                Step::Closing | Step::Done => self.closing_line(),
            };
            self.content.update(lines.as_bytes());
            // Where records are gone there may be nothing to say.
            if !lines.is_empty() {
                return Ok(Some(lines));
            }
        }
        Ok(None)
    }

    /// The header, and the head of the record before the first, if there is one.
    async fn header_lines(&mut self) -> Result<String, AuditError> {
        // Texts and numbers: nothing in it can fail.
        let mut lines = serde_json::to_string(&self.header).unwrap_or_default();
        lines.push('\n');
        let before = self.header.from - 1;
        lines.extend(self.heads_between(before, before).await?.iter().map(SignedHead::line));
        self.advance(self.header.from);
        Ok(lines)
    }

    async fn record_lines(&mut self) -> Result<String, AuditError> {
        let Header { chain, to, .. } = self.header;
        let database = self.heads.journal().database();
        let page = events::page(database, chain, self.next, to, PAGE).await.map_err(AuditError::Store)?;
        let through = match page.last() {
            Some(last) if page.len() as u64 == PAGE => last.record.sequence,
            _ => to,
        };
        let heads = self.heads_between(self.next, through).await?;
        let mut heads = heads.into_iter().peekable();
        let mut lines = String::new();
        for linked in page {
            // A head whose record is gone stands where that was.
            while let Some(signed) = heads.next_if(|signed| signed.head.sequence < linked.record.sequence) {
                lines.push_str(&signed.line());
            }
            lines.push_str(&linked.record.line(linked.hash));
        }
        lines.extend(heads.map(|signed| signed.line()));
        self.advance(through + 1);
        Ok(lines)
    }

    fn closing_line(&mut self) -> String {
        self.step = Step::Done;
        let Some(end) = self.end else {
            tracing::error!(chain = %self.header.chain, "an export was not signed: the chain is not what was signed earlier");
            return String::new();
        };
        let content = ChainHash::from_bytes(self.content.clone().finish());
        let head = self.heads.head(self.header.chain, end, clock::now());
        Head { content: Some(content), ..head }.sign(self.heads.key()).line()
    }

    fn advance(&mut self, next: i64) {
        self.next = next;
        self.step = if next > self.header.to { Step::Closing } else { Step::Records };
    }

    async fn heads_between(&self, from: i64, to: i64) -> Result<Vec<SignedHead>, AuditError> {
        let database = self.heads.journal().database();
        store::heads::between(database, self.header.chain, from, to).await.map_err(AuditError::Store)
    }
}
