//! The open sessions with a PostgreSQL server.

use super::session::{Opener, Session};
use crate::ConnectError;
use crate::pool::{self, Kept, Opens};

/// A borrowed session.
pub(crate) type Borrowed = pool::Borrowed<Opener>;
/// At most a number of sessions with one database.
pub(crate) type SessionPool = pool::SessionPool<Opener>;

impl Opens for Opener {
    type Session = Session;

    async fn open(&self) -> Result<Session, ConnectError> {
        // Rare and large: every borrowing would carry it along.
        Box::pin(Self::open(self)).await
    }
}

impl Kept for Session {
    fn is_fit(&mut self) -> bool {
        self.is_clean && !self.is_broken()
    }

    fn is_over(&self) -> bool {
        self.is_broken()
    }
}
