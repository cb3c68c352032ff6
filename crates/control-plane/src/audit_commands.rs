//! `vybe audit`: the audit trail for operators, and for auditors who have nothing but an export.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use audit::{Chain, Export, Journal, Location, Report, SignedReceipt};
use clap::{ArgGroup, Args, Subcommand};
use cryptography::PublicKey;
use ids::OrganizationId;

use crate::config_path::ConfigPath;
use crate::drill_command::{self, VerifyRevocationArguments};
use crate::output::print;
use crate::read_only_command::{self, VerifyReadOnlyArguments};
use crate::{StartError, head_signing, master_keys};

#[derive(Subcommand)]
pub(crate) enum AuditCommand {
    /// Says whether an export is what the platform wrote. Needs no server, no database and no network.
    #[command(
        after_help = "Ends with 0 if it is, with 1 if not: every line that is wrong is named. Only with --heads does it show that a \
        trail was rolled back.\n\nExample:\n  vybe audit verify --export acme.jsonl --public-key \"$(cat audit-key)\" --heads audit-heads.jsonl"
    )]
    Verify(VerifyArguments),
    /// Says whether the platform signed a receipt for a deleted organization. Needs no server and no database.
    #[command(
        after_help = "Ends with 0 if it did, with 1 if not.\n\nExample:\n  vybe audit verify-receipt --receipt \
        acme-deleted.json --public-key \"$(cat audit-key)\""
    )]
    VerifyReceipt(VerifyReceiptArguments),
    /// Checks that a report of `vybe prove read-only` was signed by the platform and not changed since. Needs no server.
    #[command(
        after_help = "Ends with 0 if it did, with 1 if not.\n\nExample:\n  vybe audit verify-read-only --report \
        read-only-orders.json --public-key \"$(cat audit-key)\""
    )]
    VerifyReadOnly(VerifyReadOnlyArguments),
    /// Checks that a report of `vybe drill revoke` was signed by the platform and not changed since. Needs no server.
    #[command(
        after_help = "Ends with 0 if it was, with 1 if not.\n\nExample:\n  vybe audit verify-revocation --report \
        revoked-slack.json --public-key \"$(cat audit-key)\""
    )]
    VerifyRevocation(VerifyRevocationArguments),
    /// Prints the public key that signed heads are checked with. Keep it where the platform cannot change it.
    PublicKey(ConfigPath),
    /// Writes one chain of the audit trail to a file, straight from the database.
    Export(ExportArguments),
}

#[derive(Args)]
pub(crate) struct VerifyArguments {
    /// The export.
    #[arg(long, value_name = "FILE")]
    export: PathBuf,
    /// A public key of the platform (64 hexadecimal digits); once for each there was.
    #[arg(long, value_name = "KEY", required = true, value_parser = public_key)]
    public_key: Vec<PublicKey>,
    /// Heads that were kept outside of the database: the platform's heads file, or last lines of earlier exports.
    #[arg(long, value_name = "FILE")]
    heads: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct VerifyReceiptArguments {
    /// The answer to the deletion, as it was kept.
    #[arg(long, value_name = "FILE")]
    receipt: PathBuf,
    /// A public key of the platform (64 hexadecimal digits); once for each there was.
    #[arg(long, value_name = "KEY", required = true, value_parser = public_key)]
    public_key: Vec<PublicKey>,
}

#[derive(Args)]
#[command(group = ArgGroup::new("chain").required(true).args(["organization", "platform"]))]
pub(crate) struct ExportArguments {
    #[command(flatten)]
    config: ConfigPath,
    /// The organization whose chain it is.
    #[arg(long, value_name = "ID")]
    organization: Option<OrganizationId>,
    /// The chain of what belongs to no organization.
    #[arg(long)]
    platform: bool,
    /// The number of the first record.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    from: i64,
    /// The file to write, which must not exist.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl AuditCommand {
    /// Does what the command says.
    ///
    /// # Errors
    /// One line for the operator; also when something was found.
    pub(crate) fn run(
        self,
        runtime: impl FnOnce() -> Result<tokio::runtime::Runtime, StartError>,
    ) -> Result<(), StartError> {
        match self {
            Self::Verify(arguments) => verify(&arguments),
            Self::VerifyReceipt(arguments) => verify_receipt(&arguments),
            Self::VerifyReadOnly(arguments) => read_only_command::verify(&arguments),
            Self::VerifyRevocation(arguments) => drill_command::verify(&arguments),
            Self::PublicKey(path) => {
                let root_key = runtime()?.block_on(async {
                    let config = path.load()?;
                    let journal = Journal::new(master_keys::known_database(&config).await?);
                    master_keys::root_key(&config, &journal).await
                })?;
                print(&audit::public_key_text(&head_signing::key(&root_key)?.public_key()))
            }
            Self::Export(arguments) => runtime()?.block_on(export(arguments)),
        }
    }
}

fn verify(arguments: &VerifyArguments) -> Result<(), StartError> {
    let mut heads = arguments.heads.as_deref().map(open).transpose()?;
    let heads = heads.as_mut().map(|file| file as &mut dyn BufRead);
    let report = audit::verify(open(&arguments.export)?, &arguments.public_key, heads)
        .map_err(|source| StartError::File { path: arguments.export.clone(), source })?;
    if let Some(reason) = no_export(&report) {
        return Err(StartError::NoExport { path: arguments.export.clone(), reason });
    }
    for finding in &report.findings {
        print(&finding.to_string())?;
    }
    if report.further > 0 {
        print(&format!("and {} more", report.further))?;
    }
    if !report.is_clean() {
        return Err(StartError::Findings(
            report.findings.len() + usize::try_from(report.further).unwrap_or(usize::MAX),
        ));
    }
    print(&summary(&report))?;
    if arguments.heads.is_some() {
        return Ok(());
    }
    print("note: without --heads, an export that was rolled back to an earlier signed head would not show")
}

fn verify_receipt(arguments: &VerifyReceiptArguments) -> Result<(), StartError> {
    let path = &arguments.receipt;
    let text = fs::read(path).map_err(|source| StartError::File { path: path.clone(), source })?;
    let refused = |reason| StartError::NoReceipt { path: path.clone(), reason };
    let receipt =
        SignedReceipt::parse(&text).ok_or_else(|| refused("not a receipt for a deleted organization"))?;
    if !arguments.public_key.iter().any(|key| receipt.is_signed_by(key)) {
        return Err(refused("it was changed, or another key signed it"));
    }
    let said = receipt.receipt;
    let keys = said.data_keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    print(&format!(
        "signed: the organization {} ({}) was deleted at {}; apps: {}, members: {}, sealed values: {}; destroyed data \
         keys: {}; audit record {}",
        said.organization,
        said.slug,
        said.deleted_at,
        said.apps,
        said.members,
        said.values,
        if keys.is_empty() { "none, it had none" } else { keys.as_str() },
        said.record,
    ))?;
    print(&format!("not covered: {}", said.not_covered))
}

/// Why the file is no export at all, if nothing in it could be read as a part of one.
fn no_export(report: &Report) -> Option<&'static str> {
    if report.from.is_some() || report.records > 0 || report.heads > 0 {
        return None;
    }
    let is_empty = report.findings.iter().all(|finding| finding.location == Location::Export(0));
    Some(if is_empty { "the file is empty" } else { "not an audit export: the first line is no header" })
}

fn summary(report: &Report) -> String {
    let chain = report.chain.map(|chain| chain.to_string()).unwrap_or_default();
    let exported_at = report.exported_at.as_deref().unwrap_or_default();
    let from = report.from.unwrap_or_default();
    format!(
        "clean: {} records ({from} to {}) of the chain {chain}, exported at {exported_at}; {} signed heads in it, {} \
         compared from elsewhere",
        report.records, report.last, report.heads, report.compared
    )
}

async fn export(arguments: ExportArguments) -> Result<(), StartError> {
    let config = arguments.config.load()?;
    let chain = arguments.organization.map_or(Chain::Platform, Chain::Organization);
    let journal = Journal::new(master_keys::known_database(&config).await?);
    let root_key = master_keys::root_key(&config, &journal).await?;
    let heads_file = config.audit.heads_file.clone();
    let heads = head_signing::open(journal, &root_key, heads_file).await?;
    let out = |source| StartError::Write { path: arguments.out.clone(), source };
    let mut export = Export::begin(Arc::new(heads), chain, arguments.from)
        .await
        .map_err(|error| StartError::audit(&error))?;
    if let Some(id) = arguments.organization.filter(|_| export.last() == 0) {
        return Err(StartError::Audit(format!("there was never an organization {id} in this database")));
    }
    let mut file =
        fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&arguments.out).map_err(out)?;
    while let Some(lines) = export.next_page().await.map_err(|error| StartError::audit(&error))? {
        file.write_all(lines.as_bytes()).map_err(out)?;
    }
    file.sync_all().map_err(out)?;
    print(&format!("written: {}", arguments.out.display()))
}

fn open(path: &Path) -> Result<BufReader<File>, StartError> {
    let opened = File::open(path).map_err(|source| StartError::File { path: path.to_owned(), source });
    Ok(BufReader::with_capacity(1 << 20, opened?))
}

pub(crate) fn public_key(text: &str) -> Result<PublicKey, &'static str> {
    audit::parse_public_key(text).ok_or("a public key is 64 lower-case hexadecimal digits")
}
