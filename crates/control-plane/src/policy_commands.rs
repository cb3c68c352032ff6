//! `vybe policy`: the policy of an organization as a file.

use std::fmt;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use policy::{Difference, Policy, PolicyChange, PolicyFile};
use serde::Deserialize;
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::StartError;
use crate::output::{counted, print};
use crate::remote::{Remote, RemoteArguments};

/// As `--help` shows it; a test reads it.
const FORMAT: &str = r#"The file:
  organization = "acme"

  [members]                                    # owner, admin, editor or member
  "ann@example.com" = "admin"
  "ben@example.com" = "member"

  [groups]                                     # exactly these people are in the group
  "Finance" = ["ben@example.com"]

  [apps."reports"]                             # what follows is all there is to be of grants and rules
  level = "organization"                       # or restricted (who has a grant), user (its creator)

  [apps."reports".grants]                      # editor or viewer
  "ben@example.com" = { role = "viewer", until = 2027-01-31T12:00:00Z }

  [[apps."reports".path_rules]]
  pattern = "/admin"                           # this page and all below it
  methods = ["POST"]                           # all when left out
  subjects = ["role:owner", "group:Finance", "user:ann@example.com", "app_role:editor"]
  sign_in_within_minutes = 15                  # any sign-in when left out"#;

/// How many effects `plan` prints.
const PRINTED_EFFECTS: usize = 20;

#[derive(Subcommand)]
pub(crate) enum PolicyCommand {
    /// Prints the policy of an organization as TOML: members, groups, and who may use which app.
    #[command(after_long_help = FORMAT)]
    Export {
        #[command(flatten)]
        remote: RemoteArguments,
        /// The organization's slug.
        #[arg(long, value_name = "SLUG")]
        organization: String,
    },
    /// Says how a file and the policy differ, in both directions, and what applying the file would do to whom.
    /// Ends with 0 if they do not, with 2 if they do.
    #[command(after_long_help = FORMAT)]
    Plan(FileArguments),
    /// Makes the policy what a file says, all at once or not at all.
    #[command(after_long_help = FORMAT)]
    Apply {
        #[command(flatten)]
        file: FileArguments,
        /// The simulation that `plan` printed: nothing is changed if the policy has moved since.
        #[arg(long, value_name = "HASH")]
        simulation: Option<String>,
    },
}

#[derive(Args)]
pub(crate) struct FileArguments {
    /// The policy file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    remote: RemoteArguments,
    /// Also removes members that the file does not name.
    #[arg(long)]
    prune: bool,
}

/// A file and the policy, compared.
struct Comparison {
    remote: Remote,
    organization: String,
    differences: Vec<Difference>,
    changes: Vec<PolicyChange>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Simulated {
    simulation: String,
    totals: Totals,
    hidden: Totals,
    effects: Vec<Effect>,
}

/// What happens to a person at an app.
#[derive(Deserialize)]
struct Effect {
    app: String,
    email: String,
    gains: Requests,
    loses: Requests,
}

#[derive(Deserialize)]
struct Requests {
    total: u64,
    requests: Vec<Request>,
}

#[derive(Deserialize)]
struct Request {
    method: String,
    path: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Totals {
    apps: u64,
    gaining: u64,
    losing: u64,
    requests_gained: u64,
    requests_lost: u64,
}

/// Runs one.
///
/// # Errors
/// The file or the platform does not take it, or, for `plan`, there are differences.
pub(crate) async fn run(command: PolicyCommand) -> Result<(), StartError> {
    match command {
        PolicyCommand::Export { remote, organization } => {
            let remote = Remote::new(&remote)?;
            let id = remote.organization(&organization).await?;
            let policy: Policy = remote.get(&["organizations", &id, "policy"], &[]).await?;
            print(policy.to_file().trim_end())
        }
        PolicyCommand::Plan(file) => plan(compare(&file).await?).await,
        PolicyCommand::Apply { file, simulation } => {
            apply(compare(&file).await?, simulation.as_deref()).await
        }
    }
}

async fn compare(arguments: &FileArguments) -> Result<Comparison, StartError> {
    let file = read(&arguments.file)?;
    let remote = Remote::new(&arguments.remote)?;
    let organization = remote.organization(file.organization.as_str()).await?;
    let policy: Policy = remote.get(&["organizations", &organization, "policy"], &[]).await?;
    let differences = file
        .differences(&policy, arguments.prune, OffsetDateTime::now_utc())
        .map_err(|error| StartError::PolicyFile { path: arguments.file.clone(), error })?;
    let changes = differences.iter().flat_map(|difference| difference.changes.clone()).collect();
    Ok(Comparison { remote, organization, differences, changes })
}

fn read(path: &Path) -> Result<PolicyFile, StartError> {
    let text =
        std::fs::read_to_string(path).map_err(|source| StartError::File { path: path.to_owned(), source })?;
    text.parse().map_err(|error| StartError::PolicyFile { path: path.to_owned(), error })
}

async fn plan(comparison: Comparison) -> Result<(), StartError> {
    let Comparison { remote, organization, differences, changes } = comparison;
    if differences.is_empty() {
        return print("no differences");
    }
    for difference in &differences {
        print(&difference.to_string())?;
    }
    if !changes.is_empty() {
        let path = ["organizations", &organization, "simulations"];
        let simulated: Simulated = remote.post(&path, &json!({ "changes": changes })).await?;
        print(&format!("\n{} would be made", counted(changes.len(), "change")))?;
        print(&described("in apps that you can edit", &simulated.totals))?;
        if simulated.hidden.apps > 0 {
            print(&described("in apps that you cannot see into", &simulated.hidden))?;
        }
        for effect in simulated.effects.iter().take(PRINTED_EFFECTS) {
            print(&format!("  {effect}"))?;
        }
        if simulated.effects.len() > PRINTED_EFFECTS {
            print("  and others: POST /api/v1/organizations/{organization_id}/simulations names them")?;
        }
        print(&format!("simulation {}", simulated.simulation))?;
    }
    Err(StartError::Drift(differences.len()))
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.email, self.app)?;
        for (verb, these) in [("gains", &self.gains), ("loses", &self.loses)] {
            if let Some(Request { method, path }) = these.requests.first() {
                let others =
                    if these.total > 1 { format!(" and {} more", these.total - 1) } else { String::new() };
                write!(f, "; {verb} {method} {path}{others}")?;
            }
        }
        Ok(())
    }
}

fn described(place: &str, totals: &Totals) -> String {
    let Totals { apps, gaining, losing, requests_gained, requests_lost } = totals;
    format!(
        "{place}: {apps} affected; {gaining} gain ({requests_gained} requests), {losing} lose \
         ({requests_lost} requests), counted by person and app"
    )
}

async fn apply(comparison: Comparison, simulation: Option<&str>) -> Result<(), StartError> {
    let Comparison { remote, organization, differences, changes } = comparison;
    let path = ["organizations", &organization, "policy", "changes"];
    if changes.is_empty() && simulation.is_none() {
        return print("nothing to change");
    }
    let mut order = json!({ "changes": changes });
    if let Some(simulation) = simulation {
        order["simulation"] = Value::from(simulation);
    }
    let made: Value = remote.post(&path, &order).await?;
    for difference in differences.iter().filter(|difference| !difference.changes.is_empty()) {
        print(&difference.to_string())?;
    }
    let made = made["changed"].as_u64().and_then(|made| usize::try_from(made).ok()).unwrap_or(changes.len());
    print(&format!("{} made", counted(made, "change")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_that_help_shows_is_a_policy_file() {
        let (_, file) = FORMAT.split_once('\n').unwrap();
        let read: PolicyFile = file.parse().unwrap();
        assert_eq!(read.organization.as_str(), "acme");
    }
}
