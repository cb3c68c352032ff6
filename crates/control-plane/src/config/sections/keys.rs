//! The master keys.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Period, Secret};

/// `[secrets]`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SecretsSection {
    /// The master key: 32 random bytes in base64 (`openssl rand -base64 32`), which wrap the data keys in the database
    /// and do nothing else. Keep a copy apart from the database: without it nobody can open what is sealed there.
    /// Unless a key in `secrets.transit` wraps, there is one; this is where it is looked for when nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = Secret::environment("VYBE_MASTER_KEY"))]
    pub master_key: Option<Secret>,
    /// Those that were the master key before. They only unwrap. To replace the master key: put the new one above and
    /// the old one here, restart, run `vybe keys rotate master`, then remove the old one from here and keep it with the
    /// backups that were made until then. An example: `[{ file = "/etc/vybe/master-key-2026" }]`.
    /// With several servers, each has to know the new key before the first one wraps with it: add it here on every one
    /// and restart them; then let the two change places, restart again, and rotate.
    pub former_master_keys: Vec<Secret>,
    /// The master key in HashiCorp Vault or OpenBao, instead of `master_key`: it never leaves that service, which
    /// wraps and unwraps the data keys with its transit engine. The key must exist (type aes256-gcm96); it is never
    /// made from here. The token needs `read` on <mount>/keys/<key>, and `update` on <mount>/encrypt/<key> and
    /// <mount>/decrypt/<key>. Each version of the key is a master key of its own: after a rotation there, run
    /// `vybe keys rotate master` before raising min_decryption_version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transit: Option<TransitSection>,
    /// Such a key that was the master key before. It only unwraps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub former_transit: Option<TransitSection>,
    /// How old the key of an organization, or of the platform itself, becomes before a successor takes over and
    /// everything is sealed again; at least 1d. Whatever its age, a key that has sealed 2^30 times is replaced; at 2^32
    /// it would seal no more (NIST SP 800-38D). `vybe keys status` shows where they stand.
    pub rotate_organization_keys: Period,
}

impl SecretsSection {
    /// Names the variable that holds the master key when nothing else is said.
    pub(in crate::config) fn fill(&mut self) {
        if self.transit.is_none() && self.master_key.is_none() {
            self.master_key = Some(Secret::environment("VYBE_MASTER_KEY"));
        }
    }
}

impl Default for SecretsSection {
    fn default() -> Self {
        Self {
            master_key: None,
            former_master_keys: Vec::new(),
            transit: None,
            former_transit: None,
            rotate_organization_keys: Period::days(365),
        }
    }
}

/// `[secrets.transit]` and `[secrets.former_transit]`: a key of the transit engine of HashiCorp Vault or OpenBao.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TransitSection {
    /// Where the service is: https only, except for a loopback address. More authorities: `sign_in.extra_authorities`.
    #[schemars(example = &"https://vault.example.com:8200")]
    pub address: String,
    /// What the key is called there.
    #[schemars(example = &"vybe")]
    pub key: String,
    /// At which path the engine is mounted.
    #[serde(default = "mount")]
    pub mount: String,
    /// In which namespace. None when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"company/team")]
    pub namespace: Option<String>,
    /// The token. Read again when the service refuses it, so that an agent may renew it in a file.
    #[schemars(example = Secret::in_file("/run/vault-agent/token"))]
    pub token: Secret,
    /// How long one question may take.
    #[serde(default = "timeout")]
    pub timeout: Period,
}

fn mount() -> String {
    "transit".to_owned()
}

const fn timeout() -> Period {
    Period::seconds(10)
}
