//! The variables that the demo apps were deployed with. They are in this process, as an app has them in its own.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use cryptography::{HashKey, SecretBytes};

/// The variable whose value the demo apps show in use.
pub const GREETING: &str = "GREETING";
/// What the keyed hash of a credential is made over; `openssl` makes the same.
pub(super) const PROVED_TEXT: &str = "vybe demo";
/// What names of credentials of custom APIs begin with.
const CREDENTIALS: &str = "CUSTOM_API_";

/// What each app was deployed with last, by the label of its host.
#[derive(Clone, Default)]
pub(super) struct Deployments {
    by_label: Arc<Mutex<HashMap<String, Arc<Variables>>>>,
}

impl Deployments {
    pub(super) fn put(&self, label: &str, variables: BTreeMap<String, SecretBytes>) {
        let variables = Arc::new(Variables(variables));
        self.by_label.lock().unwrap_or_else(PoisonError::into_inner).insert(label.to_owned(), variables);
    }

    pub(super) fn of(&self, label: &str) -> Arc<Variables> {
        let known = self.by_label.lock().unwrap_or_else(PoisonError::into_inner).get(label).cloned();
        known.unwrap_or_default()
    }
}

/// The variables of one app.
#[derive(Default)]
pub(super) struct Variables(BTreeMap<String, SecretBytes>);

impl Variables {
    /// How the app greets: what it was told to say, in the one variable that it shows.
    pub(super) fn greeting(&self) -> &str {
        self.0.get(GREETING).and_then(SecretBytes::reveal_text).unwrap_or("Hello")
    }

    /// Every name, with what proves a credential to whoever knows it: HMAC-SHA-256 (RFC 2104) of
    /// [`PROVED_TEXT`], keyed with the value. Nothing else leaves this type.
    pub(super) fn proofs(&self) -> impl Iterator<Item = (&str, Option<String>)> {
        self.0.iter().map(|(name, value)| {
            let proof = name.starts_with(CREDENTIALS).then(|| {
                let hash = HashKey::from_secret(value.reveal()).hash(PROVED_TEXT.as_bytes());
                cryptography::hexadecimal::encode(&hash)
            });
            (name.as_str(), proof)
        })
    }
}
