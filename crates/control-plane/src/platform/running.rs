//! A platform that serves, and what goes on beside it: until it is told to stop, and a little longer.

use std::sync::Arc;

use endpoint::Server;
use replicas::Lease;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::integrations::IntegrationTasks;
use super::{Listeners, Platform};
use crate::StartError;

/// How long the last refusals may take to be written when the platform stops.
const LAST_REFUSALS: std::time::Duration = std::time::Duration::from_secs(2);

/// How long refreshes that are under way may take when the platform stops.
const LAST_REFRESHES: std::time::Duration = std::time::Duration::from_secs(10);

/// How long the last traces may take to be passed on when the platform stops.
const LAST_TRACES: std::time::Duration = std::time::Duration::from_secs(2);

impl Platform {
    /// Serves until `shutdown` completes, then lets requests under way end.
    ///
    /// # Errors
    /// The server cannot start.
    pub async fn run(
        self,
        listeners: Listeners,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), StartError> {
        let server = |error: endpoint::ServerError| StartError::Server(error.to_string());
        let (https, certificates) = listeners.https;
        let mut serving = Server::new(self.endpoints, self.gate, self.gateway)
            .map_err(server)?
            .limits(self.limits)
            .counting(self.load)
            .notice(self.notice)
            .observed_by(self.observing)
            .listen(https, certificates);
        if let Some(admin) = listeners.admin {
            serving = serving.admin(admin);
        }
        if let Some(redirect) = listeners.redirect {
            serving = serving.redirect(redirect);
        }
        let (stop_writing, stopped) = oneshot::channel::<()>();
        let refusals = tokio::spawn(self.refusals.run(self.journal.clone(), async { drop(stopped.await) }));
        let (stop_recording, stopped) = oneshot::channel::<()>();
        let decisions = tokio::spawn(self.decisions.run(async { drop(stopped.await) }));
        let (stop_query_records, stopped) = oneshot::channel::<()>();
        let query_records = tokio::spawn(self.query_record_writer.run(async { drop(stopped.await) }));
        let IntegrationTasks { refresher, revocations, service_call_writer } = self.integration_tasks;
        let (stop_service_calls, stopped) = oneshot::channel::<()>();
        let service_calls = tokio::spawn(service_call_writer.run(async { drop(stopped.await) }));
        let (stop_refreshing, stopped) = oneshot::channel::<()>();
        let refreshing = tokio::spawn(refresher.run(async { drop(stopped.await) }));
        let (stop_signing, stopped) = oneshot::channel::<()>();
        let head_signing = tokio::spawn(self.head_signing.run(async { drop(stopped.await) }));
        let (stop_tracing, stopped) = oneshot::channel::<()>();
        let traces =
            self.trace_exporter.map(|exporter| tokio::spawn(exporter.run(async { drop(stopped.await) })));
        let mut background = JoinSet::new();
        let mut leases = Vec::new();
        for forwarder in self.forwarders.into_iter().map(Arc::new) {
            let lease = Lease::new(
                self.journal.clone(),
                format!("forward the audit trail to {}", forwarder.receiver()),
            );
            leases.push(lease.clone());
            background.spawn(lease.whenever_held(move || {
                let forwarder = Arc::clone(&forwarder);
                async move { forwarder.run().await }
            }));
        }
        let lease = Lease::new(self.journal.clone(), "housekeeping");
        leases.push(lease.clone());
        let housekeeping = Arc::new(self.housekeeping);
        background.spawn(Arc::clone(&housekeeping).run());
        background.spawn(lease.whenever_held(move || Arc::clone(&housekeeping).run_for_all()));
        background.spawn(crate::shared_clock::keep(self.journal.database().clone()));
        background.spawn(self.key_rotations.run());
        background.spawn(self.server_secret_rotations.run());
        background.spawn(revocations.run());
        let served = serving.run(shutdown).await.map_err(server);
        // What is not passed on yet is, after the next start.
        background.shutdown().await;
        for lease in leases {
            lease.give_back().await;
        }
        // Nobody is served any more, so nothing comes after what is left.
        drop((stop_writing, stop_recording, stop_query_records, stop_service_calls, stop_refreshing));
        if tokio::time::timeout(LAST_REFUSALS, refusals).await.is_err() {
            tracing::error!("the last refused requests are missing from the audit trail");
        }
        // One that has sent a refresh token waits for the answer: it is the only one there will be.
        if tokio::time::timeout(LAST_REFRESHES, refreshing).await.is_err() {
            tracing::error!("a refresh was under way; the next start does what the service permits");
        }
        // They are records, too: the heads come last.
        drop(stop_signing);
        if head_signing.await.is_err() {
            tracing::error!("the audit trail's last records are not signed");
        }
        if tokio::time::timeout(LAST_REFUSALS, decisions).await.is_err() {
            tracing::error!("the last decisions were not kept");
        }
        if tokio::time::timeout(LAST_REFUSALS, query_records).await.is_err() {
            tracing::error!("the last queries are not recorded");
        }
        if tokio::time::timeout(LAST_REFUSALS, service_calls).await.is_err() {
            tracing::error!("the last calls of services are not recorded");
        }
        // Traces come after all that is a record, and a collector that is away keeps nobody waiting for long.
        drop(stop_tracing);
        if let Some(traces) = traces
            && tokio::time::timeout(LAST_TRACES, traces).await.is_err()
        {
            tracing::warn!("the last traces were not passed on");
        }
        drop(self.followed);
        served
    }
}
