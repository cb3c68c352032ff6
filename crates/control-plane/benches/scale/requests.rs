//! Requests at a constant rate, whatever the server does.
//!
//! Every connection has a timetable. A time counts from when the request should have been sent, so that a server which
//! stands still for a moment is charged with everybody who would have asked meanwhile (no coordinated omission).

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::connection::{Connection, Target};
use crate::figures::Times;

/// How many connections share the rate.
pub const CONNECTIONS: usize = 500;

/// What the requests met with.
#[derive(Default)]
pub struct Outcome {
    /// From the moment a request was due until its whole answer was there.
    pub due: Times,
    /// From the moment it was sent, which is what the server alone took.
    pub sent: Times,
    /// Answers other than 200, and connections that broke.
    pub errors: usize,
    /// The first of them.
    pub first_error: Option<String>,
}

impl Outcome {
    fn add(&mut self, other: Self) {
        self.due.append(&other.due);
        self.sent.append(&other.sent);
        self.errors += other.errors;
        self.first_error = self.first_error.take().or(other.first_error);
    }
}

/// A request of somebody signed in, for the app.
pub fn for_app(authority: &str, cookie: &str) -> String {
    format!("GET /echo HTTP/1.1\r\nHost: {authority}\r\nCookie: {cookie}\r\n\r\n")
}

/// So many requests a second for so long, spread over targets and sessions.
pub async fn run(rate: u32, duration: Duration, targets: &[Target], cookies: &[String]) -> Outcome {
    // All targets are one app.
    let authority = targets[0].authority();
    let requests: Vec<String> = cookies.iter().map(|cookie| for_app(&authority, cookie)).collect();
    run_these(rate, duration, targets, &requests).await
}

/// So many of these requests a second for so long, spread over targets.
pub async fn run_these(rate: u32, duration: Duration, targets: &[Target], requests: &[String]) -> Outcome {
    let connections = CONNECTIONS.min(rate as usize);
    let apart = Duration::from_secs(1).mul_f64(connections as f64 / f64::from(rate));
    let began = Instant::now() + Duration::from_secs(1);
    let mut tasks = JoinSet::new();
    for number in 0..connections {
        let target = targets[number % targets.len()].clone();
        let request = requests[number % requests.len()].clone();
        let first = began + apart.mul_f64(number as f64 / connections as f64);
        tasks.spawn(ask(target, number, request, (first, apart), began + duration));
    }
    let mut all = Outcome::default();
    while let Some(outcome) = tasks.join_next().await {
        all.add(outcome.unwrap());
    }
    all
}

async fn ask(
    target: Target,
    number: usize,
    request: String,
    (mut due, apart): (Instant, Duration),
    end: Instant,
) -> Outcome {
    let mut outcome = Outcome::default();
    let mut connection: Option<Connection> = target.connect(number).await.ok();
    while due < end {
        sleep_until(due).await;
        let sent = Instant::now();
        match one(&target, number, &mut connection, request.as_bytes()).await {
            Ok(()) => {
                outcome.sent.add(sent.elapsed());
                outcome.due.add(due.elapsed());
            }
            Err(error) => {
                outcome.errors += 1;
                outcome.first_error.get_or_insert_with(|| error.to_string());
            }
        }
        due += apart;
    }
    outcome
}

async fn one(
    target: &Target,
    number: usize,
    kept: &mut Option<Connection>,
    request: &[u8],
) -> std::io::Result<()> {
    // One that fails is not used again.
    let mut connection = match kept.take() {
        Some(connection) => connection,
        None => target.connect(number).await?,
    };
    let (head, body) = connection.exchange(request).await?;
    if head.status != 200 {
        let text = String::from_utf8_lossy(&body).into_owned();
        return Err(std::io::Error::other(format!("{}: {text}", head.status)));
    }
    if !head.closes {
        *kept = Some(connection);
    }
    Ok(())
}
