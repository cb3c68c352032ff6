//! The differential check of paths (P15): what the platform lets through must not make a real Next.js
//! app return a page that a path rule keeps from the person.
//!
//! Started by `cargo xtask soak next-paths`, which builds and starts the apps. Every generated request is
//! read by [`middleware::reach`] and decided as a Member who passes none of the app's rules; what is
//! allowed is sent to the app as it would be forwarded, and the marker of the ruled pages must not
//! come back. Requests for ordinary pages must be allowed, and unchanged.

#![expect(clippy::print_stdout, reason = "a command that reports on its standard output")]

mod app;
mod generator;
mod judge;
mod random;
mod spelling;

use std::sync::Arc;

use app::App;
use generator::Generator;
use judge::{Judge, Judgement};

/// What the fixture's ruled pages contain.
pub const MARKER: &str = "ruled-marker-7b1f0c";
/// Requests open at a time, for each app.
const CONNECTIONS: u64 = 6;
/// One in so many refused requests is sent all the same, to show that the generator can find leaks.
const CONTROL: u64 = 5;
/// Leaks that are printed in full.
const PRINTED: usize = 40;

/// What was counted.
#[derive(Default)]
struct Tally {
    targets: u64,
    sent: u64,
    leaks: u64,
    canonical: u64,
    false_refusals: u64,
    broken_pages: u64,
    controls: u64,
    controls_with_marker: u64,
    examples: Vec<String>,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.targets += other.targets;
        self.sent += other.sent;
        self.leaks += other.leaks;
        self.canonical += other.canonical;
        self.false_refusals += other.false_refusals;
        self.broken_pages += other.broken_pages;
        self.controls += other.controls;
        self.controls_with_marker += other.controls_with_marker;
        self.examples.extend(other.examples);
    }
}

struct Options {
    targets: u64,
    seed: u64,
    apps: Vec<App>,
}

fn options() -> Result<Options, String> {
    let mut options = Options { targets: 100_000, seed: 1, apps: Vec::new() };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().ok_or(format!("{word} needs a value"))?;
        match word.as_str() {
            "--targets" => options.targets = value.parse().map_err(|_| "--targets: a number")?,
            "--seed" => options.seed = value.parse().map_err(|_| "--seed: a number")?,
            "--app" => options.apps.push(App::open(&value)?),
            _ => return Err(format!("unknown option {word}; use --targets, --seed and --app")),
        }
    }
    if options.apps.is_empty() {
        return Err("name at least one app: --app <version>=<address>=<folder>".to_owned());
    }
    Ok(options)
}

#[tokio::main]
async fn main() -> Result<(), String> {
    let options = options()?;
    let share = options.targets.div_ceil(options.apps.len() as u64);
    let mut total = Tally::default();
    for app in options.apps {
        let app = Arc::new(app);
        app.check_controls().await?;
        let mut workers = Vec::new();
        for worker in 0..CONNECTIONS {
            let app = Arc::clone(&app);
            let numbers = (worker..share).step_by(CONNECTIONS as usize);
            workers.push(tokio::spawn(async move { work(&app, options.seed, numbers).await }));
        }
        let mut tally = Tally::default();
        for worker in workers {
            tally.add(worker.await.map_err(|error| error.to_string())??);
        }
        println!(
            "Next.js {}: {} targets, {} forwarded, {} leaks, {} of {} canonical refused, {} broken; \
             {} of {} refused targets that were sent as a control returned the marker",
            app.version,
            tally.targets,
            tally.sent,
            tally.leaks,
            tally.false_refusals,
            tally.canonical,
            tally.broken_pages,
            tally.controls_with_marker,
            tally.controls
        );
        total.add(tally);
    }
    for example in total.examples.iter().take(PRINTED) {
        println!("{example}");
    }
    println!(
        "next-paths: {} targets, {} leaks, {} false refusals of {} canonical (seed {})",
        total.targets, total.leaks, total.false_refusals, total.canonical, options.seed
    );
    if total.leaks > 0 || total.false_refusals * 1000 > total.canonical || total.broken_pages > 0 {
        return Err("the check failed".to_owned());
    }
    if total.controls_with_marker == 0 {
        return Err("no control returned the marker: the generator finds nothing".to_owned());
    }
    Ok(())
}

async fn work(app: &App, seed: u64, numbers: impl Iterator<Item = u64>) -> Result<Tally, String> {
    let mut tally = Tally::default();
    let mut connection = app.connect().await?;
    let judge = Judge::new();
    for number in numbers {
        let request = Generator::new(seed, number, app).request();
        tally.targets += 1;
        tally.canonical += u64::from(request.canonical);
        let forwarded = match judge.judge(&request) {
            Judgement::Forward(forwarded) => forwarded,
            Judgement::Refuse(why) => {
                if request.canonical {
                    tally.false_refusals += 1;
                    tally.examples.push(format!("false refusal ({why}): {request}"));
                } else if number % CONTROL == 0 {
                    // What cannot even be written as a request target is no control.
                    if let Some(answer) = connection.control(&request).await? {
                        tally.controls += 1;
                        tally.controls_with_marker += u64::from(answer.has_marker);
                    }
                }
                continue;
            }
        };
        tally.sent += 1;
        let mut answer = connection.send(&forwarded).await?;
        // Next.js 16 sends the client router to a target with a checksum of its headers.
        if let Some(location) = answer.location.take().filter(|_| answer.status == 307)
            && let Judgement::Forward(next) = judge.judge(&request.redirected(&location))
        {
            answer = connection.send(&next).await?;
        }
        if answer.has_marker {
            tally.leaks += 1;
            tally.examples.push(format!("leak from Next.js {}: {request} as {forwarded}", app.version));
        }
        if request.canonical && (answer.status >= 400 || forwarded.target != request.target) {
            tally.broken_pages += 1;
            tally.examples.push(format!("broken ({}): {request} as {forwarded}", answer.status));
        }
    }
    Ok(tally)
}
