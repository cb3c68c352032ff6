//! `vybe keys rotate server-secrets`: by a running platform, as a person who may.

use std::time::Duration;

use clap::Args;
use ids::OrganizationId;
use serde::Deserialize;
use serde_json::json;

use crate::StartError;
use crate::config::Period;
use crate::output::print;
use crate::remote::{Remote, RemoteArguments};

/// How often the platform is asked how far it is.
const PACE: Duration = Duration::from_secs(1);

#[derive(Args)]
pub(crate) struct ServerSecretArguments {
    /// Which organization.
    #[arg(long, value_name = "ID")]
    organization: OrganizationId,
    /// For how long older secrets still count, such as 1h or 7d; 30 days at most. With 0 they end at once: apps are
    /// answered 401 until they are deployed again.
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = grace_seconds)]
    grace: u32,
    #[command(flatten)]
    remote: RemoteArguments,
    /// Says every second how far it is and how long it will take.
    #[arg(long)]
    progress: bool,
}

#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
enum State {
    Running,
    Grace,
    Finished,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rotation {
    id: String,
    state: State,
    total: u64,
    done: u64,
    ends_at: String,
    eta_seconds: Option<i64>,
}

/// Begins, and stays until every app has a new secret.
pub(crate) async fn run(arguments: ServerSecretArguments) -> Result<(), StartError> {
    let remote = Remote::new(&arguments.remote)?;
    let organization = arguments.organization.to_string();
    let path = ["organizations", organization.as_str(), "server-secret-rotations"];
    let begun: Rotation = remote.post(&path, &json!({ "graceSeconds": arguments.grace })).await?;
    let id = begun.id.clone();
    let mut rotation = begun;
    while rotation.state == State::Running {
        if arguments.progress {
            let left = rotation
                .eta_seconds
                .map_or_else(|| "no estimate yet".to_owned(), |left| format!("about {left} s left"));
            print(&format!("{organization}: {} of {}, {left}", rotation.done, rotation.total))?;
        }
        tokio::time::sleep(PACE).await;
        rotation = match remote.get::<Option<Rotation>>(&path, &[]).await? {
            Some(now) if now.id == id => now,
            _ => return Err(StartError::KeyRotation(format!("another rotation took the place of {id}"))),
        };
    }
    let Rotation { done, total, ends_at, .. } = rotation;
    print(&format!(
        "{organization}: {done} of {total} environments of apps have a new server secret; older ones end at {ends_at}, \
         and an app gets its new one when it is deployed again"
    ))
}

fn grace_seconds(text: &str) -> Result<u32, String> {
    if text == "0" {
        return Ok(0);
    }
    let period: Period =
        text.parse().map_err(|_| "write 0, or a number and a unit, such as 1h or 7d".to_owned())?;
    u32::try_from(period.duration().as_secs()).map_err(|_| "30 days at most".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grace_is_nothing_or_a_span_of_time() {
        assert_eq!(grace_seconds("0"), Ok(0));
        assert_eq!(grace_seconds("2h"), Ok(7200));
        assert!(grace_seconds("").is_err() && grace_seconds("7").is_err() && grace_seconds("-1h").is_err());
        assert!(grace_seconds("99999999999d").is_err());
    }
}
