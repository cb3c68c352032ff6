//! Who keeps asking one replica, by requests, over a WebSocket and on an event stream, and notes when it was served.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use test_support::{Frame, WebSocket};
use tokio::task::JoinHandle;

use super::visitor::Visitor;

/// Between two requests, and between two messages.
const PAUSE: Duration = Duration::from_millis(2);
/// So many refusals in a row, and requests are refused.
const REFUSALS: usize = 5;

/// What is answered where nobody answers.
pub const NOBODY: u16 = 0;

/// One answer, or one message.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    pub sent: Instant,
    pub done: Instant,
    /// [`NOBODY`] where the connection failed.
    pub status: u16,
}

impl Answer {
    const fn served(&self) -> bool {
        self.status == 200
    }
}

#[derive(Default)]
struct Notes {
    answers: Vec<Answer>,
    ended: Option<Instant>,
}

/// Somebody who keeps asking. Stops when dropped.
pub struct Observer {
    /// How it asks.
    pub way: &'static str,
    /// Which replica.
    pub replica: usize,
    notes: Arc<Mutex<Notes>>,
    task: JoinHandle<()>,
}

impl Observer {
    /// Requests, one after another on one connection, with this header besides the browser's cookies.
    pub fn of_requests(
        replica: usize,
        visitor: Visitor,
        url: &str,
        header: Option<(String, String)>,
    ) -> Self {
        let url = url.to_owned();
        Self::new("requests", replica, |notes| async move {
            let host = url::Url::parse(&url).unwrap();
            let mut request =
                format!("GET {} HTTP/1.1\r\nhost: {}\r\n", host.path(), host.host_str().unwrap());
            match (header, visitor.client.cookie_header(&url)) {
                (Some((name, value)), _) => request += &format!("{name}: {value}\r\n"),
                (None, Some(cookies)) => request += &format!("cookie: {cookies}\r\n"),
                (None, None) => {}
            }
            request += "\r\n";
            let mut connection = None;
            loop {
                let sent = Instant::now();
                if connection.is_none() {
                    connection = visitor.client.try_connect(&url).await.ok();
                }
                let answer = match &mut connection {
                    Some(open) => open.exchange(&request).await.ok(),
                    None => None,
                };
                let status = answer.as_ref().map_or(NOBODY, |answer| answer.status);
                notes.lock().unwrap().answers.push(Answer { sent, done: Instant::now(), status });
                if answer.is_none_or(|answer| answer.header("connection") == Some("close")) {
                    connection = None;
                }
                tokio::time::sleep(PAUSE).await;
            }
        })
    }

    /// Messages over a WebSocket, which the app sends back.
    pub fn of_messages(replica: usize, visitor: Visitor, url: &str) -> Self {
        let url = url.to_owned();
        Self::new("WebSocket", replica, |notes| async move {
            let Some(mut socket) = web_socket(&visitor, &url).await else { return };
            loop {
                let sent = Instant::now();
                let alive = socket.try_send_text("still here?").await;
                if !alive || !matches!(socket.next().await, Frame::Text(_)) {
                    return;
                }
                notes.lock().unwrap().answers.push(Answer { sent, done: Instant::now(), status: 200 });
                tokio::time::sleep(PAUSE).await;
            }
        })
    }

    /// Events, of which the app sends one each second.
    pub fn of_events(replica: usize, visitor: Visitor, url: &str) -> Self {
        let url = url.to_owned();
        Self::new("events", replica, |notes| async move {
            let Ok(mut connection) = visitor.client.try_connect(&url).await else { return };
            let host = url::Url::parse(&url).unwrap().host_str().unwrap().to_owned();
            let cookies = visitor.client.cookie_header(&url).unwrap_or_default();
            let sent = Instant::now();
            let request = format!("GET /events HTTP/1.1\r\nhost: {host}\r\ncookie: {cookies}\r\n\r\n");
            if connection.send(request).await.is_err()
                || connection.head().await.is_ok_and(|head| head.status != 200)
            {
                return;
            }
            while connection.chunk().await.is_ok_and(|chunk| !chunk.is_empty()) {
                notes.lock().unwrap().answers.push(Answer { sent, done: Instant::now(), status: 200 });
            }
        })
    }

    fn new<F: Future<Output = ()> + Send + 'static>(
        way: &'static str,
        replica: usize,
        ask: impl FnOnce(Arc<Mutex<Notes>>) -> F,
    ) -> Self {
        let notes = Arc::<Mutex<Notes>>::default();
        let (asking, ended) = (ask(Arc::clone(&notes)), Arc::clone(&notes));
        let task = tokio::spawn(async move {
            asking.await;
            ended.lock().unwrap().ended = Some(Instant::now());
        });
        Self { way, replica, notes, task }
    }

    /// Whether it was served, and is.
    pub fn is_served(&self) -> bool {
        let notes = self.notes.lock().unwrap();
        notes.ended.is_none() && notes.answers.last().is_some_and(Answer::served)
    }

    /// Whether its stream ended without having been served once: whoever opened it was not known yet.
    pub fn never_began(&self) -> bool {
        let notes = self.notes.lock().unwrap();
        notes.ended.is_some() && notes.answers.is_empty()
    }

    /// Whether its stream has ended, or its requests are refused.
    pub fn is_over(&self) -> bool {
        let notes = self.notes.lock().unwrap();
        let last = notes.answers.iter().rev().take(REFUSALS);
        notes.ended.is_some() || last.clone().count() == REFUSALS && !last.clone().any(Answer::served)
    }

    /// The last moment at which it can have been served anything, as far as it has seen.
    pub fn last_served(&self) -> Option<Instant> {
        let notes = self.notes.lock().unwrap();
        let last = notes.answers.iter().rev().find(|answer| answer.served()).map(|answer| answer.done);
        // A stream that ended may have sent something until then.
        notes.ended.or(last)
    }

    /// What it was answered between two moments, and the longest that an answer took.
    pub fn answers(&self, from: Instant, to: Instant) -> (BTreeMap<u16, usize>, Duration) {
        let notes = self.notes.lock().unwrap();
        let (mut counts, mut longest) = (BTreeMap::new(), Duration::ZERO);
        for answer in notes.answers.iter().filter(|answer| answer.sent >= from && answer.done <= to) {
            *counts.entry(answer.status).or_default() += 1;
            longest = longest.max(answer.done - answer.sent);
        }
        (counts, longest)
    }

    /// When it was first served after a moment.
    pub fn served_again_after(&self, moment: Instant) -> Option<Instant> {
        let notes = self.notes.lock().unwrap();
        notes.answers.iter().find(|answer| answer.sent >= moment && answer.served()).map(|answer| answer.done)
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn web_socket(visitor: &Visitor, url: &str) -> Option<WebSocket> {
    let connection = visitor.client.try_connect(url).await.ok()?;
    let cookies = visitor.client.cookie_header(url).unwrap_or_default();
    let origin = url::Url::parse(url).unwrap().origin().ascii_serialization();
    let headers = [("cookie", cookies.as_str()), ("origin", origin.as_str())];
    WebSocket::open(connection, &url.replacen("https:", "wss:", 1), &headers).await.ok()
}

/// Waits until something is so; whether it became so in time.
pub async fn wait_until(within: Duration, mut so: impl FnMut() -> bool) -> bool {
    let began = Instant::now();
    while !so() {
        if began.elapsed() > within {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    true
}
