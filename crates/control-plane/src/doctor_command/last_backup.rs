//! How long ago the last backup was taken, as far as the audit trail knows.

use audit::{Chain, Filter, Trail};
use sea_orm::DatabaseConnection;
use time::{Duration, OffsetDateTime};

use super::findings::Findings;
use crate::backup_command;
use crate::output::counted;

const SUBJECT: &str = "backup";
/// After so long somebody is reminded.
const LONG_AGO: Duration = Duration::days(7);
const ADVICE: &str =
    "take one with `vybe backup`, and keep the master key apart from it (docs/guides/backup.md)";

/// Looks into the trail of the platform.
pub(super) async fn look_at(database: &DatabaseConnection, now: OffsetDateTime, findings: &mut Findings) {
    let filter = Filter { action: Some(backup_command::CREATE.to_owned()), ..Filter::default() };
    let found = Trail::new(database.clone()).search(Chain::Platform, &filter, None, 1).await;
    let last = match found {
        Ok(found) => found.records.into_iter().next(),
        Err(error) => return findings.fail(SUBJECT, error, "check that the database is running"),
    };
    let Some(at) = last.and_then(|last| {
        OffsetDateTime::parse(&last.record.at, &time::format_description::well_known::Rfc3339).ok()
    }) else {
        return findings.warn(SUBJECT, "none was taken by `vybe backup`", ADVICE);
    };
    let age = now - at;
    let days = counted(usize::try_from(age.whole_days()).unwrap_or_default(), "day");
    if age > LONG_AGO {
        findings.warn(SUBJECT, format!("the last one was taken {days} ago, on {}", at.date()), ADVICE);
    } else {
        findings.ok(SUBJECT, format!("the last one was taken on {}, {days} ago", at.date()));
    }
}
