//! Signing the heads of the audit trail's chains now and then, and once more at the end.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use audit::{AuditError, Heads, Journal};
use cryptography::{RootKey, SigningKey};

use crate::StartError;

/// How long the last heads may take to be signed when the platform stops.
const LAST_HEADS: Duration = Duration::from_secs(5);

/// The key that signs them: the same for every process of one store.
pub(crate) fn key(root_key: &RootKey) -> Result<SigningKey, StartError> {
    root_key.signing_key("audit heads").map_err(|error| StartError::MasterKey(error.to_string()))
}

/// What was signed earlier.
pub(crate) async fn open(
    journal: Journal,
    root_key: &RootKey,
    file: Option<PathBuf>,
) -> Result<Heads, StartError> {
    Heads::open(journal, key(root_key)?, file).await.map_err(|error| StartError::audit(&error))
}

/// What has to be signed, and how often.
pub(crate) struct HeadSigning {
    pub(crate) heads: Arc<Heads>,
    pub(crate) every: Duration,
}

impl HeadSigning {
    /// Compares everything with what was signed earlier, then signs what grows, until it is stopped.
    pub(crate) async fn run(self, stop: impl Future<Output = ()>) {
        let mut ticks = tokio::time::interval(self.every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        tokio::pin!(stop);
        let mut compared = false;
        loop {
            tokio::select! {
                () = &mut stop => break,
                _ = ticks.tick() => {}
            }
            if !compared {
                compared = self.heads.compare_all().await.map_err(warn).is_ok();
            }
            let _ = self.heads.sign_grown().await.map_err(warn);
        }
        if tokio::time::timeout(LAST_HEADS, self.heads.sign_grown()).await.is_err() {
            tracing::warn!("the last records of the audit trail are signed at the next start");
        }
    }
}

fn warn(error: AuditError) {
    tracing::warn!(
        error = &error as &dyn std::error::Error,
        "the audit trail's heads wait for the next round"
    );
}
