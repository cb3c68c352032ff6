//! What one process changes, the other follows; one that cannot ask stops trusting itself.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use audit::{Actor, Announcement, Event, Follower, Journal, News, TRUSTED_FOR, Target};
use ids::{AppId, OrganizationId, UserId};
use replicas::{Followed, Following, Replicas};
use sea_orm::ConnectionTrait as _;
use test_support::TestDatabase;

/// Remembers what it was shown.
#[derive(Default)]
struct Shown(Mutex<Vec<Option<Vec<Announcement>>>>);

#[async_trait]
impl Follower for Shown {
    async fn committed(&self, _: &Event) {}

    async fn announced(&self, news: News<'_>) {
        self.0.lock().unwrap().push(news.changes().map(<[_]>::to_vec));
    }
}

impl Shown {
    fn targets(&self) -> Vec<Target> {
        let shown = self.0.lock().unwrap();
        shown.iter().flatten().flatten().map(|change| change.target).collect()
    }

    fn anything(&self) -> usize {
        self.0.lock().unwrap().iter().filter(|news| news.is_none()).count()
    }

    async fn until(&self, enough: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !enough(self) {
            assert!(Instant::now() < deadline, "shown only {:?}", self.0.lock().unwrap());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// One process of a store.
struct Process {
    journal: Journal,
    shown: Arc<Shown>,
    followed: Option<Followed>,
}

impl Process {
    async fn on(url: &str) -> Self {
        let journal = Journal::shared(migrations::connect(url).await.unwrap());
        let following = Following::begin(journal.clone()).await.unwrap();
        let shown = Arc::<Shown>::default();
        journal.follow(vec![shown.clone()]);
        assert!(!journal.currency().is_current(), "before it asked");
        let followed = following.start(Arc::new(|_, _| ())).await.unwrap();
        assert!(journal.currency().is_current());
        Self { journal, shown, followed: Some(followed) }
    }

    async fn change(&self, target: Target) {
        let event = Event::done(Actor::System, "test.change", target).of(OrganizationId::generate());
        self.journal.begin().await.unwrap().commit(event).await.unwrap();
    }
}

#[test]
fn what_one_process_changes_the_other_follows_in_order_and_once() {
    test_support::run(async {
        let database = TestDatabase::postgres().await;
        let (one, other) = tokio::join!(Process::on(database.url()), Process::on(database.url()));
        let (person, app) = (UserId::generate(), AppId::generate());
        let mut expected = vec![Target::Member(person), Target::Grant(app, person)];
        expected.extend((0..50).map(|_| Target::App(AppId::generate())));
        for target in &expected {
            one.change(*target).await;
        }
        other.shown.until(|shown| shown.targets().len() >= expected.len()).await;
        assert_eq!(other.shown.targets(), expected);
        // Its own are followed when they are committed.
        assert_eq!(one.shown.targets(), []);
        assert_eq!((one.shown.anything(), other.shown.anything()), (0, 0));
    });
}

#[test]
fn many_writers_leave_no_gap() {
    test_support::run(async {
        let database = TestDatabase::postgres().await;
        let (one, other, reader) = tokio::join!(
            Process::on(database.url()),
            Process::on(database.url()),
            Process::on(database.url())
        );
        let writers = (0..100).map(|number| {
            let process = if number % 2 == 0 { &one } else { &other };
            async move {
                for _ in 0..3 {
                    process.change(Target::App(AppId::generate())).await;
                }
            }
        });
        futures_util::future::join_all(writers).await;
        reader.shown.until(|shown| shown.targets().len() >= 300).await;
        assert_eq!(reader.shown.targets().len(), 300);
        assert_eq!(reader.shown.anything(), 0, "no number was missing");
    });
}

#[test]
fn what_was_deleted_unread_or_cannot_be_read_makes_everything_doubtful() {
    test_support::run(async {
        let database = TestDatabase::postgres().await;
        let (one, other) = tokio::join!(Process::on(database.url()), Process::on(database.url()));
        let sql = "WITH next AS (UPDATE announcement_counter SET sequence = sequence + 1 RETURNING sequence) \
                   INSERT INTO announcements (sequence, at, replica, changes) \
                   SELECT sequence, clock_timestamp(), 'rpl_later', '[{\"target\":{\"planet\":\"x\"}}]' FROM next";
        database.connection().execute_unprepared(sql).await.unwrap();
        other.shown.until(|shown| shown.anything() == 1).await;
        let sql = "UPDATE announcement_counter SET sequence = sequence + 1";
        database.connection().execute_unprepared(sql).await.unwrap();
        one.change(Target::App(AppId::generate())).await;
        other.shown.until(|shown| shown.anything() == 2).await;
        // From here on everything is as before.
        let target = Target::App(AppId::generate());
        one.change(target).await;
        other.shown.until(|shown| shown.targets() == [target]).await;
    });
}

#[test]
fn a_process_that_does_not_follow_stops_trusting_its_memory() {
    test_support::run(async {
        let database = TestDatabase::postgres().await;
        let mut process = Process::on(database.url()).await;
        drop(process.followed.take());
        let since = Instant::now();
        tokio::time::sleep(TRUSTED_FOR).await;
        assert!(!process.journal.currency().is_current());
        assert!(since.elapsed() < TRUSTED_FOR + Duration::from_secs(1));
    });
}

#[test]
fn its_connections_may_end_at_any_time() {
    test_support::run(async {
        let database = TestDatabase::postgres().await;
        let (one, other) = tokio::join!(Process::on(database.url()), Process::on(database.url()));
        for _ in 0..3 {
            // Both connections of both processes, and those of their pools.
            let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                       WHERE datname = current_database() AND pid <> pg_backend_pid()";
            database.connection().execute_unprepared(sql).await.unwrap();
            let target = Target::App(AppId::generate());
            let deadline = Instant::now() + Duration::from_secs(10);
            while one.journal.begin().await.is_err() {
                assert!(Instant::now() < deadline);
            }
            one.change(target).await;
            other.shown.until(|shown| shown.targets().last() == Some(&target)).await;
            assert!(other.journal.currency().is_current());
        }
        assert_eq!(other.shown.anything(), 0);
    });
}

#[test]
fn processes_see_each_other() {
    test_support::run(async {
        let database = TestDatabase::postgres().await;
        let (one, mut other) = tokio::join!(Process::on(database.url()), Process::on(database.url()));
        let replicas = Replicas::new(Journal::new(database.connection().clone()));
        one.change(Target::Platform).await;
        let mut both = [one.journal.replica(), other.journal.replica()];
        both.sort_unstable();
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let listed = replicas.list().await.unwrap();
            let ids: Vec<_> = listed.iter().map(|replica| replica.id).collect();
            if ids == both && listed.iter().all(|replica| replica.followed == 1) {
                break;
            }
            assert!(Instant::now() < deadline, "{listed:?}");
        }
        drop(other.followed.take());
        while replicas.list().await.unwrap().len() == 2 {
            assert!(Instant::now() < deadline);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
}
