//! The log, on standard error.

use tracing_subscriber::EnvFilter;

use crate::config::{ConfigError, LogFormat, LogSection};

/// Starts logging. A second call in one process (tests) changes nothing.
///
/// # Errors
/// `log.level` is no filter.
pub fn start(section: &LogSection) -> Result<(), ConfigError> {
    let filter = EnvFilter::try_new(&section.level).map_err(|error| {
        ConfigError::key("log.level", format!("{error}; write info, or info,middleware=debug"))
    })?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let _ = match section.format {
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(true).try_init(),
        LogFormat::Text => builder.with_target(false).compact().try_init(),
    };
    Ok(())
}
