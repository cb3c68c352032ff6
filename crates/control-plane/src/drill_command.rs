//! `vybe drill revoke` and `vybe drill report`: by a running platform, as a person who may; `vybe audit verify-revocation`: without any.

use std::path::{Path, PathBuf};
use std::time::Duration;

use catalogue::ServiceKey;
use clap::{Args, Subcommand};
use cryptography::PublicKey;
use ids::ServiceRevocationId;
use integrations::{ATTESTS_REVOCATION, RevocationReport, SignedRevocationReport};
use serde::Deserialize;

use crate::StartError;
use crate::output::{counted, print};
use crate::remote::{Begun, Remote, RemoteArguments};

/// How often a revocation is asked how far it is.
const PACE: Duration = Duration::from_secs(1);

#[derive(Subcommand)]
pub(crate) enum DrillCommand {
    /// Revokes every account of a service at the service, shared and personal, as after a breach, and writes a signed report.
    /// Apps use none of them from the first moment on, and people have to connect them again. If that is under way already, it
    /// goes on with it.
    #[command(
        after_help = "Ends with 0 if each account is revoked at the service or cannot be revoked by a program, which the report \
        lists, and with 1 if the service did not revoke some.\n\nExample:\n  vybe drill revoke --url https://vybe.example.com \
        --organization acme --service slack --report revoked-slack.json"
    )]
    Revoke(RevokeArguments),
    /// Writes the signed report of a revocation that began before, here or on the page of the service; if it is under way,
    /// when it has ended.
    #[command(
        after_help = "Ends with 0 and 1 as `vybe drill revoke` does.\n\nExample:\n  vybe drill report --url \
        https://vybe.example.com --organization acme --revocation rvk_0123456789abcdef0123456789abcdef --report revoked-slack.json"
    )]
    Report(ReportArguments),
}

#[derive(Args)]
pub(crate) struct RevokeArguments {
    #[command(flatten)]
    remote: RemoteArguments,
    /// The service, as the catalogue calls it.
    #[arg(long, value_name = "NAME")]
    service: ServiceKey,
    /// The slug of the organization, if the token's person belongs to several.
    #[arg(long, value_name = "SLUG")]
    organization: Option<String>,
    /// Where the signed report goes; `vybe audit verify-revocation` checks it.
    #[arg(long, value_name = "FILE", default_value = "revocation-report.json")]
    report: PathBuf,
}

#[derive(Args)]
pub(crate) struct ReportArguments {
    #[command(flatten)]
    remote: RemoteArguments,
    /// The revocation, as `vybe drill revoke` and its page name it.
    #[arg(long, value_name = "ID")]
    revocation: ServiceRevocationId,
    /// The slug of the organization, if the token's person belongs to several.
    #[arg(long, value_name = "SLUG")]
    organization: Option<String>,
    /// Where the signed report goes; `vybe audit verify-revocation` checks it.
    #[arg(long, value_name = "FILE", default_value = "revocation-report.json")]
    report: PathBuf,
}

#[derive(Args)]
pub(crate) struct VerifyRevocationArguments {
    /// The report, as it was written.
    #[arg(long, value_name = "FILE")]
    report: PathBuf,
    /// A public key of the platform (64 hexadecimal digits); once for each there was.
    #[arg(long, value_name = "KEY", required = true, value_parser = crate::audit_commands::public_key)]
    public_key: Vec<PublicKey>,
}

/// How far a revocation is.
#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
struct Progress {
    id: ServiceRevocationId,
    accounts: u64,
    pending: u64,
    revoked: u64,
    not_revocable: u64,
    failed: u64,
    waits: u64,
}

/// The same, with the report if it has ended.
#[derive(Deserialize)]
struct Reported {
    #[serde(flatten)]
    progress: Progress,
    signed: Option<SignedRevocationReport>,
}

/// Does what the command says.
///
/// # Errors
/// One line for the operator; also when an account was not revoked.
pub(crate) async fn run(command: DrillCommand) -> Result<(), StartError> {
    match command {
        DrillCommand::Revoke(arguments) => revoke(&arguments).await,
        DrillCommand::Report(arguments) => {
            let remote = Remote::new(&arguments.remote)?;
            let organization = organization(&remote, arguments.organization.as_deref()).await?;
            follow(&remote, &organization, arguments.revocation, &arguments.report).await
        }
    }
}

async fn revoke(arguments: &RevokeArguments) -> Result<(), StartError> {
    let remote = Remote::new(&arguments.remote)?;
    let organization = organization(&remote, arguments.organization.as_deref()).await?;
    let service = arguments.service.as_str();
    let path = ["organizations", organization.as_str(), "services", service, "revocations"];
    let revocation = match remote.begin::<Progress>(&path).await? {
        Begun::New(Progress { id, accounts, .. }) => {
            let accounts = counted_accounts(accounts);
            print(&format!("no app uses the {accounts} of {service} from now on; revocation {id}"))?;
            id
        }
        Begun::UnderWay(id) => {
            print(&format!("{service} is being revoked already; revocation {id}"))?;
            id
        }
    };
    follow(&remote, &organization, revocation, &arguments.report).await
}

async fn organization(remote: &Remote, slug: Option<&str>) -> Result<String, StartError> {
    match slug {
        Some(slug) => remote.organization(slug).await,
        None => remote.only_organization().await,
    }
}

/// Says how far a revocation is until it has ended, and keeps its report.
async fn follow(
    remote: &Remote,
    organization: &str,
    revocation: ServiceRevocationId,
    report: &Path,
) -> Result<(), StartError> {
    let revocation = revocation.to_string();
    let path = ["organizations", organization, "service-revocations", revocation.as_str()];
    let mut said = None;
    let signed = loop {
        let Reported { progress, signed } = remote.get_patiently(&path).await?;
        if said.as_ref() != Some(&progress) {
            print(&line(&progress))?;
            said = Some(progress);
        }
        if let Some(signed) = signed {
            break signed;
        }
        tokio::time::sleep(PACE).await;
    };
    let text =
        serde_json::to_string_pretty(&signed).map_err(|error| StartError::Remote(error.to_string()))?;
    std::fs::write(report, text + "\n")
        .map_err(|source| StartError::Write { path: report.to_owned(), source })?;
    show(&signed)?;
    print(&format!("signed report: {}", report.display()))?;
    match signed.attestation.found.failed {
        0 => Ok(()),
        failed => Err(StartError::NotRevoked(usize::try_from(failed).unwrap_or(usize::MAX))),
    }
}

/// Checks a report that was kept, and prints it.
pub(crate) fn verify(arguments: &VerifyRevocationArguments) -> Result<(), StartError> {
    let path = &arguments.report;
    let text = std::fs::read(path).map_err(|source| StartError::File { path: path.clone(), source })?;
    let refused = |reason| StartError::NoReceipt { path: path.clone(), reason };
    let signed = SignedRevocationReport::parse(&text)
        .ok_or_else(|| refused("not a report of a revocation of a service"))?;
    if !arguments.public_key.iter().any(|key| signed.is_signed_by(key, ATTESTS_REVOCATION)) {
        return Err(refused("it was changed, or another key signed it"));
    }
    show(&signed)?;
    let attestation = &signed.attestation;
    print(&format!("signed at {}; audit record {}", attestation.at, attestation.record))
}

fn line(progress: &Progress) -> String {
    let Progress { accounts, pending, revoked, not_revocable, failed, waits, .. } = progress;
    format!(
        "{} of {accounts} done: {revoked} revoked, {not_revocable} not revocable, {failed} failed; the service asked to \
         wait {waits} times",
        accounts - pending
    )
}

/// In all, and each account of which somebody has to do something.
fn show(signed: &SignedRevocationReport) -> Result<(), StartError> {
    let report: &RevocationReport = &signed.attestation.found;
    print(&format!(
        "{}: {} in {:.1} s, at most {} a minute; {} waits",
        report.service,
        counted_accounts(report.accounts),
        report.took().max(0) as f64 / 1000.0,
        report.most_per_minute,
        report.waits,
    ))?;
    for (number, what) in [
        (report.revoked, "revoked at the service"),
        (report.not_revocable, "not revocable by a program"),
        (report.failed, "not revoked"),
        (report.gone, "disconnected meanwhile"),
    ] {
        print(&format!("{number:>8} {what}"))?;
    }
    for account in &report.each {
        let Some(outcome) = account.outcome().filter(|outcome| outcome.reason().is_some()) else { continue };
        let whose = match (&account.user, &account.name) {
            (Some(user), _) => format!("personal, of {user}"),
            (None, name) => format!("shared, {:?}", name.as_deref().unwrap_or_default()),
        };
        print(&format!("{} {} ({whose}): {}", outcome.as_str(), account.account, outcome.sentence()))?;
    }
    Ok(())
}

fn counted_accounts(number: u64) -> String {
    counted(usize::try_from(number).unwrap_or(usize::MAX), "account")
}
