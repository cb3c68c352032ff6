//! `vybe prove`: what a stranger can find out about a running platform.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use proof::{CallersFile, Matrix, ProofError, Sweep, Target};

use crate::StartError;
use crate::output::print;
use crate::read_only_command::{self, ReadOnlyArguments};

#[derive(Subcommand)]
pub(crate) enum ProveCommand {
    /// Asks every endpoint as every kind of caller and prints where the answers differ from what is declared. Ends
    /// every session and API token of the people it speaks as: with `vybe dev`, of all five.
    Matrix {
        #[command(flatten)]
        platform: PlatformArguments,
        /// The document that the declarations are compared with.
        #[arg(long, default_value = "docs/access-matrix.md", value_name = "FILE")]
        matrix: PathBuf,
    },
    /// Asks every endpoint that takes an identifier with those of another organization: each has to be answered
    /// like one that nobody has.
    Identifiers {
        #[command(flatten)]
        platform: PlatformArguments,
        /// How many times each pair of answers is timed.
        #[arg(long, default_value_t = 20, value_name = "NUMBER")]
        tries: usize,
        /// Fail if the medians of a pair differ by more than this; only on a machine that does nothing else.
        #[arg(long, value_name = "MILLISECONDS")]
        most: Option<u64>,
    },
    /// Attempts to write through a database connection, in transactions that are rolled back, says lock by lock what holds,
    /// and writes a signed report.
    ReadOnly(ReadOnlyArguments),
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
            until_first: false,
        })
    }
}

/// Runs one.
///
/// # Errors
/// Something differs, or could not be asked.
pub(crate) async fn run(command: ProveCommand) -> Result<(), StartError> {
    match command {
        ProveCommand::Matrix { platform, matrix } => {
            let document = std::fs::read_to_string(&matrix).map_err(|source| {
                StartError::Remote(format!(
                    "cannot read {}: {source}; --matrix says where docs/access-matrix.md of this version is",
                    matrix.display()
                ))
            })?;
            let report = Matrix::run(&platform.target()?, Some(&document), None).await.map_err(unanswered)?;
            print(&report.to_string())?;
            outcome(report.differences.len())
        }
        ProveCommand::Identifiers { platform, tries, most } => {
            let report = Sweep::run(&platform.target()?, tries, None).await.map_err(unanswered)?;
            print(&report.to_string())?;
            let most = most.map(std::time::Duration::from_millis);
            let is_slow = report.slowest.is_some_and(|(slowest, _)| most.is_some_and(|most| slowest > most));
            outcome(report.differences.len() + usize::from(is_slow))
        }
        ProveCommand::ReadOnly(arguments) => read_only_command::run(arguments).await,
    }
}

/// The hint that other commands give.
fn unanswered(error: ProofError) -> StartError {
    match error {
        ProofError::Unreachable { .. } => StartError::Remote(format!("{error}; check --url and --ca-file")),
        error => error.into(),
    }
}

fn outcome(differences: usize) -> Result<(), StartError> {
    if differences == 0 { Ok(()) } else { Err(StartError::Differences(differences)) }
}

fn read(path: &Path) -> Result<String, StartError> {
    std::fs::read_to_string(path).map_err(|source| StartError::File { path: path.to_owned(), source })
}
