//! A store with a writer on it, and random decisions to hand in.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use access_control::{
    Action, AppFacts, AppRequest, Check, Decision, Facts, FactsUnavailable, OrganizationFacts, Permit,
    Principal, RequestPath, Scope, SignedIn, authorize, decide,
};
use decisions::{Decided, Decisions, Queue, Recorder, Recording, Store};
use ids::{AppId, DecisionId, OrganizationId, RequestId};
use sea_orm::{ConnectionTrait as _, Statement};
use test_support::TestDatabase;
use time::OffsetDateTime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::random::{Random, World, method, paths};

pub struct House {
    pub database: TestDatabase,
    pub store: Store,
    pub recorder: Recorder,
    pub decisions: Decisions,
    writer: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl House {
    pub fn on(database: TestDatabase) -> Self {
        Self::recording(database, Recording::All)
    }

    pub fn recording(database: TestDatabase, recording: Recording) -> Self {
        let store = Store::new(database.connection().clone());
        let (recorder, writer) = Recorder::new(store.clone(), recording);
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(writer.run(async { drop(stopped.await) }));
        let decisions = Decisions::new(store.clone());
        Self { database, store, recorder, decisions, writer: Some((stop, running)) }
    }

    /// Stops the writer, which writes what is left.
    pub async fn stop(&mut self) {
        let (stop, running) = self.writer.take().unwrap();
        drop(stop);
        running.await.unwrap();
    }

    /// Ends the writer in the middle of what it does, with what it and the queues hold, and starts another.
    pub async fn kill(&mut self) {
        let (_stop, running) = self.writer.take().unwrap();
        running.abort();
        assert!(running.await.unwrap_err().is_cancelled());
        let (recorder, writer) = Recorder::new(self.store.clone(), Recording::All);
        let (stop, stopped) = oneshot::channel::<()>();
        self.recorder = recorder;
        self.writer = Some((stop, tokio::spawn(writer.run(async { drop(stopped.await) }))));
    }

    pub async fn count(&self, table: &str) -> u64 {
        self.number(&format!("SELECT COUNT(*) AS number FROM {table}")).await
    }

    /// What a query says that answers one number.
    pub async fn number(&self, sql: &str) -> u64 {
        let statement = Statement::from_string(self.database.backend(), sql);
        let row = self.database.connection().query_one_raw(statement).await.unwrap().unwrap();
        u64::try_from(row.try_get::<i64>("", "number").unwrap()).unwrap()
    }

    /// Waits until so many decisions are kept.
    pub async fn kept(&self, number: u64) {
        for _ in 0..600 {
            if self.count("decisions").await >= number {
                return;
            }
            // Counting reads the whole table, and keeps the writer from the machine.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{} decisions of {number} are kept", self.count("decisions").await);
    }

    pub async fn execute(&self, sql: &str) {
        self.database.connection().execute_unprepared(sql).await.unwrap();
    }
}

/// Decides about one random request in this world and hands it in.
pub fn ask(queue: &Queue, world: &World, random: &mut Random, now: OffsetDateTime) -> Asked {
    let viewer = world.viewer(random, now);
    ask_for(queue, world, viewer, &paths(random), random, now)
}

/// What was asked, and what came of it.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    pub id: DecisionId,
    pub decision: Decision,
    pub foreign_origin: bool,
}

pub fn ask_for(
    queue: &Queue,
    world: &World,
    viewer: SignedIn,
    raw: &[&str],
    random: &mut Random,
    now: OffsetDateTime,
) -> Asked {
    let paths: Vec<RequestPath<'_>> = raw.iter().map(|path| RequestPath::parse(path).unwrap()).collect();
    let method = method(random);
    let under_every_rule = random.one_in(6);
    let decision = decide(&AppRequest {
        viewer: &viewer,
        organization: &world.organization,
        app: &world.app,
        method: &method,
        paths: &paths,
        under_every_rule,
        now,
    });
    let foreign_origin = matches!(decision, Decision::Allow(_)) && random.one_in(10);
    let refused = foreign_origin || matches!(decision, Decision::Refuse(_));
    let id = queue.record(refused, |id| Decided {
        id,
        at: now,
        policy_version: 7,
        organization: Arc::clone(&world.organization),
        app: Arc::clone(&world.app),
        viewer,
        request: RequestId::generate(),
        method,
        paths: paths.iter().map(|path| path.forwarded().into()).collect(),
        under_every_rule,
        again: random.one_in(20),
        decision,
        foreign_origin,
    });
    Asked { id, decision, foreign_origin }
}

/// Facts of some worlds.
#[derive(Default)]
pub struct Known {
    organizations: HashMap<OrganizationId, Arc<OrganizationFacts>>,
    apps: HashMap<AppId, Arc<AppFacts>>,
}

impl Known {
    pub fn of(worlds: &[World]) -> Self {
        let mut known = Self::default();
        for world in worlds {
            known.organizations.insert(world.organization.id, Arc::clone(&world.organization));
            known.apps.insert(world.app.id, Arc::clone(&world.app));
        }
        known
    }

    pub fn permit<A: Action>(&self, who: &SignedIn, object: <A::Scope as Scope>::Object) -> Permit<A>
    where
        A::Scope: Check,
    {
        let person = Principal::User(who.clone());
        authorize::<A>(Some(&person), object, self, OffsetDateTime::now_utc()).unwrap()
    }
}

impl Facts for Known {
    fn organization(&self, id: OrganizationId) -> Result<Option<Arc<OrganizationFacts>>, FactsUnavailable> {
        Ok(self.organizations.get(&id).cloned())
    }

    fn app(&self, id: AppId) -> Result<Option<Arc<AppFacts>>, FactsUnavailable> {
        Ok(self.apps.get(&id).cloned())
    }
}
