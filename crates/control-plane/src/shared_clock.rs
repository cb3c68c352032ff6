//! The platform's time is the database's, where replicas share one.

use std::time::Duration;

use sea_orm::DatabaseConnection;
use time::OffsetDateTime;

/// How often the two are compared: a machine's clock may be set at any time.
const PERIOD: Duration = Duration::from_secs(10);

/// Compares this machine's clock with the database's and corrects it.
pub(crate) async fn agree(database: &DatabaseConnection) {
    // What is compared with is the machine's own, not what is corrected.
    let asked = OffsetDateTime::now_utc();
    let store = match migrations::clock(database).await {
        Ok(Some(seconds)) => OffsetDateTime::UNIX_EPOCH + time::Duration::seconds_f64(seconds),
        Ok(None) => return,
        Err(error) => {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "the database's clock could not be read"
            );
            return;
        }
    };
    if let Some(behind) = clock::agree(store, asked, OffsetDateTime::now_utc()) {
        let seconds = behind.as_seconds_f64();
        tracing::warn!(seconds, "this machine's clock differs from the database's, which counts");
    }
}

/// Does so now and then, until it is dropped.
pub(crate) async fn keep(database: DatabaseConnection) {
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        agree(&database).await;
    }
}
