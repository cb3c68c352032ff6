//! Whether the process lives and is ready, and what it counted: the admin listener's endpoints.

use std::time::Duration;

use access_control::{Permit, ReadHealth};
use directory::Directory;
use endpoint::http::StatusCode;
use endpoint::{Answer, Call, Endpoint, Notice, Problem, Surface};
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
    let database = matches!(tokio::time::timeout(PATIENCE, health.database.ping()).await, Ok(Ok(())));
    let directory = health.directory.is_current();
    let state = |good: bool| if good { "ok" } else { "unavailable" };
    let (status, word) = if health.notice.is_given() {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping")
    } else if database && directory {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready")
    };
    let answer = json!({ "status": word, "database": state(database), "facts": state(directory) });
    Ok(Answer::json_with(status, &answer))
}

async fn metrics(health: Health, _: Permit<ReadHealth>, _: Call) -> Result<Answer, Problem> {
    let text = health.metrics.render().map_err(|error| {
        tracing::error!(%error, "the metrics could not be written");
        Problem::internal()
    })?;
    Ok(Answer::bytes(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text.into_bytes()))
}
