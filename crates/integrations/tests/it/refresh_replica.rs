//! Engines in processes of their own, which can be killed.
//!
//! The test binary runs itself. A replica says every step of every refresh on its standard output, and goes on when it is
//! told to on its standard input; or it just works.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use ids::{AccountId, OrganizationId};
use integrations::{RefreshBounds, RefreshObserver, RefreshStep};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use crate::refresh_house::{Setting, access, quick};

/// Where a replica finds its orders.
const ORDERS: &str = "VYBE_TEST_REPLICA";

/// What a replica does.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Orders {
    pub setting: Setting,
    /// Whether it asks before it goes on after each step.
    pub asks: bool,
    /// How long a lease lasts.
    pub lease: Duration,
    /// Accounts that it uses all the time, as calls would.
    pub uses: Option<(OrganizationId, Vec<AccountId>)>,
}

/// What a replica says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// A refresh has come to a step.
    Step(RefreshStep, AccountId),
    /// A call would be made with this token now.
    Use(String),
    /// There is nothing to make a call with.
    NoUse(String),
}

/// A process that refreshes.
pub struct Replica {
    child: Child,
    orders: ChildStdin,
    pub said: mpsc::UnboundedReceiver<Said>,
}

impl Replica {
    pub fn start(orders: &Orders) -> Self {
        Self::start_through(Command::new(std::env::current_exe().unwrap()), orders)
    }

    /// In a process whose clock is wrong by so many seconds.
    pub fn start_with_clock(orders: &Orders, seconds: i64) -> Self {
        let mut command = Command::new("faketime");
        // Durations are measured by another clock, which nobody sets.
        command.args(["--exclude-monotonic", "-f", &format!("{seconds:+}s")]);
        command.arg(std::env::current_exe().unwrap());
        Self::start_through(command, orders)
    }

    fn start_through(mut command: Command, orders: &Orders) -> Self {
        let mut child = command
            .args(["--exact", "refresh_replica::a_replica", "--ignored", "--nocapture"])
            .env(ORDERS, serde_json::to_string(orders).unwrap())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program, or faketime (`cargo xtask test` installs it)");
        let output = BufReader::new(child.stdout.take().unwrap());
        let (say, said) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let words: Vec<&str> = line.split(' ').collect();
                let heard = match words.as_slice() {
                    ["step", step, account] => {
                        let step = RefreshStep::ALL.into_iter().find(|known| known.as_str() == *step);
                        Said::Step(step.unwrap(), account.parse().unwrap())
                    }
                    ["use", token] => Said::Use((*token).to_owned()),
                    ["no-use", why @ ..] => Said::NoUse(why.join(" ")),
                    // The harness's own.
                    _ => continue,
                };
                if say.send(heard).is_err() {
                    return;
                }
            }
        });
        let orders = child.stdin.take().unwrap();
        Self { child, orders, said }
    }

    /// Lets a refresh go on.
    pub fn let_on(&mut self, account: AccountId) {
        // One that was killed does not listen.
        let _ = writeln!(self.orders, "{account}");
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks before it goes on.
#[derive(Default)]
struct Asking {
    waiting: Mutex<HashMap<AccountId, oneshot::Sender<()>>>,
}

#[async_trait]
impl RefreshObserver for Asking {
    async fn reached(&self, step: RefreshStep, account: AccountId) {
        let (let_on, goes_on) = oneshot::channel();
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(account, let_on);
        say(&format!("step {} {account}", step.as_str()));
        goes_on.await.unwrap();
    }
}

/// On a line of its own: the harness does not end its last one.
fn say(line: &str) {
    let mut output = std::io::stdout().lock();
    writeln!(output, "\n{line}").unwrap();
    output.flush().unwrap();
}

#[test]
#[ignore = "a process of other tests"]
fn a_replica() {
    let Ok(orders) = std::env::var(ORDERS) else { return };
    let orders: Orders = serde_json::from_str(&orders).unwrap();
    let asking = Arc::new(Asking::default());
    let listening = Arc::clone(&asking);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            let account = line.parse().unwrap();
            let waiting = listening.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&account);
            if let Some(let_on) = waiting {
                let _ = let_on.send(());
            }
        }
        // Whoever started it is gone.
        std::process::exit(0);
    });
    test_support::run(async {
        let database = migrations::connect(&orders.setting.store).await.unwrap();
        let bounds = RefreshBounds { lease: orders.lease, patience: orders.lease / 2, ..quick() };
        let observer = orders.asks.then_some(asking as Arc<dyn RefreshObserver>);
        let engine = orders.setting.engine(&database, bounds, observer);
        let working = engine.start();
        if let Some((organization, accounts)) = orders.uses {
            for account in accounts {
                let tokens = engine.tokens.clone();
                tokio::spawn(async move {
                    loop {
                        let found = tokens.find(organization, account).await.unwrap().unwrap();
                        match tokens.of(&found).await {
                            Ok(unlocked) => say(&format!("use {}", access(&unlocked.credentials))),
                            Err(error) => say(&format!("no-use {error:?}")),
                        }
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                });
            }
        }
        std::future::pending::<()>().await;
        working.end().await;
    });
}
