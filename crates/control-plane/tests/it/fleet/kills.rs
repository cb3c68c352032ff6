//! Replicas that are killed in the middle of sign-ins, requests for apps and changes: what was acknowledged stays.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::Value;

use super::processes::{Fleet, ORIGIN, Plan, app_url, login};
use super::visitor::{Failure, Tally, Visitor};
use super::writes::{Acknowledged, Lost, Unheard, Writer, look_for};

/// How long a killed replica stays away.
const AWAY: Duration = Duration::from_secs(1);
/// How long whoever was told that it did not work waits.
const PAUSE: Duration = Duration::from_millis(50);
/// How many sign in at a time, ask apps at a time, and make changes at a time.
const AT_ONCE: (usize, usize, usize) = (6, 12, 4);

/// How much.
struct Load {
    replicas: usize,
    sign_ins: usize,
    requests: usize,
    writes: usize,
}

impl Load {
    /// `replicas x sign-ins x requests x writes`, or the suite's.
    fn wanted() -> Self {
        let text = std::env::var("VYBE_REPLICA_KILLS").unwrap_or_else(|_| "2x24x200x18".to_owned());
        let numbers: Vec<usize> = text.split('x').map(|number| number.parse().unwrap()).collect();
        let [replicas, sign_ins, requests, writes] = numbers[..] else { panic!("not four numbers: {text}") };
        Self { replicas, sign_ins, requests, writes }
    }
}

/// What is going on, and how far it is.
struct Progress<'a> {
    fleet: &'a Fleet,
    load: &'a Load,
    tally: Tally,
    sessions: Mutex<Vec<Visitor>>,
    begun: [AtomicUsize; 2],
    served: AtomicUsize,
    written: AtomicUsize,
    /// Answers that are neither what was asked for nor a clean failure.
    wrong: Mutex<Vec<String>>,
}

impl Progress<'_> {
    /// Of the whole load, in thousandths.
    fn done(&self) -> usize {
        let part = |done: usize, of: usize| (done * 1000 / of).min(1000);
        let sessions = self.sessions.lock().unwrap().len();
        let parts = [
            part(sessions, self.load.sign_ins),
            part(self.served.load(Ordering::Relaxed), self.load.requests),
            part(self.written.load(Ordering::Relaxed), self.load.writes),
        ];
        parts.iter().sum::<usize>() / parts.len()
    }

    async fn sign_in(&self, members: usize) {
        loop {
            let number = self.begun[0].fetch_add(1, Ordering::Relaxed);
            if number >= self.load.sign_ins {
                return;
            }
            // Whoever is told that it did not work begins anew.
            loop {
                let visitor = self.fleet.visitor(&login(number % members));
                match visitor.sign_in(self.fleet, &app_url("hello", "/echo")).await {
                    Ok(page) if page.status == 200 => {
                        self.sessions.lock().unwrap().push(visitor);
                        break;
                    }
                    Ok(page) => {
                        self.wrong.lock().unwrap().push(format!("sign-in: {} {}", page.status, page.text()));
                        break;
                    }
                    Err(failure) => {
                        self.tally.add("sign-in", failure);
                        tokio::time::sleep(PAUSE).await;
                    }
                }
            }
        }
    }

    async fn ask(&self, member: &Visitor) {
        while self.begun[1].fetch_add(1, Ordering::Relaxed) < self.load.requests {
            match echoed(member).await {
                Ok(None) => drop(self.served.fetch_add(1, Ordering::Relaxed)),
                Ok(Some(wrong)) => self.wrong.lock().unwrap().push(format!("request: {wrong}")),
                Err(failure) => {
                    self.served.fetch_add(1, Ordering::Relaxed);
                    self.tally.add("request", failure);
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    async fn write(&self, number: usize) -> (Vec<Acknowledged>, Unheard) {
        let mut writer = Writer::new(self.fleet, &self.tally, number);
        while self.written.load(Ordering::Relaxed) < self.load.writes {
            let before = writer.acknowledged.len();
            if writer.tell_a_story().await.is_err() {
                tokio::time::sleep(PAUSE).await;
            }
            self.written.fetch_add(writer.acknowledged.len().saturating_sub(before), Ordering::Relaxed);
        }
        (writer.acknowledged, writer.unheard)
    }
}

/// Asks an app, which says who asked: nothing, if that is right, and else what is wrong.
async fn echoed(member: &Visitor) -> Result<Option<String>, Failure> {
    let answer = member.open_once(&app_url("hello", "/echo")).await?;
    if answer.status != 200 || !answer.text().contains(&member.email()) {
        return Ok(Some(format!("{} {}", answer.status, answer.text())));
    }
    Ok(None)
}

/// How many sessions do not work at one of the replicas, at the platform or at the app.
async fn lost_sessions(fleet: &Fleet, sessions: &[Visitor]) -> usize {
    let mut lost = 0;
    for session in sessions {
        for replica in 0..fleet.replicas.len() {
            let here = fleet.at(replica, session);
            let own = here.call("GET", "/api/auth/get-session", &Value::Null).await.unwrap();
            let known = own.status == 200 && own.json()["user"]["email"] == session.email();
            lost += usize::from(!known || echoed(&here).await.unwrap().is_some());
        }
    }
    lost
}

#[test]
#[ignore = "a step of its own in `cargo xtask test`, with the machine to itself"]
fn g08_what_was_acknowledged_outlives_replicas_that_are_killed() {
    test_support::run(async {
        let load = Load::wanted();
        let members = (load.sign_ins / 20).clamp(3, 40);
        let clocks = vec![0; load.replicas];
        let mut fleet = Fleet::start(&Plan { clocks: &clocks, members, sections: "" }).await;
        let mut own = Vec::new();
        for number in 0..members {
            let member = fleet.visitor(&login(number));
            assert_eq!(member.sign_in(&fleet, &app_url("hello", "/echo")).await.unwrap().status, 200);
            own.push(member);
        }

        // The processes are apart from the rest of the fleet, which everybody else looks at meanwhile.
        let mut processes = std::mem::take(&mut fleet.replicas);
        let progress = Progress {
            fleet: &fleet,
            load: &load,
            tally: Tally::default(),
            sessions: Mutex::default(),
            begun: Default::default(),
            served: AtomicUsize::default(),
            written: AtomicUsize::default(),
            wrong: Mutex::default(),
        };
        let began = Instant::now();
        let killing = async {
            let mut ready = Vec::new();
            for (number, replica) in processes.iter_mut().enumerate() {
                while progress.done() < (number + 1) * 1000 / (load.replicas + 1) {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                replica.kill().await;
                tokio::time::sleep(AWAY).await;
                ready.push(replica.start_again().await);
            }
            ready
        };
        let signing_in = join_all((0..AT_ONCE.0).map(|_| progress.sign_in(members)));
        let asking = join_all((0..AT_ONCE.1).map(|number| progress.ask(&own[number % own.len()])));
        let writing = join_all((0..AT_ONCE.2).map(|number| progress.write(number)));
        let (ready, _, _, writers) = tokio::join!(killing, signing_in, asking, writing);
        let took = began.elapsed();

        let Progress { tally, sessions, wrong, .. } = progress;
        let (mut sessions, wrong) = (sessions.into_inner().unwrap(), wrong.into_inner().unwrap());
        let signed_in = sessions.len();
        sessions.extend(own);
        let unheard: usize = writers.iter().map(|(_, unheard)| unheard.times).sum();
        let longest = writers.iter().map(|(_, unheard)| unheard.longest).max().unwrap();
        let acknowledged: Vec<_> = writers.into_iter().flat_map(|(acknowledged, _)| acknowledged).collect();
        fleet.replicas = processes;
        let all: Vec<usize> = (0..load.replicas).collect();
        let lost = look_for(&fleet, &acknowledged, &all).await;
        let lost_sessions = lost_sessions(&fleet, &sessions).await;
        let trail = fleet.verified_trail().await;
        println!(
            "replicas: {} killed once each, {signed_in} sign-ins, {} requests, {} acknowledged changes in {took:.1?}; \
             ready again after {ready:.1?}\nfailed: {tally}\nlost: {lost:?}, {lost_sessions} of {} sessions; \
             a replica had not heard of a change yet: {unheard} times, the longest for {longest:.1?}\n{trail}",
            load.replicas,
            load.requests,
            acknowledged.len(),
            sessions.len(),
        );
        assert!(wrong.is_empty(), "{} wrong answers, the first: {}", wrong.len(), wrong[0]);
        assert_eq!((lost, lost_sessions), (Lost::default(), 0));
        assert_eq!(tally.unclean(), 0, "{tally}");
        assert!(signed_in == load.sign_ins && acknowledged.len() >= load.writes / 2);
        let page = fleet.owner.open(&format!("{ORIGIN}/apps")).await.unwrap();
        assert_eq!(page.status, 200);
    });
}
