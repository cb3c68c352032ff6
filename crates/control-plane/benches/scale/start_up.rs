//! How long a start takes with very many sessions and apps in the store, and what a change costs then.

use std::time::{Duration, Instant};

use ids::UserId;

use crate::Machine;
use crate::connection::{Connection, Target};
use crate::figures::Times;
use crate::filling;
use crate::served::Served;
use crate::world::{StoreKind, World};

/// How many of what.
#[derive(clap::Args)]
pub struct Options {
    /// How many live sessions
    #[arg(long, default_value_t = 1_000_000)]
    sessions: usize,
    /// How many apps
    #[arg(long, default_value_t = 100_000)]
    apps: usize,
    /// How many starts; the longest counts
    #[arg(long, default_value_t = 3)]
    starts: usize,
    /// Which store; both when left out
    #[arg(long, value_enum)]
    store: Option<StoreKind>,
}

/// The longest that a start may take.
const LONGEST_START: Duration = Duration::from_secs(5);
/// What it is compared with.
const FEW: usize = 100;
/// How many changes of each kind are timed.
const CHANGES: usize = 100;

/// What one store with one content came to.
struct Figures {
    ready: Duration,
    answered: Duration,
    cpu: Duration,
    memory: f64,
    app_changes: Times,
    revocations: Times,
}

/// Measures, prints, and says whether everything held.
pub async fn run(machine: &Machine, options: &Options) -> bool {
    let stores = match options.store {
        Some(store) => vec![store],
        None => vec![StoreKind::Sqlite, StoreKind::Postgres],
    };
    let mut held = true;
    for store in stores {
        let world = World::new(store, 1).await;
        let (few_apps, few_sessions) = (options.apps / FEW, options.sessions / FEW);
        fill(&world, (0, few_apps), few_sessions).await;
        let few = measure(&world, machine, options.starts).await;
        let began = Instant::now();
        fill(&world, (few_apps, options.apps), options.sessions - few_sessions).await;
        println!("{store:?}: filled in {:.0} s", began.elapsed().as_secs_f64());
        let many = measure(&world, machine, options.starts).await;
        held &= print(store, options, few, many);
    }
    println!("\nstart-up: {}", if held { "held" } else { "did not hold" });
    held
}

async fn fill(world: &World, (from, to): (usize, usize), sessions: usize) {
    let people: Vec<UserId> = filling::add_apps(world, from, to).await;
    filling::add_sessions(world, &people, sessions).await;
    filling::settle(world).await;
}

async fn measure(world: &World, machine: &Machine, starts: usize) -> Figures {
    let mut figures = Figures {
        ready: Duration::ZERO,
        answered: Duration::ZERO,
        cpu: Duration::ZERO,
        memory: 0.0,
        app_changes: Times::default(),
        revocations: Times::default(),
    };
    let sessions = filling::add_sessions(world, &[world.people["owner"]], CHANGES).await;
    for turn in 1..=starts {
        let (served, ready) = Served::start_and_wait(world, machine, 0);
        figures.cpu = figures.cpu.max(served.cpu());
        let app = Target::new(served.https, &world.app_host, &world.authority);
        let mut connection = app.connect(0).await.unwrap();
        let cookie = &world.cookies[0];
        let authority = app.authority();
        let request = format!("GET /echo HTTP/1.1\r\nHost: {authority}\r\nCookie: {cookie}\r\n\r\n");
        let (head, body) = connection.exchange(request.as_bytes()).await.unwrap();
        assert_eq!(head.status, 200, "{}", String::from_utf8_lossy(&body));
        let answered = served.age();
        println!(
            "  ready after {:.2} s, a request of somebody signed in answered after {:.2} s",
            ready.as_secs_f64(),
            answered.as_secs_f64()
        );
        figures.ready = figures.ready.max(ready);
        figures.answered = figures.answered.max(answered);
        if turn == starts {
            // What begins with a start has ended.
            tokio::time::sleep(Duration::from_secs(3)).await;
            figures.memory = served.memory();
            change(world, &served, &sessions, &mut figures).await;
        }
        served.stop();
    }
    figures
}

/// Names an app anew, again and again; ends sessions, one after the other, each by itself.
async fn change(world: &World, served: &Served, tokens: &[String], figures: &mut Figures) {
    let platform = Target::new(served.https, control_plane::demo::HOST, &world.authority);
    let mut connection = platform.connect(0).await.unwrap();
    for (number, token) in tokens.iter().enumerate() {
        let body = format!(r#"{{"name":"Hello {number}"}}"#);
        let path = format!("/api/v1/apps/{}", world.app);
        let took = call(&platform, &mut connection, ("PATCH", &path), &world.api_token, &body).await;
        figures.app_changes.add(took);
        let digits = token.split('_').nth(2).unwrap();
        let path = format!("/api/v1/sessions/ses_{digits}");
        let took = call(&platform, &mut connection, ("DELETE", &path), token, "").await;
        figures.revocations.add(took);
    }
}

async fn call(
    target: &Target,
    connection: &mut Connection,
    (method, path): (&str, &str),
    token: &str,
    body: &str,
) -> Duration {
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        target.authority(),
        body.len()
    );
    let began = Instant::now();
    let (head, body) = connection.exchange(request.as_bytes()).await.unwrap();
    let took = began.elapsed();
    assert!(
        matches!(head.status, 200 | 204),
        "{method} {path}: {} {}",
        head.status,
        String::from_utf8_lossy(&body)
    );
    if head.closes {
        *connection = target.connect(0).await.unwrap();
    }
    took
}

fn print(store: StoreKind, options: &Options, mut few: Figures, mut many: Figures) -> bool {
    println!(
        "\n| {store:?} | {} apps, {} sessions | {} apps, {} sessions |",
        options.apps / FEW,
        options.sessions / FEW,
        options.apps,
        options.sessions
    );
    println!("|---|---|---|");
    let mut row = |what: &str, pick: &mut dyn FnMut(&mut Figures) -> f64, unit: &str, digits: usize| {
        let (few, many) = (pick(&mut few), pick(&mut many));
        println!("| {what} | {few:.digits$} {unit} | {many:.digits$} {unit} |");
    };
    row("start until /readyz says 200, longest", &mut |figures| figures.ready.as_secs_f64(), "s", 2);
    row(
        "until somebody signed in is answered, longest",
        &mut |figures| figures.answered.as_secs_f64(),
        "s",
        2,
    );
    row("seconds on a core until then, most", &mut |figures| figures.cpu.as_secs_f64(), "s", 2);
    row("memory after the start", &mut |figures| figures.memory, "MiB", 0);
    row("one app changed, p50", &mut |figures| figures.app_changes.within(500), "ms", 2);
    row("one app changed, p99", &mut |figures| figures.app_changes.within(990), "ms", 2);
    row("one session ended, p50", &mut |figures| figures.revocations.within(500), "ms", 2);
    row("one session ended, p99", &mut |figures| figures.revocations.within(990), "ms", 2);
    many.answered <= LONGEST_START
}
