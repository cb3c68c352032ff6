//! The open sessions with a MySQL or MariaDB server.

use deadpool::managed::Object;

use super::{Opener, Session, opening};
use crate::ConnectError;
use crate::pool::{self, Kept, Opens};

impl Opens for Opener {
    type Session = Session;

    async fn open(&self) -> Result<Session, ConnectError> {
        opening::open(self).await
    }
}

impl Kept for Session {
    fn is_fit(&mut self) -> bool {
        self.is_clean && self.packets.is_quiet()
    }

    fn is_over(&self) -> bool {
        !self.is_clean
    }
}

/// A session that is out of the pool. Only [`Borrowed::give_back`] makes it one that somebody else gets.
pub(crate) struct Borrowed(pool::Borrowed<Opener>);

impl Borrowed {
    pub(crate) fn new(mut object: pool::Borrowed<Opener>) -> Self {
        object.is_clean = false;
        Self(object)
    }

    pub(crate) fn session(&mut self) -> &mut Session {
        &mut self.0
    }

    /// Another session in its place.
    pub(crate) fn replace(&mut self, session: Session) {
        *self.0 = session;
        self.0.is_clean = false;
    }

    /// The session is as if it were new.
    pub(crate) fn give_back(mut self) {
        self.0.is_clean = true;
    }

    /// Closes the session.
    pub(crate) fn close(self) {
        drop(Object::take(self.0));
    }
}
