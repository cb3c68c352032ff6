//! What sessions in memory take.

use crate::Machine;
use crate::connection::{Connection, Target};
use crate::filling;
use crate::served::Served;
use crate::world::{StoreKind, World};

/// How many.
#[derive(clap::Args)]
pub struct Options {
    /// How many sessions are taken into memory, ten thousand at a time
    #[arg(long, default_value_t = 100_000)]
    sessions: usize,
}

/// How many between two readings.
const STEP: usize = 10_000;

/// Measures and prints.
pub async fn run(machine: &Machine, options: &Options) -> bool {
    let world = World::new(StoreKind::Sqlite, 1).await;
    let people = filling::add_apps(&world, 0, 1_000).await;
    // Those before the first reading fill what is made once: the store's pages, buffers, statements.
    let tokens = filling::add_sessions(&world, &people, options.sessions + STEP).await;
    filling::settle(&world).await;
    let (served, _) = Served::start_and_wait(&world, machine, 0);
    let target = Target::new(served.https, control_plane::demo::HOST, &world.authority);
    let mut connection = target.connect(0).await.unwrap();
    println!("| sessions in memory | memory MiB | more than before |\n|---|---|---|");
    let mut readings: Vec<f64> = Vec::new();
    for some in tokens.chunks(STEP) {
        for token in some {
            ask(&target, &mut connection, token).await;
        }
        let memory = served.memory();
        let more = readings.last().map_or(f64::NAN, |before| memory - before);
        readings.push(memory);
        println!("| {} | {memory:.1} | {more:+.1} |", readings.len() * STEP);
    }
    served.stop();
    let steps = readings.len() - 1;
    let each = (readings[steps] - readings[0]) / steps as f64;
    println!(
        "\nmemory: {each:.1} MiB for 10,000 sessions, {:.0} bytes each",
        each * 1024.0 * 1024.0 / STEP as f64
    );
    each > 0.0
}

async fn ask(target: &Target, connection: &mut Connection, token: &str) {
    let request = format!(
        "GET /api/v1/organizations HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\n\r\n",
        target.authority()
    );
    let (head, body) = connection.exchange(request.as_bytes()).await.unwrap();
    assert_eq!(head.status, 200, "{}", String::from_utf8_lossy(&body));
    if head.closes {
        *connection = target.connect(0).await.unwrap();
    }
}
