//! A session with a server, and the state that it has to be in.

use super::opening;
use super::wire::{Column, Cursor, Done, Greeting, Packets, Refusal, Reply, WireError};
use super::{Opener, commands};
use crate::ConnectError;
use crate::text_session::{OwnRows, TextRow};

/// The most bytes of an answer's packet to statements of ours, and of what describes columns.
pub(crate) const MOST: usize = 1 << 20;

/// The most bytes that describe a column: five names, and little else.
const MOST_OF_COLUMN: usize = 16 << 10;
/// The most bytes that describe the columns of one answer.
const MOST_OF_COLUMNS: usize = 4 << 20;

/// A session. Its statements are those of its caller only between [`Session::begin`] and the reset after them.
pub(crate) struct Session {
    pub(crate) packets: Packets,
    /// What `KILL` takes, as the server says when it is asked: a proxy greets with a number of its own.
    id: u64,
    pub(crate) is_maria: bool,
    is_version_8: bool,
    /// Whether columns have MariaDB's extended description.
    extended: bool,
    /// What the session said of itself when it was new.
    state: TextRow,
    /// Whether nobody has had it yet.
    pub(crate) is_new: bool,
    /// Whether nothing is left in it of anybody.
    pub(crate) is_clean: bool,
}

impl Session {
    pub(crate) fn new(packets: Packets, greeting: &Greeting, extended: bool) -> Self {
        let major = greeting.version.split('.').next().and_then(|major| major.parse::<u32>().ok());
        Self {
            packets,
            id: 0,
            is_maria: greeting.is_maria(),
            is_version_8: !greeting.is_maria() && major.is_some_and(|major| major >= 8),
            extended,
            state: Vec::new(),
            is_new: true,
            is_clean: true,
        }
    }

    pub(crate) const fn id(&self) -> u64 {
        self.id
    }

    /// Puts a new session into its state, and remembers what it says of itself then.
    pub(crate) async fn begin(&mut self, opener: &Opener) -> Result<Result<(), ConnectError>, WireError> {
        self.queue_state(opener);
        self.packets.flush().await?;
        match self.finish_state(opener).await? {
            Ok((state, _))
                if opener.read_only()
                    && opener.locks.session
                    && state.first() != Some(&Some("1".to_owned())) =>
            {
                Ok(Err(ConnectError::ReadOnly))
            }
            Ok((state, id)) => {
                (self.state, self.id) = (state, id);
                Ok(Ok(()))
            }
            Err(refusal) => Ok(Err(match opening::refused(&refusal) {
                ConnectError::Protocol if opener.read_only() => ConnectError::ReadOnly,
                other => other,
            })),
        }
    }

    /// Ends what a caller may have left behind, and puts the session into its state again. Whether it is in it for sure:
    /// whatever a caller may have changed that a reset leaves, a role or the current database, shows in what it says.
    pub(crate) async fn reset(&mut self, opener: &Opener) -> bool {
        self.packets.queue_command(&commands::query("ROLLBACK"));
        self.packets.queue_command(&commands::reset());
        self.packets.queue_command(&commands::open_database(&opener.database));
        self.queue_state(opener);
        let ended = async {
            self.packets.flush().await?;
            for _ in 0..3 {
                if self.simple().await?.is_err() {
                    return Ok(false);
                }
            }
            let state = self.finish_state(opener).await?;
            Ok::<_, WireError>(state.is_ok_and(|(state, id)| state == self.state && id == self.id))
        };
        let in_state = ended.await.unwrap_or(false);
        self.is_new = false;
        in_state
    }

    /// Whether both are sessions with the same server, under the same account.
    pub(crate) fn is_at_the_server_of(&self, other: &Self) -> bool {
        self.state == other.state
    }

    /// Says goodbye and closes.
    pub(crate) async fn leave(mut self) {
        self.packets.queue_command(&commands::quit());
        // Whoever does not hear it notices that the connection is closed.
        let _ = self.packets.flush().await;
    }

    fn queue_state(&mut self, opener: &Opener) {
        self.packets.queue_command(&commands::query(commands::STATE));
        if opener.read_only() && opener.locks.session {
            self.packets.queue_command(&commands::query(commands::READ_ONLY));
        }
        self.packets.queue_command(&commands::query(&commands::ask_state(
            self.is_maria,
            self.is_version_8,
            opener,
        )));
    }

    async fn finish_state(&mut self, opener: &Opener) -> Result<Result<(TextRow, u64), Refusal>, WireError> {
        let commands = if opener.read_only() && opener.locks.session { 2 } else { 1 };
        for _ in 0..commands {
            if let Err(refusal) = self.simple().await? {
                return Ok(Err(refusal));
            }
        }
        let mut state = match self.text_rows().await? {
            Ok(mut rows) => rows.pop().unwrap_or_default(),
            Err(refusal) => return Ok(Err(refusal)),
        };
        let id = state.pop().flatten().and_then(|id| id.parse().ok()).ok_or(WireError::Malformed)?;
        Ok(Ok((state, id)))
    }

    /// The answer to a command that gives no rows.
    pub(crate) async fn simple(&mut self) -> Result<Result<Done, Refusal>, WireError> {
        self.packets.begin_answer();
        match Reply::parse(&self.packets.next(MOST).await?)? {
            Reply::Done(done) => Ok(Ok(done)),
            Reply::Refused(refusal) => Ok(Err(refusal)),
            Reply::Columns(_) => Err(WireError::Malformed),
        }
    }

    /// So many columns, and whether more results follow theirs.
    pub(crate) async fn columns(&mut self, count: u16) -> Result<(Vec<Column>, bool), WireError> {
        let mut columns = Vec::with_capacity(usize::from(count));
        let mut bytes = 0;
        for _ in 0..count {
            let described = self.packets.next(MOST_OF_COLUMN).await?;
            bytes += described.len();
            if bytes > MOST_OF_COLUMNS {
                return Err(WireError::TooLarge);
            }
            columns.push(Column::parse(&described, self.extended)?);
        }
        match Done::at_end(&self.packets.next(MOST).await?)? {
            Some(end) => Ok((columns, end.has_more())),
            None => Err(WireError::Malformed),
        }
    }

    /// Takes descriptions of so many columns or parameters that nobody needs.
    pub(crate) async fn skip_columns(&mut self, count: u16) -> Result<(), WireError> {
        for _ in 0..count {
            self.packets.next(MOST_OF_COLUMN).await?;
        }
        match Done::at_end(&self.packets.next(MOST).await?)? {
            Some(_) => Ok(()),
            None => Err(WireError::Malformed),
        }
    }

    /// The rows of statements of ours, sent as text; of several statements, those of all.
    pub(crate) async fn text_rows(&mut self) -> Result<Result<Vec<TextRow>, Refusal>, WireError> {
        self.packets.begin_answer();
        let mut rows = OwnRows::default();
        loop {
            let ended = match Reply::parse(&self.packets.next(MOST).await?)? {
                Reply::Refused(refusal) => return Ok(Err(refusal)),
                Reply::Done(done) => done,
                Reply::Columns(count) => match self.text_result(count, &mut rows).await? {
                    Ok(done) => done,
                    Err(refusal) => return Ok(Err(refusal)),
                },
            };
            if !ended.has_more() {
                return Ok(Ok(rows.rows));
            }
        }
    }

    async fn text_result(
        &mut self,
        count: u16,
        rows: &mut OwnRows,
    ) -> Result<Result<Done, Refusal>, WireError> {
        self.skip_columns(count).await?;
        loop {
            let payload = self.packets.next(MOST).await?;
            if let Some(refusal) = Refusal::in_packet(&payload)? {
                return Ok(Err(refusal));
            }
            if let Some(done) = Done::at_end(&payload)? {
                return Ok(Ok(done));
            }
            let mut cursor = Cursor::new(&payload);
            let mut row = Vec::with_capacity(usize::from(count));
            for _ in 0..count {
                row.push(cursor.counted_or_null()?.map(|text| String::from_utf8_lossy(text).into_owned()));
            }
            rows.push(row, payload.len()).ok_or(WireError::TooLarge)?;
        }
    }
}
