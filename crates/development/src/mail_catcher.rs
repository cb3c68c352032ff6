//! A mail server that delivers nothing: it keeps the last letters for the developer to read.

mod letter;
mod session;

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

pub use letter::CaughtLetter;

use crate::DevelopmentError;

/// How many letters are kept; the oldest goes first.
const MOST_LETTERS: usize = 100;
/// How many connections are served at a time.
const MOST_CONNECTIONS: usize = 32;

/// The running mail server of the development platform, on loopback.
#[derive(Clone)]
pub struct MailCatcher {
    address: SocketAddr,
    caught: Arc<Mutex<Caught>>,
}

#[derive(Default)]
struct Caught {
    /// How many there were, kept or not.
    number: u64,
    letters: VecDeque<Arc<CaughtLetter>>,
}

/// A letter as the protocol delivered it.
struct Delivered {
    from: String,
    to: Vec<String>,
    source: Vec<u8>,
}

impl MailCatcher {
    /// Listens on a free port of 127.0.0.1, until the runtime ends.
    ///
    /// # Errors
    /// The system gives no port.
    pub async fn start() -> Result<Self, DevelopmentError> {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(DevelopmentError::MailCatcher)?;
        let address = listener.local_addr().map_err(DevelopmentError::MailCatcher)?;
        let catcher = Self { address, caught: Arc::default() };
        tokio::spawn(accept(listener, catcher.clone()));
        Ok(catcher)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The letters that are kept, newest first.
    #[must_use]
    pub fn letters(&self) -> Vec<Arc<CaughtLetter>> {
        let caught = self.caught.lock().unwrap_or_else(PoisonError::into_inner);
        caught.letters.iter().rev().cloned().collect()
    }

    /// One letter, unless it is not kept any more.
    #[must_use]
    pub fn letter(&self, number: u64) -> Option<Arc<CaughtLetter>> {
        self.letters().into_iter().find(|letter| letter.number == number)
    }

    fn keep(&self, delivered: Delivered) {
        let mut caught = self.caught.lock().unwrap_or_else(PoisonError::into_inner);
        caught.number += 1;
        let letter = CaughtLetter {
            number: caught.number,
            at: OffsetDateTime::now_utc(),
            from: delivered.from,
            to: delivered.to,
            source: delivered.source,
        };
        if caught.letters.len() == MOST_LETTERS {
            caught.letters.pop_front();
        }
        caught.letters.push_back(Arc::new(letter));
    }
}

async fn accept(listener: TcpListener, catcher: MailCatcher) {
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        // Nobody else closes the semaphore.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let catcher = catcher.clone();
                tokio::spawn(async move {
                    if let Err(error) = session::serve(stream, |letter| catcher.keep(letter)).await {
                        tracing::debug!(%error, "a connection to the mail catcher ended early");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the mail catcher could not accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}
