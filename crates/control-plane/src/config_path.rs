//! Which configuration a command reads.

use std::path::PathBuf;

use crate::StartError;
use crate::config::Config;

/// Where the configuration is.
#[derive(clap::Args)]
pub(crate) struct ConfigPath {
    /// The configuration file; without it, the one that VYBE_CONFIG names, or vybe.toml.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl ConfigPath {
    pub(crate) fn load(&self) -> Result<Config, StartError> {
        Ok(Config::load(self.config.as_deref())?)
    }
}
