//! Trying a connection, step by step.

use std::sync::Arc;

use access_control::{ManageConnections, Permit};
use data_gateway::{Destination, TlsMode, Trial, failed_at};
use databases::{ConnectError, Step};
use endpoint::{Answer, Call, Problem, sentence};
use maud::{Markup, html};

use super::{Known, one};
use crate::Console;
use crate::layout::page;

/// Opens a session, closes it again, and says how far that came.
pub(crate) async fn test(
    console: Arc<Console>,
    permit: Permit<ManageConnections>,
    call: Call,
) -> Result<Answer, Problem> {
    let known = Known::read(&console, permit.actor(), permit.organization(), &call).await?;
    let trial = console.connections.test(&permit, known.connection.id).await?;
    // What was seen there may have blocked it.
    let known = Known::read(&console, permit.actor(), permit.organization(), &call).await?;
    let content = html! {
        (report(&known.connection.definition.destination, &trial))
        (one::content(&console, &known, &call).await?)
    };
    Ok(page(known.name(), &content))
}

/// Where a step is taken: at an SSH server, or at the database.
type Stage = (Option<usize>, Step);

/// The steps of this way, in their order.
fn stages(destination: &Destination) -> Vec<Stage> {
    let mut stages = Vec::new();
    for hop in 0..destination.hops.len() {
        let steps = [Step::Dns, Step::Tcp, Step::Ssh, Step::HostKey, Step::SshLogin];
        stages.extend(steps.map(|step| (Some(hop), step)));
    }
    stages.extend([Step::Dns, Step::Tcp].map(|step| (None, step)));
    if !matches!(destination.tls, TlsMode::Off { .. }) {
        stages.push((None, Step::Tls));
    }
    stages.extend([Step::Login, Step::Database].map(|step| (None, step)));
    stages
}

/// The stage that failed. What an SSH server does not reach behind it is the next one's.
fn failed_stage(destination: &Destination, error: &ConnectError) -> Stage {
    let (step, hop) = failed_at(error);
    let behind = matches!(error.code(), "ssh_forward" | "database_unreachable");
    let hop = match hop {
        Some(hop) if behind => Some(hop + 1).filter(|next| *next < destination.hops.len()),
        hop => hop,
    };
    (hop, step)
}

fn report(destination: &Destination, trial: &Trial) -> Markup {
    let stages = stages(destination);
    let failed = trial.as_ref().err().map(|error| failed_stage(destination, error));
    let until = failed.and_then(|failed| stages.iter().position(|stage| *stage == failed));
    html! {
        @match trial {
            Ok(()) => p role="status" id="trial" { "The connection works: a session was opened and closed again." },
            Err(error) => p.bad role="alert" id="trial" data-code=(error.code()) { (sentence(error)) },
        }
        @if until.is_some() || trial.is_ok() {
            table id="steps" {
                tr { th { "Step" } th { "" } }
                @for (number, (hop, step)) in stages.iter().enumerate() {
                    tr {
                        td {
                            @match hop {
                                Some(hop) => { "SSH server " (hop + 1) ": " }
                                None => { "Database: " }
                            }
                            (words(*step))
                        }
                        td {
                            @if until.is_none_or(|until| number < until) { "passed" }
                            @else if until == Some(number) { strong.bad { "failed" } }
                            @else { span.quiet { "not tried" } }
                        }
                    }
                }
            }
        }
    }
}

const fn words(step: Step) -> &'static str {
    match step {
        Step::Dns => "its name stands for an address that may be connected to",
        Step::Tcp => "it answers",
        Step::Ssh => "it speaks SSH",
        Step::HostKey => "its host key is the confirmed one",
        Step::SshLogin => "it accepts user and key",
        Step::Tls => "TLS, and the certificate holds",
        Step::Login => "it accepts user and password",
        Step::Database => "the database opens",
    }
}
