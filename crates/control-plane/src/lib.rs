//! The platform put together: configuration, command line, composition, the binary `vybe`.
//!
//! Invariants:
//! - environment variables are read in [`config`] and nowhere else;
//! - whatever goes wrong at start ends in one line that says what to do, and an exit code other than 0;
//! - there is no way to serve plain HTTP except the redirect to HTTPS and the admin listener.
//!
//! Everything else is decided in the crates that it puts together.

mod audit_commands;
mod authentication;
mod backup_command;
mod catalog_command;
pub mod cli;
pub mod config;
mod config_path;
pub mod demo;
mod deployment;
mod doctor_command;
mod drill_command;
mod error;
mod explain_command;
mod head_signing;
mod health;
mod health_command;
mod housekeeping;
mod keys_command;
mod letter_limits;
mod logging;
mod master_keys;
mod metrics;
mod migrate_command;
mod neighbours;
mod open_files;
mod output;
mod panics;
mod personal_organizations;
mod platform;
mod policy_commands;
mod process_memory;
mod prove_command;
mod read_only_command;
mod reconnect_letters;
mod remote;
mod security_txt;
pub mod serve;
mod server_secret_command;
mod service_manager;
mod shared_clock;
mod shredding;
mod telemetry;
mod trust;

pub use deployment::{Deployment, DeploymentError, Deployments};
pub use error::StartError;
pub use output::complain;
pub use panics::leave_values_out_of_panics;
pub use platform::{Listeners, Platform, SERVICE_PATIENCE, ServiceSettings, Settings};
