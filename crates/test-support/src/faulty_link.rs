//! The way from a client to a PostgreSQL server, which breaks on demand.

use std::io::{Error, ErrorKind, Result};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;

/// What is wrong with a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// Connections are reset, and so are new ones.
    Reset,
    /// What is sent does not arrive, in either direction, and nobody is told. It arrives when the fault is over, as
    /// packets do that are sent again.
    Vanish,
    /// What is sent arrives so much later.
    Slow(Duration),
}

/// Which connections a fault hits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hit {
    /// All.
    #[default]
    All,
    /// Those on which somebody listens for notifications (`LISTEN`), once they do.
    Listeners,
}

/// A way to a server that breaks on demand. Ends when dropped.
#[derive(Debug)]
pub struct FaultyLink {
    address: SocketAddr,
    state: watch::Sender<(Fault, Hit)>,
    accepting: tokio::task::JoinHandle<()>,
}

impl FaultyLink {
    /// Opens one on a free port of 127.0.0.1, to a server's socket.
    ///
    /// # Panics
    /// The system gives no port.
    pub async fn to(socket: PathBuf) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (state, seen) = watch::channel((Fault::None, Hit::All));
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (socket, seen) = (socket.clone(), seen.clone());
                tokio::spawn(async move { carry(client, socket, seen).await });
            }
        });
        Self { address, state, accepting }
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Breaks it, or mends it ([`Fault::None`]).
    pub fn set(&self, fault: Fault, hit: Hit) {
        self.state.send_replace((fault, hit));
    }
}

impl Drop for FaultyLink {
    fn drop(&mut self) {
        self.accepting.abort();
        self.set(Fault::Reset, Hit::All);
    }
}

/// One connection: what is known of it, and what is wrong with its link.
#[derive(Clone)]
struct Passage {
    listens: Arc<AtomicBool>,
    state: watch::Receiver<(Fault, Hit)>,
}

impl Passage {
    fn fault(&self) -> Fault {
        let (fault, hit) = *self.state.borrow();
        if hit == Hit::All || self.listens.load(Ordering::Relaxed) { fault } else { Fault::None }
    }

    /// Returns when what was sent arrives.
    async fn pass(&mut self) -> Result<()> {
        let mut waited = false;
        loop {
            self.state.borrow_and_update();
            match self.fault() {
                Fault::None => return Ok(()),
                Fault::Reset => return Err(ErrorKind::ConnectionReset.into()),
                Fault::Slow(time) if !waited => {
                    tokio::time::sleep(time).await;
                    waited = true;
                }
                Fault::Slow(_) => return Ok(()),
                Fault::Vanish => self.state.changed().await.map_err(Error::other)?,
            }
        }
    }

    /// Returns when the link resets its connections.
    async fn broken(&mut self) {
        loop {
            self.state.borrow_and_update();
            if self.fault() == Fault::Reset || self.state.changed().await.is_err() {
                return;
            }
        }
    }

    async fn carry(
        mut self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
        asks: bool,
    ) -> Result<()> {
        let mut bytes = vec![0; 16 * 1024];
        loop {
            let count = from.read(&mut bytes).await?;
            // Statements are short, and come in one piece.
            if asks && bytes[..count].windows(7).any(|word| word == b"LISTEN ") {
                self.listens.store(true, Ordering::Relaxed);
            }
            self.pass().await?;
            if count == 0 {
                return to.shutdown().await;
            }
            to.write_all(&bytes[..count]).await?;
        }
    }
}

async fn carry(mut client: TcpStream, socket: PathBuf, state: watch::Receiver<(Fault, Hit)>) {
    let mut passage = Passage { listens: Arc::default(), state };
    let carried = async {
        passage.clone().pass().await?;
        let mut server = UnixStream::connect(socket).await?;
        client.set_nodelay(true)?;
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        tokio::select! {
            ended = passage.clone().carry(from_client, to_server, true) => ended,
            ended = passage.clone().carry(from_server, to_client, false) => ended,
            () = passage.broken() => Err(ErrorKind::ConnectionReset.into()),
        }
    };
    if carried.await.is_err() {
        // Not a polite end: the other side is told at once that the connection is no more.
        let _ = client.set_zero_linger();
    }
}
