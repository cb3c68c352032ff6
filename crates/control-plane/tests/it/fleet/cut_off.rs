//! A replica whose link to the database breaks: whom it goes on serving, for how long, and how it comes back.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use test_support::{Fault, Hit};

use super::observers::wait_until;
use super::processes::{Fleet, Plan};
use super::revocations::{Revocation, Subject, outlived};

/// For how long at most a replica that hears nothing serves somebody who may not be served.
const STATED: Duration = Duration::from_secs(2);
/// How long a link stays broken.
const BROKEN: Duration = Duration::from_secs(6);
/// How long a replica may take to be back when its link is.
const BACK: Duration = Duration::from_secs(15);
/// How long afterwards a revoked person is watched.
const WATCHED: Duration = Duration::from_millis(500);
/// The replica whose link breaks; replica 0 is asked to revoke.
const CUT_OFF: usize = 1;

/// Every way in which a link breaks.
const FAULTS: [(&str, Fault, Hit); 4] = [
    ("all connections reset", Fault::Reset, Hit::All),
    ("all packets vanish", Fault::Vanish, Hit::All),
    ("the listening connection reset", Fault::Reset, Hit::Listeners),
    ("the listening connection's packets vanish", Fault::Vanish, Hit::Listeners),
];

/// What came of it.
#[derive(Default)]
struct Outcome {
    /// After the acknowledgement, the revoked person was served for so long.
    outlived: Vec<Duration>,
    /// After the break, somebody who may be served was for so long; nothing, if all the time.
    served: Vec<Option<Duration>>,
    /// What that person was answered meanwhile, and the longest that an answer took.
    answers: BTreeMap<u16, usize>,
    slowest: Duration,
    /// After the mend, that person was served again so soon.
    back: Vec<Duration>,
    /// How often a revoked person was served after the mend.
    resurrected: usize,
}

async fn round(
    fleet: &Fleet,
    fault: Fault,
    hit: Hit,
    revocation: Revocation,
    number: usize,
    outcome: &mut Outcome,
) {
    let subject = Subject::make(fleet, revocation, 2 * number).await;
    let other = Subject::make(fleet, Revocation::LogOut, 2 * number + 1).await;
    let revoked = subject.served_observers(fleet, CUT_OFF..=CUT_OFF).await;
    let rightful = other.served_observers(fleet, CUT_OFF..=CUT_OFF).await;
    let asks = &rightful[0];

    let link = &fleet.replicas[CUT_OFF].link;
    let broke = Instant::now();
    link.set(fault, hit);
    // Sooner and later after the break.
    tokio::time::sleep(Duration::from_millis(250 * (number % 8) as u64)).await;
    subject.revoke(fleet).await;
    let acknowledged = Instant::now();
    tokio::time::sleep(BROKEN.saturating_sub(broke.elapsed())).await;
    outcome.outlived.push(outlived(&revoked, acknowledged));
    let mended = Instant::now();
    link.set(Fault::None, Hit::All);

    let (answers, slowest) = asks.answers(broke, mended);
    let refused = answers.keys().any(|&status| status != 200);
    let last = asks.last_served().filter(|_| refused);
    outcome.served.push(last.map(|last| last.saturating_duration_since(broke)));
    for (status, count) in answers {
        *outcome.answers.entry(status).or_default() += count;
    }
    outcome.slowest = outcome.slowest.max(slowest);

    let back = wait_until(BACK, || asks.served_again_after(mended).is_some()).await;
    assert!(back, "{fault:?} {hit:?}: the replica does not come back: {}", fleet.replicas[CUT_OFF].log());
    outcome.back.push(asks.served_again_after(mended).unwrap() - mended);
    // The streams of those who are not revoked may have ended; they can be opened again.
    drop(other.served_observers(fleet, CUT_OFF..=CUT_OFF).await);
    tokio::time::sleep(WATCHED).await;
    outcome.resurrected += usize::from(revoked[0].served_again_after(mended).is_some());
}

#[test]
#[ignore = "takes minutes: `cargo xtask soak revocation`"]
fn g10_a_replica_that_is_cut_off_serves_no_revoked_person_and_comes_back() {
    let rounds: usize = std::env::var("VYBE_REPLICA_CUTS").map_or(1, |text| text.parse().unwrap());
    test_support::run(async {
        let mut fleet = Fleet::start(&Plan { clocks: &[0, 0], members: 4, sections: "" }).await;
        let kinds = [
            Revocation::LogOut,
            Revocation::MemberRemoved,
            Revocation::GrantRemoved,
            Revocation::PathRuleAdded,
        ];
        let mut wrong = Vec::new();
        for (place, (what, fault, hit)) in FAULTS.into_iter().enumerate() {
            let mut outcome = Outcome::default();
            for number in 0..rounds {
                let unique = place * rounds + number;
                round(&fleet, fault, hit, kinds[unique % kinds.len()], unique, &mut outcome).await;
            }
            let longest = outcome.outlived.iter().max().unwrap();
            println!(
                "cut off: {what}, {rounds} times: a revoked person was served for {longest:.1?} at most after the \
                 acknowledgement; others for {:.1?} after the break, answered {:?}, at most {:.1?} each; served again \
                 {:.1?} after the mend; revoked people served then: {}",
                outcome.served,
                outcome.answers,
                outcome.slowest,
                outcome.back.iter().max().unwrap(),
                outcome.resurrected
            );
            let clean = outcome.answers.keys().all(|status| matches!(status, 200 | 503));
            if *longest > STATED || !clean || outcome.resurrected > 0 {
                wrong.push(what);
            }
        }
        assert!(fleet.replicas[CUT_OFF].runs());
        assert!(wrong.is_empty(), "{wrong:?}");
    });
}
