//! Hostile clients of every kind, one kind after the other, and what everybody else notices of them.
//!
//! Well-behaved people ask the app and the API at a constant rate; hostile clients, in a process of their own and from
//! addresses of their own, do their worst meanwhile. Nobody else may wait more than twice as long as without them,
//! memory stays within a bound, and nothing panics.

mod attack;
mod clients;
mod provider;

use std::time::Duration;

use clap::ValueEnum as _;

pub use self::attack::Attack;
use self::clients::Clients;
pub use self::clients::{Options as ClientOptions, serve as clients};
use self::provider::SilentProvider;
use crate::Machine;
use crate::connection::Target;
use crate::figures::Times;
use crate::requests::{self, Outcome};
use crate::served::Served;
use crate::world::{StoreKind, World};

/// How hard, and for how long.
#[derive(clap::Args)]
pub struct Options {
    /// How many seconds of each kind
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Of this kind only; several are possible
    #[arg(long, value_enum)]
    only: Vec<Attack>,
    /// A smaller number of hostile clients, in percent
    #[arg(long, default_value_t = 100)]
    percent: usize,
}

/// Requests a second for the app.
const APP_RATE: u32 = 200;
/// And for the API.
const API_RATE: u32 = 50;
/// How much longer others may wait, at most.
const MOST_TIMES: f64 = 2.0;
/// How long hostile clients have before others are looked at.
const SETTLING: Duration = Duration::from_secs(3);

/// What is set differently from the defaults: one token stands for very many people.
const LIMITS: &str = "api_per_minute = 1000000\napi_burst = 100000\n";

/// What everybody else met with.
struct Noticed {
    app: Outcome,
    api: Outcome,
    memory: f64,
}

/// Measures, prints, and says whether everything held.
pub async fn run(machine: &Machine, options: &Options) -> bool {
    let world = World::new(StoreKind::Sqlite, 5).await;
    let provider = SilentProvider::start().await;
    let extra = format!("{LIMITS}{}", provider.configuration());
    let (served, _) = Served::start_and_wait_with(&world, machine, 0, &extra);
    let others = Others::new(&world, &served);
    others.ask(Duration::from_secs(5)).await;
    let empty = served.memory();
    let mut baseline = others.ask(Duration::from_secs(2 * options.seconds)).await;
    let (app, api) = (p99(&mut baseline.app.due), p99(&mut baseline.api.due));
    println!(
        "memory before: {empty:.0} MiB; {APP_RATE} requests a second for the app, {API_RATE} for the API\n"
    );
    println!(
        "| hostile clients | app p50 | app p99 | API p99 | times as long | errors of others | memory MiB | they |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    println!(
        "| none | {:.2} | {app:.2} | {api:.2} | | {} | {:.0} | |",
        baseline.app.due.within(500),
        baseline.errors(),
        baseline.memory
    );
    let mut held = baseline.errors() == 0;
    for attack in Attack::value_variants() {
        if !options.only.is_empty() && !options.only.contains(attack) {
            continue;
        }
        let clients = Clients::start(*attack, &world, &served, options.percent);
        tokio::time::sleep(SETTLING).await;
        let mut noticed = others.ask(Duration::from_secs(options.seconds)).await;
        let did = clients.stop();
        let times = (p99(&mut noticed.app.due) / app).max(p99(&mut noticed.api.due) / api);
        let within =
            times <= MOST_TIMES && noticed.errors() == 0 && noticed.memory - empty < attack.most_memory();
        println!(
            "| {}{} | {:.2} | {:.2} | {:.2} | {times:.2} | {} | {:.0} | {did} |",
            attack.in_words(),
            if within { "" } else { " (**too much**)" },
            noticed.app.due.within(500),
            p99(&mut noticed.app.due),
            p99(&mut noticed.api.due),
            noticed.errors(),
            noticed.memory,
        );
        if let Some(error) = noticed.app.first_error.or(noticed.api.first_error) {
            println!("\nthe first error: {error}\n");
        }
        held &= within;
        // What was cut is gone before the next kind comes.
        tokio::time::sleep(SETTLING).await;
    }
    println!("\nmemory afterwards: {:.0} MiB", served.memory());
    println!("\n{}", served.numbers(&["vybe_rate_limited_total", "vybe_shed_total"]));
    let panics = served.log(&world, 0).matches("panicked").count();
    println!("panics: {panics}");
    served.stop();
    held &= panics == 0;
    println!("\nhostile: {}", if held { "held" } else { "did not hold" });
    held
}

fn p99(times: &mut Times) -> f64 {
    times.within(990)
}

impl Noticed {
    fn errors(&self) -> usize {
        self.app.errors + self.api.errors
    }
}

/// Everybody else.
struct Others<'a> {
    served: &'a Served,
    app: Target,
    api: Target,
    app_requests: Vec<String>,
    api_requests: Vec<String>,
}

impl<'a> Others<'a> {
    fn new(world: &World, served: &'a Served) -> Self {
        let app = Target::new(served.https, &world.app_host, &world.authority);
        let api = Target::new(served.https, control_plane::demo::HOST, &world.authority);
        let app_requests =
            world.cookies.iter().map(|cookie| requests::for_app(&app.authority(), cookie)).collect();
        let api_requests = vec![format!(
            "GET /api/v1/organizations HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\r\n",
            api.authority(),
            world.api_token
        )];
        Self { served, app, api, app_requests, api_requests }
    }

    async fn ask(&self, duration: Duration) -> Noticed {
        let (app, api) = ([self.app.clone()], [self.api.clone()]);
        let watching = async {
            let (mut most, end) = (0.0_f64, tokio::time::Instant::now() + duration);
            while tokio::time::Instant::now() < end {
                most = most.max(self.served.memory());
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            most
        };
        let (app, api, memory) = tokio::join!(
            requests::run_these(APP_RATE, duration, &app, &self.app_requests),
            requests::run_these(API_RATE, duration, &api, &self.api_requests),
            watching
        );
        Noticed { app, api, memory }
    }
}
