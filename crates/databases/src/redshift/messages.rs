//! Messages of the PostgreSQL protocol, version 3, as Redshift speaks it.

use std::sync::Arc;

use bytes::{BufMut as _, BytesMut};
use postgres_protocol::message::backend::{ErrorResponseBody, Header, Message};
use postgres_protocol::message::frontend;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use tokio_postgres::fallible_iterator::FallibleIterator as _;

use crate::dial::Stream;
use crate::refusal::Unsaid;
use crate::text_session::{OwnRows, TextRow};
use crate::{ConnectError, QueryError};

/// The longest message that is taken off the wire, in bytes.
pub(super) const LONGEST: usize = 64 << 20;
/// The longest row of a caller's.
const LONGEST_ROW: u64 = 16 << 20;
/// The longest message while nothing of a caller's runs, and the most bytes that a command may give.
const LONGEST_OF_OURS: usize = 1 << 20;
/// The tag of messages about the login.
const AUTHENTICATION: u8 = b'R';

/// A stream of messages.
pub(super) struct Conversation {
    stream: Box<dyn Stream>,
    read: BytesMut,
    write: BytesMut,
    unsaid: Arc<Unsaid>,
}

/// A message about the login that the usual libraries do not know: a salt and a number for a digest with SHA-256.
pub(super) struct DigestRequest {
    pub(super) salt: Vec<u8>,
    pub(super) server_nonce: Vec<u8>,
}

/// A message while signing in.
pub(super) enum LoginMessage {
    Usual(Message),
    Digest(DigestRequest),
}

impl Conversation {
    pub(super) fn new(stream: Box<dyn Stream>, unsaid: Arc<Unsaid>) -> Self {
        Self { stream, read: BytesMut::with_capacity(16 << 10), write: BytesMut::new(), unsaid }
    }

    /// Where messages are put before they are sent together.
    pub(super) fn outgoing(&mut self) -> &mut BytesMut {
        &mut self.write
    }

    /// Sends what was put.
    pub(super) async fn send(&mut self) -> Result<(), QueryError> {
        let message = self.write.split();
        self.stream.write_all(&message).await.map_err(|_| QueryError::Broken)?;
        self.stream.flush().await.map_err(|_| QueryError::Broken)
    }

    /// Reads on until the server has closed the connection.
    pub(super) async fn end(&mut self) -> Result<(), QueryError> {
        loop {
            self.read.clear();
            if self.stream.read_buf(&mut self.read).await.map_err(|_| QueryError::Broken)? == 0 {
                return Ok(());
            }
        }
    }

    /// The next message of the answer to a caller's statement, a row of at most so many bytes. Safe to be dropped while
    /// it waits.
    pub(super) async fn receive(&mut self, most: u64) -> Result<Message, QueryError> {
        let most = most.min(LONGEST_ROW);
        self.receive_within(usize::try_from(most).unwrap_or(LONGEST), QueryError::Row(most)).await
    }

    /// The next message that is not a notice, unless it is too long.
    async fn receive_within(&mut self, most: usize, too_long: QueryError) -> Result<Message, QueryError> {
        loop {
            self.fill(most, &too_long).await?;
            match Message::parse(&mut self.read).map_err(|_| strange())? {
                Some(
                    Message::NoticeResponse(_)
                    | Message::ParameterStatus(_)
                    | Message::NotificationResponse(_),
                ) => {}
                Some(message) => return Ok(message),
                None => return Err(strange()),
            }
        }
    }

    /// The next message while signing in.
    pub(super) async fn receive_login(&mut self) -> Result<LoginMessage, QueryError> {
        self.fill(LONGEST_OF_OURS, &strange()).await?;
        match self.read.get(..9) {
            Some([AUTHENTICATION, _, _, _, _, 0, 0, 0, 13]) => {
                Ok(LoginMessage::Digest(self.digest_request()?))
            }
            _ => self.receive_within(LONGEST_OF_OURS, strange()).await.map(LoginMessage::Usual),
        }
    }

    /// Reads until there is a whole message.
    async fn fill(&mut self, most: usize, too_long: &QueryError) -> Result<(), QueryError> {
        loop {
            if let Some(header) = Header::parse(&self.read).map_err(|_| strange())? {
                let length = usize::try_from(header.len()).map_err(|_| strange())?;
                if length > most {
                    return Err(too_long.clone());
                }
                let whole = length + 1;
                if self.read.len() >= whole {
                    return Ok(());
                }
            }
            if self.stream.read_buf(&mut self.read).await.map_err(|_| QueryError::Broken)? == 0 {
                return Err(QueryError::Broken);
            }
        }
    }

    fn digest_request(&mut self) -> Result<DigestRequest, QueryError> {
        let header = Header::parse(&self.read).ok().flatten().ok_or_else(strange)?;
        let whole = usize::try_from(header.len()).map_err(|_| strange())? + 1;
        let message = self.read.split_to(whole);
        // The kind of digest: SHA-256 is 0, and no other is documented.
        let rest = message.get(9..).and_then(|rest| rest.strip_prefix(&[0, 0, 0, 0])).ok_or_else(strange)?;
        let (salt, rest) = counted(rest).ok_or_else(strange)?;
        let (server_nonce, _) = counted(rest).ok_or_else(strange)?;
        Ok(DigestRequest { salt: salt.to_vec(), server_nonce: server_nonce.to_vec() })
    }

    /// Answers a [`DigestRequest`].
    pub(super) fn digest_response(&mut self, digest: &[u8], client_nonce: &[u8]) -> Result<(), QueryError> {
        let length = |bytes: &[u8]| i32::try_from(bytes.len()).map_err(|_| strange());
        self.write.put_u8(b'd');
        self.write.put_i32(12 + length(digest)? + length(client_nonce)?);
        for part in [digest, client_nonce] {
            self.write.put_i32(length(part)?);
            self.write.put_slice(part);
        }
        Ok(())
    }

    /// Sends a command of ours, or several, by the simple protocol; nothing of a caller's is in them. What rows they give
    /// is not kept.
    pub(super) async fn command(&mut self, statements: &str) -> Result<(), QueryError> {
        frontend::query(statements, &mut self.write).map_err(|_| strange())?;
        self.send().await?;
        let mut bytes = 0;
        self.rows(|_, more| {
            bytes += more;
            (bytes <= LONGEST_OF_OURS).then_some(())
        })
        .await
    }

    /// As [`Conversation::command`], with the rows.
    pub(super) async fn simple(&mut self, statements: &str) -> Result<Vec<TextRow>, QueryError> {
        frontend::query(statements, &mut self.write).map_err(|_| strange())?;
        self.send().await?;
        self.own_rows().await
    }

    /// Sends a statement by the extended protocol, which takes one, and gives its rows in text form.
    pub(super) async fn extended(&mut self, statement: &str) -> Result<Vec<TextRow>, QueryError> {
        put_statement(&mut self.write, statement, &[], 0)?;
        self.send().await?;
        self.own_rows().await
    }

    /// What is told of the server's refusal.
    pub(super) fn refusal(&self, body: &ErrorResponseBody) -> QueryError {
        let (mut code, mut message) = (String::new(), String::new());
        let mut fields = body.fields();
        while let Ok(Some(field)) = fields.next() {
            let text = String::from_utf8_lossy(field.value_bytes());
            match field.type_() {
                b'C' => code = text.into_owned(),
                b'M' => message = text.into_owned(),
                _ => {}
            }
        }
        self.unsaid.refusal(&code, &message)
    }

    async fn own_rows(&mut self) -> Result<Vec<TextRow>, QueryError> {
        let mut rows = OwnRows::default();
        self.rows(|row, bytes| rows.push(row, bytes)).await?;
        Ok(rows.rows)
    }

    /// Reads an answer to us. Rows with their lengths go where it says, until nothing comes back.
    async fn rows(&mut self, mut keep: impl FnMut(TextRow, usize) -> Option<()>) -> Result<(), QueryError> {
        let mut refused = None;
        loop {
            match self.receive_within(LONGEST_OF_OURS, strange()).await? {
                Message::DataRow(row) => {
                    let text = |range: Option<std::ops::Range<usize>>| {
                        range
                            .and_then(|range| row.buffer().get(range))
                            .map(|cell| String::from_utf8_lossy(cell).into_owned())
                    };
                    let texts = row.ranges().map(|range| Ok(text(range))).collect().map_err(|_| strange())?;
                    keep(texts, row.buffer().len()).ok_or_else(strange)?;
                }
                Message::ErrorResponse(body) => refused = Some(self.refusal(&body)),
                Message::ReadyForQuery(_) => return refused.map_or(Ok(()), Err),
                Message::CopyInResponse(_) | Message::CopyOutResponse(_) => return Err(strange()),
                _ => {}
            }
        }
    }
}

/// Puts a statement with its parameters: unnamed, everything as text, types left to the server, so many rows at most.
pub(super) fn put_statement(
    to: &mut BytesMut,
    statement: &str,
    parameters: &[Option<String>],
    most_rows: i32,
) -> Result<(), QueryError> {
    let unfit = |_| QueryError::Parameters("a statement or parameter holds a NUL, or is too long".to_owned());
    frontend::parse("", statement, [], to).map_err(unfit)?;
    let put = |parameter: &Option<String>, to: &mut BytesMut| {
        let Some(text) = parameter else { return Ok(postgres_protocol::IsNull::Yes) };
        to.put_slice(text.as_bytes());
        Ok(postgres_protocol::IsNull::No)
    };
    frontend::bind("", "", [], parameters, put, [0], to)
        .map_err(|_| QueryError::Parameters("too many parameters, or one that is too long".to_owned()))?;
    frontend::describe(b'P', "", to).map_err(unfit)?;
    frontend::execute("", most_rows, to).map_err(unfit)?;
    frontend::sync(to);
    Ok(())
}

/// A text with its length before it.
fn counted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(i32::from_be_bytes(*length)).ok()?)
}

/// What answers does not speak the protocol.
pub(super) fn strange() -> QueryError {
    QueryError::Connect(ConnectError::Protocol)
}
