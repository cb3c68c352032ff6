//! Which chains have grown, for somebody who reads on.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

use crate::Chain;

/// The chains with new records since somebody asked. One entry for each, however much they grew.
#[derive(Debug, Default)]
pub struct Growth {
    chains: Mutex<BTreeSet<Chain>>,
    grown: Notify,
}

impl Growth {
    /// Waits until there are some.
    pub async fn wait(&self) -> BTreeSet<Chain> {
        loop {
            let chains = std::mem::take(&mut *self.chains.lock().unwrap_or_else(PoisonError::into_inner));
            if !chains.is_empty() {
                return chains;
            }
            self.grown.notified().await;
        }
    }

    pub(crate) fn note(&self, chains: impl IntoIterator<Item = Chain>) {
        self.chains.lock().unwrap_or_else(PoisonError::into_inner).extend(chains);
        self.grown.notify_one();
    }
}
