//! Which requests an app sees, each once: a small list that stays usable when the decisions are millions.

use std::collections::HashSet;

use access_control::{Decision, RequestPath};
use cryptography::{digest, hexadecimal};
use ids::{AppId, OrganizationId};
use time::OffsetDateTime;

use crate::DecisionRecord;

/// How many different requests of one app are listed.
pub(crate) const MOST_OF_AN_APP: u64 = 10_000;

/// How many new ones are listed at a time; the others are listed when they are seen again.
pub(crate) const MOST_AT_ONCE: usize = 100;

/// How many are remembered as listed.
const MOST_REMEMBERED: usize = 200_000;

/// One request as an app saw it, whoever sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SeenPath {
    /// Digest of all but the day.
    pub id: String,
    pub organization: OrganizationId,
    pub app: AppId,
    pub method: String,
    /// The judged paths, percent-encoded, as a JSON array.
    pub paths: String,
    pub under_every_rule: bool,
    /// The last day on which it was seen.
    pub day: i32,
}

/// What was listed today, so that it is not listed again.
#[derive(Debug, Default)]
pub(crate) struct Remembered {
    day: i32,
    listed: HashSet<[u8; 32]>,
}

impl Remembered {
    /// What has to be listed for these decisions.
    pub(crate) fn unlisted(&mut self, records: &[DecisionRecord]) -> Vec<SeenPath> {
        let mut found = Vec::new();
        for record in records {
            // Whoever may not see the app could otherwise fill its list.
            let inside = match record.decision {
                Decision::Allow(_) => true,
                Decision::Refuse(reason) => reason.app_is_visible(),
            };
            if inside && found.len() < MOST_AT_ONCE {
                found.extend(self.list(record));
            }
        }
        found
    }

    /// Forgets, so that everything is listed once more.
    pub(crate) fn forget(&mut self) {
        self.listed.clear();
    }

    fn list(&mut self, record: &DecisionRecord) -> Option<SeenPath> {
        let day = day_of(record.at);
        if day > self.day || self.listed.len() >= MOST_REMEMBERED {
            self.day = day;
            self.listed.clear();
        }
        // As the rules see them: upper case makes no difference.
        let paths: Vec<String> = record
            .paths
            .iter()
            .map(|path| RequestPath::parse(path).map(|path| path.forwarded().to_lowercase()))
            .collect::<Result<_, _>>()
            .ok()?;
        let paths = serde_json::to_string(&paths).ok()?;
        let method = record.method.as_str();
        let text = format!("{} {method} {paths} {}", record.app, record.under_every_rule);
        let key: [u8; 32] = digest(text.as_bytes()).try_into().ok()?;
        self.listed.insert(key).then(|| SeenPath {
            id: hexadecimal::encode(&key),
            organization: record.organization,
            app: record.app,
            method: method.to_owned(),
            paths,
            under_every_rule: record.under_every_rule,
            day,
        })
    }
}

/// The day (UTC) as a number that grows by one a day.
pub(crate) fn day_of(at: OffsetDateTime) -> i32 {
    at.to_offset(time::UtcOffset::UTC).to_julian_day()
}
