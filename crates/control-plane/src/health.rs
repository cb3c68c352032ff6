//! Whether the process lives and is ready, and what it counted: the admin listener's endpoints.

use std::time::Duration;

use access_control::{Permit, ReadHealth};
use directory::Directory;
use endpoint::http::StatusCode;
use endpoint::{Answer, Call, Endpoint, Notice, Problem, Surface};
use migrations::Standing;
use sea_orm::DatabaseConnection;
use serde_json::{Value, json};

use crate::metrics::Metrics;

/// How long the store may take to answer before the platform counts as not ready.
const PATIENCE: Duration = Duration::from_secs(2);

/// What readiness depends on.
#[derive(Clone)]
pub(crate) struct Health {
    pub(crate) database: DatabaseConnection,
    pub(crate) directory: Directory,
    pub(crate) metrics: Metrics,
    pub(crate) notice: Notice,
}

pub(crate) fn endpoints(health: &Health) -> Vec<Endpoint> {
    let get = |path, name| Endpoint::get(path, name).on(Surface::Admin).requires::<ReadHealth>();
    vec![
        get("/healthz", "check_liveness").gives::<Value>(StatusCode::OK).answers((), live),
        get("/readyz", "check_readiness")
            .gives::<Value>(StatusCode::OK)
            .gives::<Value>(StatusCode::SERVICE_UNAVAILABLE)
            .answers(health.clone(), ready),
        get("/metrics", "read_metrics").gives_media("text/plain").answers(health.clone(), metrics),
    ]
}

async fn live((): (), _: Permit<ReadHealth>, _: Call) -> Result<Answer, Problem> {
    Ok(Answer::json(&json!({ "status": "live" })))
}

async fn ready(health: Health, _: Permit<ReadHealth>, _: Call) -> Result<Answer, Problem> {
    let store = store(&health.database).await;
    let schema = match store {
        Ok(()) => schema(&health.database).await,
        Err(_) => Err("unknown, as the store does not answer".to_owned()),
    };
    let facts = health.directory.is_current().then_some(()).ok_or_else(|| {
        "changes of other processes are not heard, or facts could not be read: what depends on them is refused".to_owned()
    });
    let checks = [("store", store), ("schema", schema), ("facts", facts)];
    let is_ready = checks.iter().all(|(_, outcome)| outcome.is_ok());
    let said: serde_json::Map<String, Value> = checks
        .iter()
        .map(|(name, outcome)| {
            let said = match outcome {
                Ok(()) => json!({ "status": "ok" }),
                Err(why) => json!({ "status": "failed", "why": why }),
            };
            ((*name).to_owned(), said)
        })
        .collect();
    let (status, word) = if health.notice.is_given() {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping")
    } else if is_ready {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready")
    };
    Ok(Answer::json_with(status, &json!({ "status": word, "checks": said })))
}

async fn store(database: &DatabaseConnection) -> Result<(), String> {
    match tokio::time::timeout(PATIENCE, database.ping()).await {
        Ok(Ok(())) => Ok(()),
        // What a driver says may hold the address; it is in the log of whoever asked the store.
        Ok(Err(_)) => Err("the store refuses, or cannot be reached".to_owned()),
        Err(_) => Err(format!("the store did not answer within {} s", PATIENCE.as_secs())),
    }
}

/// Another release may have changed the schema while this one serves.
async fn schema(database: &DatabaseConnection) -> Result<(), String> {
    match tokio::time::timeout(PATIENCE, migrations::standing(database)).await {
        Ok(Ok(Standing::Current | Standing::Newer(_))) => Ok(()),
        Ok(Ok(Standing::Behind(missing))) => {
            Err(format!("migrations are not applied: {}", missing.join(", ")))
        }
        Ok(Ok(Standing::TooNew { .. })) => {
            Err("it is of a newer release, on which this one may not run".to_owned())
        }
        Ok(Ok(Standing::Apart { .. })) => Err("it is of another line of releases".to_owned()),
        Ok(Err(_)) | Err(_) => Err("it cannot be read".to_owned()),
    }
}

async fn metrics(health: Health, _: Permit<ReadHealth>, _: Call) -> Result<Answer, Problem> {
    let text = health.metrics.render().map_err(|error| {
        tracing::error!(%error, "the metrics could not be written");
        Problem::internal()
    })?;
    Ok(Answer::bytes(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text.into_bytes()))
}
