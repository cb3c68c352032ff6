//! `vybe prove`: what a stranger can find out about a running platform.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use proof::{CallersFile, Matrix, Target};

use crate::StartError;
use crate::output::print;

#[derive(Subcommand)]
pub(crate) enum ProveCommand {
    /// Asks every endpoint as every kind of caller and prints where the answers differ from what is declared.
    Matrix {
        #[command(flatten)]
        platform: PlatformArguments,
        /// The document that the declarations are compared with.
        #[arg(long, default_value = "docs/access-matrix.md", value_name = "FILE")]
        matrix: PathBuf,
    },
}

#[derive(Args)]
pub(crate) struct PlatformArguments {
    /// The platform's origin, such as https://vybe.example.com.
    #[arg(long, value_name = "ORIGIN")]
    url: String,
    /// The certificate authority to trust instead of the web's (PEM), such as vybe-data/authority.pem.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// The origin of the admin listener; its endpoints are asked only with it.
    #[arg(long, value_name = "ORIGIN")]
    admin_url: Option<String>,
    /// Sessions of five prepared people (TOML), for a platform that is not `vybe dev`.
    #[arg(long, value_name = "FILE")]
    callers: Option<PathBuf>,
}

impl PlatformArguments {
    fn target(self) -> Result<Target, StartError> {
        let callers = self.callers.as_deref().map(read).transpose()?;
        Ok(Target {
            platform: self.url,
            authority: self.ca_file.as_deref().map(read).transpose()?,
            admin: self.admin_url,
            callers: callers.as_deref().map(CallersFile::read).transpose()?,
        })
    }
}

/// Runs one.
///
/// # Errors
/// Something differs, or could not be asked.
pub(crate) async fn run(command: ProveCommand) -> Result<(), StartError> {
    let ProveCommand::Matrix { platform, matrix } = command;
    let report = Matrix::run(&platform.target()?, Some(&read(&matrix)?), None).await?;
    print(&report.to_string())?;
    if report.is_clean() { Ok(()) } else { Err(StartError::Differences(report.differences.len())) }
}

fn read(path: &Path) -> Result<String, StartError> {
    std::fs::read_to_string(path).map_err(|source| StartError::File { path: path.to_owned(), source })
}
