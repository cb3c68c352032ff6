//! Which revocations a process works on: each in a task of its own, so that a service that wants to be waited for keeps nobody
//! else's waiting.

use std::collections::HashMap;
use std::time::Duration;

use ids::{OrganizationId, ServiceRevocationId};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;

use crate::store::service_revocations;
use crate::{AccountError, ServiceRevocation, ServiceRevocations};

/// How often revocations of other processes are looked for.
const PERIOD: Duration = Duration::from_secs(5);
/// How many revocations of one organization a process works on at once.
const OF_AN_ORGANIZATION: usize = 8;

/// The revocations that this process works on. They end when this is dropped.
#[derive(Default)]
struct UnderWay {
    tasks: JoinSet<Result<(), AccountError>>,
    which: HashMap<Id, (OrganizationId, ServiceRevocationId)>,
}

impl ServiceRevocations {
    /// Works on every revocation until it is dropped.
    pub async fn run(self) {
        let mut under_way = UnderWay::default();
        loop {
            match service_revocations::running(self.store.database()).await {
                Ok(running) => under_way.begin(&self, running),
                Err(error) => put_off(&error),
            }
            let next = Instant::now() + PERIOD;
            loop {
                tokio::select! {
                    Some(ended) = under_way.tasks.join_next_with_id() => under_way.end(ended),
                    // A revocation that began meanwhile has left its mark: nothing is missed.
                    () = self.begun.notified() => break,
                    () = tokio::time::sleep_until(next) => break,
                }
            }
        }
    }
}

impl UnderWay {
    /// Begins those that are not under way, as far as their organization has room.
    fn begin(&mut self, all: &ServiceRevocations, running: Vec<ServiceRevocation>) {
        for revocation in running {
            let (organization, id) = (revocation.organization, revocation.id);
            let of_it = || self.which.values().filter(|(other, _)| *other == organization);
            if of_it().count() < OF_AN_ORGANIZATION && of_it().all(|(_, other)| *other != id) {
                let all = all.clone();
                let task = self.tasks.spawn(async move { all.take_turn(&revocation).await });
                self.which.insert(task.id(), (organization, id));
            }
        }
    }

    /// One that is not finished is begun again when it is looked for the next time.
    fn end(&mut self, ended: Result<(Id, Result<(), AccountError>), JoinError>) {
        let id = match &ended {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        self.which.remove(&id);
        match ended {
            Ok((_, Ok(()))) => {}
            Ok((_, Err(error))) => put_off(&error),
            Err(error) => put_off(&error),
        }
    }
}

fn put_off(error: &(dyn std::error::Error + 'static)) {
    tracing::warn!(error, "revocations of services wait for the next round");
}
