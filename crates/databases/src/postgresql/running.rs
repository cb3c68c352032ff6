//! A session while it is used.

use std::sync::Arc;
use std::time::Duration;

use deadpool::managed::Object;
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::plain_reads::Changing;
use super::pool::Borrowed;
use super::session::{Opener, Session};

/// How often the server is asked to cancel: a request that comes before the statement begins has no effect.
const ATTEMPTS: u32 = 8;
/// How long the server has to come to an end before it is asked again.
const BETWEEN: Duration = Duration::from_millis(500);

/// A borrowed session. Unless it is [given back](Running::give_back), what it runs is cancelled at the server, and it is
/// closed; until then it counts as one of the open ones.
pub(crate) struct Running {
    session: Option<Borrowed>,
    opener: Arc<Opener>,
    changing: Option<Changing>,
}

impl Running {
    /// From now on, the session may have something of its borrower's.
    pub(crate) fn new(mut session: Borrowed, opener: Arc<Opener>) -> Self {
        session.is_clean = false;
        Self { session: Some(session), opener, changing: None }
    }

    /// The session.
    pub(crate) fn session(&mut self) -> Option<&mut Session> {
        self.session.as_deref_mut()
    }

    /// What runs counts as a change from now on, until it is known to have ended.
    pub(crate) fn counts_as(&mut self, changing: Option<Changing>) {
        self.changing = changing;
    }

    /// Nothing is left of what ran.
    pub(crate) fn give_back(mut self) {
        // Before anybody else has the session.
        self.changing = None;
        if let Some(mut session) = self.session.take() {
            session.is_clean = true;
        }
    }

    /// Nothing runs, but it is of no use any more.
    pub(crate) fn close(mut self) {
        if let Some(session) = self.session.take() {
            drop(Object::take(session));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(session) = self.session.take() else { return };
        let opener = Arc::clone(&self.opener);
        let changing = self.changing.take();
        match Handle::try_current() {
            Ok(runtime) if !session.is_broken() => {
                runtime.spawn(async move {
                    cancel(&session, &opener).await;
                    drop(changing);
                    drop(Object::take(session));
                });
            }
            _ => drop(Object::take(session)),
        }
    }
}

/// Until the server has nothing more to say.
async fn cancel(session: &Session, opener: &Opener) {
    for _ in 0..ATTEMPTS {
        if let Err(error) = opener.cancel(session).await {
            tracing::warn!(code = error.code(), "a statement could not be cancelled");
        }
        // Answered once everything before it is.
        if timeout(BETWEEN, session.client.check_connection()).await.is_ok() {
            return;
        }
    }
}
