//! PostgreSQL that is killed, shut down at once and restarted while everybody goes on: nobody is let in who may not be, and
//! everybody else is again, without a restart of a replica.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use test_support::PostgresServer;

use super::observers::{Observer, wait_until};
use super::processes::{Fleet, ORIGIN, Plan, app_url, login};
use super::revocations::{Revocation, Subject};
use super::visitor::Tally;
use super::writes::{Acknowledged, Lost, Writer, look_for};

/// How long the server stays away.
const AWAY: Duration = Duration::from_secs(3);
/// How long everything may take to work again once the server answers.
const BACK: Duration = Duration::from_secs(20);
/// How long a revoked person is watched after that.
const WATCHED: Duration = Duration::from_secs(2);
/// Between two attempts of whoever was told that it did not work.
const PAUSE: Duration = Duration::from_millis(50);

type Way = (&'static str, fn(&mut PostgresServer));

const WAYS: [Way; 3] = [
    ("killed", PostgresServer::kill),
    ("shut down immediately", PostgresServer::stop_immediately),
    ("restarted", PostgresServer::stop),
];

/// What goes on all the time.
struct Going<'a> {
    fleet: &'a Fleet,
    ends: AtomicBool,
    tally: Tally,
    signed_in: Mutex<Vec<Instant>>,
    written: Mutex<Vec<Acknowledged>>,
}

impl Going<'_> {
    async fn writes(&self) {
        let mut writer = Writer::new(self.fleet, &self.tally, 0);
        while !self.ends.load(Ordering::Relaxed) {
            if writer.tell_a_story().await.is_err() {
                tokio::time::sleep(PAUSE).await;
            }
            self.written.lock().unwrap().append(&mut writer.acknowledged);
        }
    }

    async fn signs_in(&self) {
        while !self.ends.load(Ordering::Relaxed) {
            let visitor = self.fleet.visitor(&login(0));
            match visitor.sign_in(self.fleet, &app_url("hello", "/echo")).await {
                Ok(page) if page.status == 200 => self.signed_in.lock().unwrap().push(Instant::now()),
                Ok(page) => panic!("sign-in: {} {}", page.status, page.text()),
                Err(failure) => self.tally.add("sign-in", failure),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn first_after(&self, moment: Instant) -> Option<(Instant, Instant)> {
        let after = |at: &&Instant| **at > moment;
        let signed_in = self.signed_in.lock().unwrap().iter().find(after).copied()?;
        let written = self.written.lock().unwrap().iter().map(|one| one.at).find(|at| *at > moment)?;
        Some((signed_in, written))
    }
}

/// Those who may be served, on every replica: at an app, and by the API, which asks the database.
async fn rightful(fleet: &Fleet) -> Vec<Observer> {
    let member = fleet.signed_in_at(0, &login(1), "hello").await;
    let each = 0..fleet.replicas.len();
    each.flat_map(|replica| {
        let (member, owner) = (fleet.at(replica, &member), fleet.at(replica, &fleet.owner));
        let list = format!("{ORIGIN}/api/v1/organizations");
        [
            Observer::of_requests(replica, member, &app_url("hello", "/echo"), None),
            Observer::of_requests(replica, owner, &list, None),
        ]
    })
    .collect()
}

/// Those who were served until a moment ago.
async fn revoked(fleet: &Fleet, number: usize) -> Vec<Observer> {
    let kinds = [Revocation::LogOut, Revocation::GrantRemoved, Revocation::MemberRemoved];
    let mut all = Vec::new();
    for (place, kind) in kinds.into_iter().enumerate() {
        let subject = Subject::make(fleet, kind, number * kinds.len() + place).await;
        let observers = subject.served_observers(fleet, 0..fleet.replicas.len()).await;
        subject.revoke(fleet).await;
        all.extend(observers);
    }
    all
}

/// One restart. What it says of it, and how often somebody was served who may not be.
async fn round(
    going: &Going<'_>,
    what: &str,
    end: fn(&mut PostgresServer),
    number: usize,
) -> (String, usize) {
    let fleet = going.fleet;
    let rightful = rightful(fleet).await;
    assert!(wait_until(BACK, || rightful.iter().all(Observer::is_served)).await, "before");
    let revoked = revoked(fleet, number).await;
    assert!(wait_until(BACK, || revoked.iter().all(Observer::is_over)).await, "revoked before");

    let postgres = Arc::clone(&fleet.postgres);
    let ending = tokio::task::spawn_blocking(move || {
        let mut postgres = postgres.lock().unwrap();
        let gone = Instant::now();
        end(&mut postgres);
        std::thread::sleep(AWAY);
        postgres.resume();
        (gone, Instant::now())
    });
    let (gone, there) = ending.await.unwrap();
    let works = || {
        going.first_after(there).is_some()
            && rightful.iter().all(|one| one.served_again_after(there).is_some())
    };
    assert!(wait_until(BACK, works).await, "{what}: it does not work again: {}", going.tally);
    tokio::time::sleep(WATCHED).await;

    let after = |moment: Instant| format!("{:.1?}", moment - there);
    let (signed_in, written) = going.first_after(there).unwrap();
    let again = |way: usize| {
        let each = rightful.iter().skip(way).step_by(2).map(|one| one.served_again_after(there).unwrap());
        after(each.max().unwrap())
    };
    let mut answers = BTreeMap::<u16, usize>::new();
    let mut slowest = Duration::ZERO;
    for observer in &rightful {
        let (counts, longest) = observer.answers(gone, there);
        slowest = slowest.max(longest);
        for (status, count) in counts {
            *answers.entry(status).or_default() += count;
        }
    }
    let served: usize = revoked
        .iter()
        .map(|one| one.answers(gone, Instant::now()).0.get(&200).copied().unwrap_or_default())
        .sum();
    let said = format!(
        "PostgreSQL {what}: it answers again after {:.1?}; from then on it took until apps were served {}, the API {}, \
         sign-ins {}, changes {}; those who may be served were answered {answers:?} meanwhile, at most {slowest:.1?} each",
        there - gone,
        again(0),
        again(1),
        after(signed_in),
        after(written)
    );
    (said, served)
}

#[test]
#[ignore = "takes minutes: `cargo xtask soak failures`"]
fn g10_postgres_restarts_under_load_without_a_wrong_allow_or_a_restart_of_a_replica() {
    let rounds: usize = std::env::var("VYBE_REPLICA_RESTARTS").map_or(1, |text| text.parse().unwrap());
    test_support::run(async {
        let mut fleet = Fleet::start(&Plan { clocks: &[0, 0], members: 4, sections: "" }).await;
        let going = Going {
            fleet: &fleet,
            ends: AtomicBool::new(false),
            tally: Tally::default(),
            signed_in: Mutex::default(),
            written: Mutex::default(),
        };
        let breaking = async {
            let (mut said, mut wrong) = (Vec::new(), 0);
            for number in 0..rounds * WAYS.len() {
                let (what, end) = WAYS[number % WAYS.len()];
                let (line, served) = round(&going, what, end, number).await;
                said.push(line);
                wrong += served;
            }
            going.ends.store(true, Ordering::Relaxed);
            (said, wrong)
        };
        let ((said, wrong), (), ()) = tokio::join!(breaking, going.writes(), going.signs_in());
        let Going { tally, signed_in, written, .. } = going;
        let (signed_in, written) = (signed_in.into_inner().unwrap().len(), written.into_inner().unwrap());
        let lost = look_for(&fleet, &written, &[0, 1]).await;
        let trail = fleet.verified_trail().await;
        println!(
            "{}\nmeanwhile {signed_in} sign-ins and {} acknowledged changes; failed: {tally}; lost: {lost:?}; somebody \
             was served who may not be: {wrong} times\n{trail}",
            said.join("\n"),
            written.len(),
        );
        assert_eq!((wrong, lost), (0, Lost::default()));
        assert_eq!(tally.unclean(), 0, "{tally}");
        assert!(fleet.replicas.iter_mut().all(super::processes::Replica::runs));
        assert_eq!(fleet.owner.call("GET", "/api/v1/organizations", &Value::Null).await.unwrap().status, 200);
    });
}
