//! `vybe prove read-only`: by a running platform, as a person who may; `vybe audit verify-read-only`: without any.

use std::path::PathBuf;

use clap::Args;
use cryptography::PublicKey;
use data_gateway::{ATTESTS_READ_ONLY, ReadOnlyReport, SignedReadOnlyReport};
use databases::Lock;
use ids::ConnectionId;
use serde::Deserialize;
use serde_json::json;

use crate::StartError;
use crate::output::print;
use crate::remote::{Remote, RemoteArguments};

#[derive(Args)]
#[command(
    after_help = "Ends with 1 if a lock was not seen to hold.\n\nExample:\n  vybe prove read-only --url \
    https://vybe.example.com --connection orders --report read-only-orders.json"
)]
pub(crate) struct ReadOnlyArguments {
    #[command(flatten)]
    remote: RemoteArguments,
    /// The connection: its name, or its identifier.
    #[arg(long, value_name = "NAME")]
    connection: String,
    /// The slug of its organization, where several have a connection of this name.
    #[arg(long, value_name = "SLUG")]
    organization: Option<String>,
    /// Where the signed report goes; `vybe audit verify-read-only` checks it.
    #[arg(long, value_name = "FILE", default_value = "read-only-report.json")]
    report: PathBuf,
    /// A role that has rights to write is only reported: the locks of the gateway are enough.
    #[arg(long)]
    any_role: bool,
}

#[derive(Args)]
pub(crate) struct VerifyReadOnlyArguments {
    /// The report, as it was written.
    #[arg(long, value_name = "FILE")]
    report: PathBuf,
    /// A public key of the platform (64 hexadecimal digits); once for each there was.
    #[arg(long, value_name = "KEY", required = true, value_parser = crate::audit_commands::public_key)]
    public_key: Vec<PublicKey>,
}

/// A connection, as lists name it.
#[derive(Deserialize)]
struct Named {
    id: String,
    name: String,
}

/// A piece of a list of connections.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Connections {
    connections: Vec<Named>,
    next_cursor: Option<String>,
}

/// An organization of the token's person.
#[derive(Deserialize)]
struct Organization {
    id: String,
    slug: String,
}

#[derive(Deserialize)]
struct Answer {
    signed: Option<SignedReadOnlyReport>,
    step: Option<String>,
    message: Option<String>,
}

/// Has the platform examine the connection, and prints and keeps what it found.
pub(crate) async fn run(arguments: ReadOnlyArguments) -> Result<(), StartError> {
    let remote = Remote::new(&arguments.remote)?;
    let (organization, connection) = find(&remote, &arguments).await?;
    let path = [
        "organizations",
        organization.as_str(),
        "database-connections",
        connection.as_str(),
        "read-only-examination",
    ];
    let answer: Answer = remote.post(&path, &json!({})).await?;
    let Some(signed) = answer.signed else {
        return Err(StartError::Remote(format!(
            "there is no session with the database: {} ({})",
            answer.message.unwrap_or_default(),
            answer.step.unwrap_or_default()
        )));
    };
    let text =
        serde_json::to_string_pretty(&signed).map_err(|error| StartError::Remote(error.to_string()))?;
    let path = &arguments.report;
    std::fs::write(path, text + "\n").map_err(|source| StartError::File { path: path.clone(), source })?;
    let report = &signed.attestation.found;
    show(&signed)?;
    print(&format!("signed report: {}", path.display()))?;
    let missing: Vec<&str> = report
        .missing()
        .filter(|state| !(arguments.any_role && state.lock == Lock::Role))
        .map(|state| state.lock.as_str())
        .collect();
    if missing.is_empty() { Ok(()) } else { Err(StartError::Locks(missing.join(", "))) }
}

/// The identifiers of the organization and the connection.
async fn find(remote: &Remote, arguments: &ReadOnlyArguments) -> Result<(String, String), StartError> {
    let own: Vec<Organization> = remote.get(&["organizations"], &[]).await?;
    let wanted = arguments.connection.as_str();
    let by_id = wanted.parse::<ConnectionId>().is_ok();
    let mut found = Vec::new();
    for place in own {
        if arguments.organization.as_ref().is_some_and(|slug| *slug != place.slug) {
            continue;
        }
        let path = ["organizations", place.id.as_str(), "database-connections"];
        let mut cursor: Option<String> = None;
        loop {
            let mut query = vec![("limit", "200")];
            query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
            let piece: Connections = match remote.get(&path, &query).await {
                Ok(piece) => piece,
                // Of another organization than the one that was meant, the person may see none.
                Err(_) if arguments.organization.is_none() => break,
                Err(error) => return Err(error),
            };
            let matches = |known: &Named| {
                if by_id { known.id == wanted } else { known.name.eq_ignore_ascii_case(wanted) }
            };
            found.extend(
                piece.connections.into_iter().filter(matches).map(|known| (place.id.clone(), known.id)),
            );
            cursor = piece.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
    }
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(StartError::Remote(format!(
            "there is no database connection called {wanted} that the token's person may see"
        ))),
        several => Err(StartError::Remote(format!(
            "several connections are called {wanted}; name one with --organization, or by its identifier: {}",
            several.iter().map(|(_, id)| id.as_str()).collect::<Vec<_>>().join(", ")
        ))),
    }
}

/// Checks a report that was kept, and prints it.
pub(crate) fn verify(arguments: &VerifyReadOnlyArguments) -> Result<(), StartError> {
    let path = &arguments.report;
    let text = std::fs::read(path).map_err(|source| StartError::File { path: path.clone(), source })?;
    let refused = |reason| StartError::NoReceipt { path: path.clone(), reason };
    let signed = SignedReadOnlyReport::parse(&text)
        .ok_or_else(|| refused("not a report of a read-only examination"))?;
    if !arguments.public_key.iter().any(|key| signed.is_signed_by(key, ATTESTS_READ_ONLY)) {
        return Err(refused("it was changed, or another key signed it"));
    }
    show(&signed)?;
    let attestation = &signed.attestation;
    print(&format!("signed at {}; audit record {}", attestation.at, attestation.record))
}

/// Lock by lock, what the role could do, and what went through; what the guard judged is counted apart from what was sent.
fn show(signed: &SignedReadOnlyReport) -> Result<(), StartError> {
    let ReadOnlyReport { connection, name, version, read_only, examination, .. } = &signed.attestation.found;
    let kind = if *read_only { "read-only" } else { "not read-only" };
    print(&format!("{name} ({connection}, version {version}), {kind}: {}", examination.server))?;
    for state in &examination.locks {
        let word = if state.holds { "holds" } else { "MISSING" };
        print(&format!("{:14} {word:8} {}", state.lock.as_str(), state.evidence))?;
    }
    for privilege in &examination.privileges {
        print(&format!("the role {privilege}"))?;
    }
    for attempt in examination.attempts.iter().filter(|attempt| attempt.stopped_by.is_none()) {
        let what = if attempt.sent { "not stopped" } else { "not refused by the guard" };
        print(&format!("{what}: {}", attempt.statement))?;
    }
    print(&format!(
        "{} statements judged by the guard and sent nowhere, {} refused",
        examination.judged().count(),
        examination.judged().filter(|attempt| attempt.stopped_by.is_some()).count()
    ))?;
    print(&format!(
        "{} attempts sent to the server, {} stopped",
        examination.sent().count(),
        examination.sent().filter(|attempt| attempt.stopped_by.is_some()).count()
    ))
}
