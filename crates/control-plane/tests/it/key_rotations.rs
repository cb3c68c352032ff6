//! Keys are replaced by the real binary while it is killed again and again, and others write and read.
//!
//! `VYBE_ROTATED_VALUES` says how many values there are (`cargo xtask soak rotation`).

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use audit::{Actor, Event, Journal, Target};
use cryptography::{MasterKey, SecretBytes};
use ids::{OrganizationId, SecretId};
use sea_orm::{ConnectionTrait as _, Statement, Value};
use secrets_vault::{
    Keyring, Kind, LocalMasterKey, MasterKeyProvider, MasterKeys, NewValue, Owner, Store, Vault,
};
use test_support::TestDatabase;
use time::OffsetDateTime;

use crate::platform::Platform;
use crate::policy::CommandLine;
use crate::starting::{MASTER_KEY, Setting, vybe};

const OTHER_KEY: &str = "ODEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
/// Values of the one organization that is rotated, unless somebody says otherwise. For eight of them there is one
/// more organization with a value, so that the master key has something to wrap, and for ten one of the platform.
const VALUES: usize = 1200;
const WRITERS: usize = 3;
/// How often a rotation is killed.
const KILLS: u32 = 20;

/// How many values somebody said there should be.
fn said_values() -> Option<usize> {
    std::env::var("VYBE_ROTATED_VALUES").ok().and_then(|values| values.parse().ok())
}

/// Any numbers, the same again for the same seed (Steele and Vigna's SplitMix64).
struct Random(u64);

impl Random {
    fn new() -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let seed = now.as_secs() ^ u64::from(now.subsec_nanos());
        println!("seed: {seed}");
        Self(seed)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

struct House {
    database: TestDatabase,
    journal: Journal,
    organization: OrganizationId,
    values: Vec<NewValue>,
    others: Vec<NewValue>,
    of_platform: Vec<NewValue>,
    setting: Setting,
}

fn vault(journal: &Journal, keys: &[&str]) -> Vault {
    let mut keys = keys.iter().map(|text| {
        Arc::new(LocalMasterKey::new(MasterKey::parse(text).unwrap())) as Arc<dyn MasterKeyProvider>
    });
    let masters = MasterKeys::new(keys.next().unwrap(), keys.collect());
    Vault::new(Store::new(journal.clone()), Keyring::new(masters))
}

fn first(number: usize) -> Vec<u8> {
    format!("value {number}").into_bytes()
}

impl House {
    /// An organization with many values, and many organizations with one.
    async fn new(database: TestDatabase) -> Self {
        let mut setting = Setting::new();
        let sqlite = format!("sqlite:{}", setting.folder.path().join("vybe.db").display());
        setting.config = setting.config.replace(&sqlite, database.url());
        std::fs::write(setting.folder.path().join("other.key"), OTHER_KEY).unwrap();
        let journal = Journal::new(database.connection().clone());
        let organization = OrganizationId::generate();
        let (values, others, of_platform) = (Vec::new(), Vec::new(), Vec::new());
        let mut house = Self { database, journal, organization, values, others, of_platform, setting };
        let number = said_values().unwrap_or(VALUES);
        let vault = vault(&house.journal, &[MASTER_KEY]);
        let now = OffsetDateTime::now_utc();
        // As the first start does: what the command checks before anything else.
        vault.root_key(now).await.unwrap();
        house.add_organization(organization).await;
        let change = house.journal.begin().await.unwrap();
        for number in 0..number {
            let owner = Owner::Organization(organization);
            let new = NewValue { id: SecretId::generate(), owner, kind: Kind::ApiKey };
            vault.seal(&change, new, &SecretBytes::copy_of(&first(number)), now).await.unwrap();
            house.values.push(new);
        }
        for _ in 0..number / 10 {
            let new = NewValue { id: SecretId::generate(), owner: Owner::Platform, kind: Kind::UserTokenKey };
            vault.seal(&change, new, &SecretBytes::copy_of(b"its own"), now).await.unwrap();
            house.of_platform.push(new);
        }
        change.commit(Event::done(Actor::System, "test", Target::Platform)).await.unwrap();
        for _ in 0..number / 8 {
            let organization = OrganizationId::generate();
            house.add_organization(organization).await;
            let owner = Owner::Organization(organization);
            let new = NewValue { id: SecretId::generate(), owner, kind: Kind::ApiKey };
            let change = house.journal.begin().await.unwrap();
            vault.seal(&change, new, &SecretBytes::copy_of(b"theirs"), now).await.unwrap();
            change.commit(Event::done(Actor::System, "test", Target::Platform)).await.unwrap();
            house.others.push(new);
        }
        house
    }

    async fn add_organization(&self, id: OrganizationId) {
        let sql = "INSERT INTO organizations (id, slug, name, created_at) VALUES ($1, $2, 'Acme', $3)";
        let slug = id.to_string().replace('_', "-");
        self.write(sql, [id.to_string().into(), slug.into(), OffsetDateTime::now_utc().into()]).await;
    }

    async fn write(&self, sql: &str, values: impl IntoIterator<Item = Value>) {
        let connection = self.database.connection();
        let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
        connection.execute_raw(statement).await.unwrap();
    }

    async fn number(&self, sql: &str) -> i64 {
        let connection = self.database.connection();
        let statement = Statement::from_string(connection.get_database_backend(), sql);
        connection.query_one_raw(statement).await.unwrap().unwrap().try_get_by_index(0).unwrap()
    }

    /// How many rotations are under way, and how many values and keys those have done.
    async fn under_way(&self) -> (i64, i64) {
        let of = |what: &str| {
            format!("SELECT CAST({what} AS BIGINT) FROM key_rotations WHERE finished_at IS NULL")
        };
        (self.number(&of("COUNT(*)")).await, self.number(&of("COALESCE(SUM(done), 0)")).await)
    }

    /// The process that had a rotation to itself is dead: nobody has to wait for its lease.
    async fn end_leases(&self) {
        let past = OffsetDateTime::now_utc() - time::Duration::seconds(1);
        self.write("UPDATE key_rotations SET leased_until = $1", [past.into()]).await;
    }

    /// Configures the other master key as the current one, and the one before as former.
    fn change_master_key(&mut self, current: &str, former: &str) {
        let config =
            self.setting.config.lines().filter(|line| !line.contains("master_key")).collect::<Vec<_>>();
        let path = |name: &str| self.setting.folder.path().join(name).display().to_string();
        let keys = format!(
            "[secrets]\nmaster_key = {{ file = \"{}\" }}\nformer_master_keys = [{{ file = \"{}\" }}]",
            path(current),
            path(former)
        );
        self.setting.config = config.join("\n").replace("[secrets]", &keys);
    }

    fn spawn(&self, arguments: &[&str]) -> Child {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log()).unwrap();
        Command::new(env!("CARGO_BIN_EXE_vybe"))
            .args(arguments)
            .args(["--config", self.setting.path().to_str().unwrap()])
            .current_dir(self.setting.folder.path())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap()
    }

    /// What the processes logged.
    fn log(&self) -> std::path::PathBuf {
        self.setting.folder.path().join("log")
    }

    /// The command ends, and says that nothing opens with a former key.
    fn rotates(&self, command: &[&str]) {
        let output = self.setting.run(&[command, &["--progress"]].concat());
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        assert!(said.contains("rotated; ") && said.contains("opened 0; 0 left"), "{said}");
    }

    /// Kills the process with SIGKILL at some moment after it has begun to work on a rotation. Answers whether the
    /// rotation was under way then.
    async fn kill_during_rotation(&self, mut process: Child, random: &mut Random) -> bool {
        let (before, deadline) = (self.under_way().await, Instant::now() + Duration::from_secs(30));
        while self.under_way().await == before && process.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "the rotation does not go on");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // The more there is to do, the longer it takes.
        let longest = 200 * u64::try_from(self.values.len()).unwrap();
        tokio::time::sleep(Duration::from_micros(random.below(longest))).await;
        process.kill().unwrap();
        let killed = process.wait().unwrap().signal() == Some(9);
        killed && self.under_way().await.0 > 0
    }
}

/// What values are, by number, as far as whoever wrote them was told.
type Known = Vec<(usize, Vec<u8>)>;

/// People who write and read all the time.
struct Load {
    stop: Arc<AtomicBool>,
    writes: Arc<AtomicU64>,
    reads: Arc<AtomicU64>,
    writers: Vec<tokio::task::JoinHandle<Known>>,
    reader: tokio::task::JoinHandle<()>,
}

impl Load {
    fn start(house: &House) -> Self {
        let server = vault(&house.journal, &[MASTER_KEY, OTHER_KEY]);
        let (stop, writes, reads) = (Arc::<AtomicBool>::default(), Arc::default(), Arc::default());
        let writers = (0..WRITERS).map(|writer| {
            let (vault, journal, values) = (server.clone(), house.journal.clone(), house.values.clone());
            let (stop, writes) = (Arc::clone(&stop), Arc::clone(&writes));
            tokio::spawn(async move {
                let mut known: Vec<_> =
                    (writer..values.len()).step_by(WRITERS).map(|number| (number, first(number))).collect();
                for round in 0_usize.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let place = round * 7 % known.len();
                    let (number, value) = &mut known[place];
                    let next = format!("value {number}, round {round}").into_bytes();
                    let change = journal.begin().await.unwrap();
                    let (place, now) = (values[*number], OffsetDateTime::now_utc());
                    vault.replace(&change, place, &SecretBytes::copy_of(&next), now).await.unwrap();
                    change
                        .commit(Event::done(Actor::System, "test", Target::Secret(place.id)))
                        .await
                        .unwrap();
                    *value = next;
                    AtomicU64::fetch_add(&writes, 1, Ordering::Relaxed);
                    // The rotation's process shares this machine.
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                known
            })
        });
        let writers = writers.collect();
        let (vault, values) = (server.clone(), house.values.clone());
        let (stopped, read) = (Arc::clone(&stop), Arc::clone(&reads));
        let reader = tokio::spawn(async move {
            for round in 0_usize.. {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                let number = round * 11 % values.len();
                let NewValue { id, owner, kind } = values[number];
                let value = vault.open(id, owner, kind).await.unwrap();
                assert!(value.reveal().starts_with(format!("value {number}").as_bytes()));
                AtomicU64::fetch_add(&read, 1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        Self { stop, writes, reads, writers, reader }
    }

    /// How many writes and reads there were.
    fn done(&self) -> (u64, u64) {
        (self.writes.load(Ordering::Relaxed), self.reads.load(Ordering::Relaxed))
    }

    /// Nobody failed. What each value was when its writer was told last.
    async fn end(self) -> Known {
        self.stop.store(true, Ordering::Relaxed);
        self.reader.await.unwrap();
        let mut known = Vec::new();
        for writer in self.writers {
            known.extend(writer.await.unwrap());
        }
        known
    }
}

/// How fast that was, the start of the process included.
fn pace(number: usize, what: &str, work: impl FnOnce()) -> String {
    let began = Instant::now();
    work();
    let took = began.elapsed();
    let pace = number * 1000 / usize::try_from(took.as_millis()).unwrap().max(1);
    format!("{number} {what} in {:.1} s, {pace} in a second", took.as_secs_f64())
}

/// Everything opens as what it was when its writer was told last, with the one key that there is.
async fn check_whole(house: &House, known: Known, master_key: &str) {
    assert_eq!(known.len(), house.values.len());
    let restarted = vault(&house.journal, &[master_key]);
    for (number, value) in known {
        let NewValue { id, owner, kind } = house.values[number];
        assert_eq!(restarted.open(id, owner, kind).await.unwrap().reveal(), value);
    }
    for (values, wanted) in [(&house.others, "theirs"), (&house.of_platform, "its own")] {
        for NewValue { id, owner, kind } in values.iter().copied() {
            assert_eq!(restarted.open(id, owner, kind).await.unwrap().reveal(), wanted.as_bytes());
        }
    }
    assert_eq!(house.number("SELECT COUNT(*) FROM data_keys WHERE retired_at IS NOT NULL").await, 0);
    assert_eq!(house.number("SELECT COUNT(*) FROM key_rotations WHERE state <> 'finished'").await, 0);
    let ends = "SELECT COUNT(*) FROM audit_events WHERE action = 'key_rotation.finish'";
    assert_eq!(house.number(ends).await, house.number("SELECT COUNT(*) FROM key_rotations").await);
}

test_support::on_both_stores! {
    async fn k05_rotations_by_command_are_killed_twenty_times_and_nothing_is_lost(database: TestDatabase) {
        let mut house = House::new(database).await;
        let mut random = Random::new();
        let organization = house.organization.to_string();
        let of_organization = ["keys", "rotate", "organization", organization.as_str()];
        let (of_platform, of_master) = (["keys", "rotate", "platform"], ["keys", "rotate", "master"]);
        let mut masters = (("master.key", MASTER_KEY), ("other.key", OTHER_KEY));
        if said_values().is_some() {
            // At leisure: nobody is killed, nobody writes.
            let (values, others, own) = (house.values.len(), house.others.len() + 2, house.of_platform.len() + 1);
            println!("an organization's key: {}", pace(values, "values", || house.rotates(&of_organization)));
            println!("the platform's key: {}", pace(own, "values", || house.rotates(&of_platform)));
            masters = (masters.1, masters.0);
            house.change_master_key(masters.0.0, masters.1.0);
            println!("the master key: {}", pace(others, "data keys", || house.rotates(&of_master)));
        }
        let load = Load::start(&house);
        let mut killed = [0; 3];
        while killed.iter().sum::<u32>() < KILLS {
            // Of every kind in turn; each rotation is killed up to three times. The platform has the least to do.
            let (which, command): (_, &[&str]) = match random.below(5) {
                0 => (0, &of_platform),
                1 | 2 => (1, &of_master),
                _ => (2, &of_organization),
            };
            if which == 1 {
                masters = (masters.1, masters.0);
                house.change_master_key(masters.0.0, masters.1.0);
            }
            for _ in 0..=random.below(3) {
                if house.kill_during_rotation(house.spawn(command), &mut random).await {
                    killed[which] += 1;
                    house.end_leases().await;
                } else {
                    // It had ended, or never begun.
                    break;
                }
            }
            house.rotates(command);
        }
        let [platform, master, organizations] = killed;
        assert!(organizations > 0 && master > 0);
        let (writes, reads) = load.done();
        check_whole(&house, load.end().await, masters.0.1).await;
        println!(
            "rotation: ended: {} values; killed: {organizations} rotations of an organization's key, {platform} of \
             the platform's, {master} of the master key; meanwhile {writes} writes and {reads} reads: 0 lost",
            house.values.len() + house.others.len() + house.of_platform.len(),
        );
    }

    async fn k05_a_server_that_rotates_is_killed_and_the_next_one_goes_on(database: TestDatabase) {
        let house = House::new(database).await;
        let mut random = Random::new();
        let load = Load::start(&house);
        let rotations = secrets_vault::KeyRotations::new(
            vault(&house.journal, &[MASTER_KEY]),
            secrets_vault::RotationLimits::default(),
        );
        let subject = secrets_vault::Subject::KeyOf(secrets_vault::Holder::Organization(house.organization));
        let mut kills = 0;
        while kills < 4 {
            // Started, and left to whichever server sees it.
            let begun = rotations.begin(subject, OffsetDateTime::now_utc()).await.unwrap();
            while house.kill_during_rotation(house.spawn(&["serve"]), &mut random).await && kills < 4 {
                kills += 1;
                house.end_leases().await;
            }
            let mut last = house.spawn(&["serve"]);
            let deadline = Instant::now() + Duration::from_secs(60);
            // This one waits for the lease of the one that was killed last.
            while rotations.look_at(begun.id).await.unwrap().finished_at.is_none() {
                let log = || std::fs::read_to_string(house.log()).unwrap();
                assert!(Instant::now() < deadline, "no server goes on: {}", log());
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            last.kill().unwrap();
            last.wait().unwrap();
        }
        check_whole(&house, load.end().await, MASTER_KEY).await;
    }
}

test_support::on_both_stores! {
    async fn server_secrets_of_an_organization_are_rotated_from_anywhere(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let vybe = CommandLine::of(&platform);
        let organization = platform.demo.seeded.organization.to_string();
        let whoami = async |secret: &str| {
            let client = platform.browser().client;
            let request = client.request("GET", &platform.url("/api/v1/whoami"));
            request.header("VYBE_SERVER_SECRET", secret).send().await.status
        };
        let rotate = ["keys", "rotate", "server-secrets", "--organization", organization.as_str()];
        let said = vybe.ends(0, &[&rotate[..], &["--grace", "1h", "--progress"]].concat()).await;
        assert!(said.contains(&format!("{organization}: ")) && said.contains("have a new server secret"), "{said}");
        assert_eq!(whoami(platform.server_secret("hello")).await, 200, "for an hour");
        let refused = vybe.ends(1, &rotate).await;
        assert!(refused.contains("(409 "), "{refused}");
        vybe.ends(0, &[&rotate[..], &["--grace", "0"]].concat()).await;
        assert_eq!(whoami(platform.server_secret("hello")).await, 401);
        let refused = vybe.ends(1, &[&rotate[..], &["--grace", "31d"]].concat()).await;
        assert!(refused.contains("(422 "), "{refused}");
    }
}

#[test]
fn keys_says_where_they_stand() {
    let setting = Setting::new();
    let before =
        vybe(setting.folder.path(), &["keys", "status", "--config", setting.path().to_str().unwrap()]);
    assert!(!before.status.success(), "no platform was ever started with this database");
    crate::starting::Served::start(&setting).stop();
    let said = |arguments: &[&str]| {
        let output = setting.run(arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let status = said(&["keys", "status"]);
    let id = MasterKey::parse(MASTER_KEY).unwrap().id().to_owned();
    assert!(status.contains(&format!("{id}, the current master key, wraps 1 data key")), "{status}");
    assert!(status.contains("most used: the key of platform has sealed"), "{status}");
    let rotated = said(&["keys", "rotate", "platform"]);
    assert!(rotated.contains("platform: rotated; ") && rotated.contains("is destroyed"), "{rotated}");
    assert!(said(&["keys", "rotate", "every-organization"]).contains("done: 0 organizations"));
    let signing = said(&["keys", "rotate", "user-token-signing"]);
    assert!(signing.contains("is published now and signs in ten minutes"), "{signing}");
    crate::starting::Served::start(&setting).stop();
}
