//! A link to PostgreSQL that can be cut in two ways.

use std::path::Path;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;

/// What the link does at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Carries what is sent.
    Whole,
    /// Swallows everything: nobody is told, and nothing arrives.
    Silent,
    /// Ends every connection at once.
    Cut,
}

/// A socket in a folder of its own, before the one of a real server.
pub struct Link {
    folder: tempfile::TempDir,
    server: String,
    state: watch::Sender<State>,
}

const SOCKET: &str = ".s.PGSQL.5432";

impl Link {
    /// To the server with its socket at this address, as `TestDatabase::url` says it.
    pub fn to(url: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = url.split_once("host=").unwrap().1.to_owned();
        let listener = UnixListener::bind(folder.path().join(SOCKET)).unwrap();
        let state = watch::Sender::new(State::Whole);
        let link = Self { server: server.clone(), folder, state };
        let changes = link.state.subscribe();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, server.clone(), changes.clone()));
            }
        });
        link
    }

    /// The address of the database through this link.
    pub fn url(&self, database: &str) -> String {
        database.replace(&self.server, &self.folder.path().display().to_string())
    }

    pub fn set(&self, state: State) {
        self.state.send_replace(state);
    }
}

async fn carry(client: UnixStream, server: String, mut state: watch::Receiver<State>) {
    if *state.borrow() == State::Cut {
        return;
    }
    if state.wait_for(|state| *state != State::Silent).await.is_err() {
        return;
    }
    let Ok(server) = UnixStream::connect(Path::new(&server).join(SOCKET)).await else { return };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        () = pass_on(from_client, to_server, state.clone()) => {}
        () = pass_on(from_server, to_client, state.clone()) => {}
        _ = state.wait_for(|state| *state == State::Cut) => {}
    }
}

async fn pass_on(
    mut from: tokio::net::unix::OwnedReadHalf,
    mut to: tokio::net::unix::OwnedWriteHalf,
    mut state: watch::Receiver<State>,
) {
    let mut bytes = [0; 16 * 1024];
    while let Ok(number) = from.read(&mut bytes).await {
        // What was sent into the silence arrives when it ends, as TCP would send it again.
        let carried = state.wait_for(|state| *state != State::Silent).await.is_ok();
        if number == 0 || !carried || to.write_all(&bytes[..number]).await.is_err() {
            return;
        }
    }
}
