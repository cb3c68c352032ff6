//! Very many open WebSockets, each of which echoes now and then (RFC 6455).

use std::io::{Error, ErrorKind, Result};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use crate::connection::{Connection, PATIENCE, Target};
use crate::figures::Times;

/// How many are being opened at the same time.
const OPENING: usize = 64;
/// How often each echoes.
const ECHO_EVERY: Duration = Duration::from_secs(20);
/// Four bytes that every frame of ours is masked with; a server does not care which.
const MASK: [u8; 4] = [0x12, 0x34, 0x56, 0x78];

/// What became of them.
#[derive(Default)]
pub struct Tally {
    /// Opened, ever.
    pub opened: AtomicUsize,
    /// Not opened.
    pub refused: AtomicUsize,
    /// Ended before they should.
    pub cut: AtomicUsize,
    /// The first thing that went wrong.
    pub first_error: Mutex<Option<String>>,
    /// How long echoes took.
    pub echoes: Mutex<Times>,
}

impl Tally {
    fn failed(&self, counter: &AtomicUsize, error: &Error) {
        counter.fetch_add(1, Ordering::Relaxed);
        self.first_error.lock().unwrap().get_or_insert_with(|| error.to_string());
    }
}

/// Open WebSockets.
pub struct Sockets {
    /// What became of them.
    pub tally: Arc<Tally>,
    over: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Sockets {
    /// Opens so many, spread over targets and sessions, and waits until each was opened or refused.
    pub async fn open(count: usize, targets: &[Target], cookies: &[String]) -> Self {
        let tally = Arc::<Tally>::default();
        let (over, ending) = watch::channel(false);
        let turns = Arc::new(Semaphore::new(OPENING));
        let mut tasks = JoinSet::new();
        for number in 0..count {
            let target = targets[number % targets.len()].clone();
            let cookie = cookies[number % cookies.len()].clone();
            let (tally, turns, mut ending) = (Arc::clone(&tally), Arc::clone(&turns), ending.clone());
            tasks.spawn(async move {
                let turn = turns.acquire_owned().await.unwrap();
                let opened = timeout(PATIENCE, open(&target, &cookie, number)).await;
                drop(turn);
                let connection = match opened.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into())) {
                    Ok(connection) => connection,
                    Err(error) => return tally.failed(&tally.refused, &error),
                };
                tally.opened.fetch_add(1, Ordering::Relaxed);
                // Not all in the same second.
                let first = ECHO_EVERY.mul_f64((number % 1000) as f64 / 1000.0);
                tokio::select! {
                    Err(error) = echo(connection, &tally, Instant::now() + first) => tally.failed(&tally.cut, &error),
                    _ = ending.wait_for(|over| *over) => {}
                }
            });
        }
        let done = || tally.opened.load(Ordering::Relaxed) + tally.refused.load(Ordering::Relaxed);
        while done() < count {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Self { tally, over, tasks }
    }

    /// Closes all of them.
    pub async fn close(mut self) -> Arc<Tally> {
        let _ = self.over.send(true);
        while self.tasks.join_next().await.is_some() {}
        self.tally
    }
}

async fn open(target: &Target, cookie: &str, number: usize) -> Result<Connection> {
    let mut connection = target.connect(number).await?;
    let authority = target.authority();
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: {authority}\r\nOrigin: https://{authority}\r\nCookie: {cookie}\r\n\
         Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    connection.send(request.as_bytes()).await?;
    let head = connection.head().await?;
    if head.status != 101 {
        return Err(Error::other(format!("a WebSocket was answered {}", head.status)));
    }
    Ok(connection)
}

/// Echoes now and then, and notices when the other end goes.
async fn echo(mut connection: Connection, tally: &Tally, mut next: Instant) -> Result<()> {
    let payload = b"is anybody there?";
    let length = u8::try_from(payload.len()).unwrap_or_default();
    let mut frame = vec![0x81, 0x80 | length];
    frame.extend_from_slice(&MASK);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    let mut answer = vec![0x81, length];
    answer.extend_from_slice(payload);
    loop {
        tokio::select! {
            read = connection.more() => {
                read?;
                return Err(Error::other("a frame that nobody asked for, or a closing one"));
            }
            () = sleep_until(next) => {}
        }
        let sent = Instant::now();
        connection.send(&frame).await?;
        let came = timeout(PATIENCE, connection.take(answer.len())).await;
        if came.map_err(|_| Error::from(ErrorKind::TimedOut))?? != answer {
            return Err(Error::other("another frame than the echo"));
        }
        tally.echoes.lock().unwrap().add(sent.elapsed());
        next += ECHO_EVERY;
    }
}
