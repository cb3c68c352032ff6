//! Packets on a byte stream: three bytes of length, a sequence number, the payload.

use std::collections::VecDeque;

use bytes::{Buf as _, Bytes, BytesMut};
use futures_util::FutureExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::WireError;
use crate::dial::Stream;

/// A payload of this length goes on in the next packet.
const FULL: usize = 0xff_ff_ff;
/// How much is asked of the stream at once.
const READ: usize = 32 << 10;

/// Both directions of a conversation. Nothing is read before somebody asks for a packet, so a server that sends faster
/// than its answers are taken waits.
pub(crate) struct Packets {
    stream: Box<dyn Stream>,
    incoming: BytesMut,
    outgoing: BytesMut,
    sequence: u8,
    /// The numbers with which the answers begin to the commands that are on their way.
    awaited: VecDeque<u8>,
}

impl Packets {
    pub(crate) fn new(stream: Box<dyn Stream>) -> Self {
        Self {
            stream,
            incoming: BytesMut::new(),
            outgoing: BytesMut::new(),
            sequence: 0,
            awaited: VecDeque::new(),
        }
    }

    /// The stream, to speak TLS on it. Bytes that came before TLS are not of the server that TLS will prove: whoever sent
    /// them wants them read as if they were.
    pub(crate) fn into_stream(self) -> Result<Box<dyn Stream>, WireError> {
        if self.incoming.is_empty() { Ok(self.stream) } else { Err(WireError::Malformed) }
    }

    /// Goes on with the next number that the other one had.
    pub(crate) fn with_sequence(mut self, sequence: u8) -> Self {
        self.sequence = sequence;
        self
    }

    pub(crate) const fn sequence(&self) -> u8 {
        self.sequence
    }

    /// Puts a command into the queue. Its answer begins with [`Packets::begin_answer`].
    pub(crate) fn queue_command(&mut self, payload: &[u8]) {
        self.sequence = 0;
        self.queue(payload);
        // One more than the last of the command's own.
        self.awaited.push_back(self.sequence);
    }

    /// Puts the next packet of a dialogue into the queue.
    pub(crate) fn queue(&mut self, payload: &[u8]) {
        let mut rest = payload;
        loop {
            let (piece, after) = rest.split_at(rest.len().min(FULL));
            let length = u32::try_from(piece.len()).unwrap_or(0).to_le_bytes();
            let [one, two, three, _] = length;
            self.outgoing.extend_from_slice(&[one, two, three, self.sequence]);
            self.outgoing.extend_from_slice(piece);
            self.sequence = self.sequence.wrapping_add(1);
            rest = after;
            if piece.len() < FULL {
                break;
            }
        }
    }

    /// Sends what is queued.
    pub(crate) async fn flush(&mut self) -> Result<(), WireError> {
        while self.outgoing.has_remaining() {
            self.stream.write_buf(&mut self.outgoing).await?;
        }
        self.stream.flush().await?;
        // A large parameter's room is given back.
        if self.outgoing.capacity() > READ {
            self.outgoing = BytesMut::new();
        }
        Ok(())
    }

    /// What comes next is the first packet of the answer to the first of the commands that have none yet.
    pub(crate) fn begin_answer(&mut self) {
        self.sequence = self.awaited.pop_front().unwrap_or(0);
    }

    /// The next payload, of at most so many bytes.
    pub(crate) async fn next(&mut self, most: usize) -> Result<Bytes, WireError> {
        let (first, mut more) = self.next_piece(most).await?;
        if !more {
            return Ok(first);
        }
        let mut whole = BytesMut::from(first);
        while more {
            let (piece, another) = self.next_piece(most.saturating_sub(whole.len())).await?;
            whole.extend_from_slice(&piece);
            more = another;
        }
        Ok(whole.freeze())
    }

    async fn next_piece(&mut self, most: usize) -> Result<(Bytes, bool), WireError> {
        self.fill(4).await?;
        let mut header = self.incoming.split_to(4);
        let length = usize::try_from(header.get_uint_le(3)).map_err(|_| WireError::Malformed)?;
        if header.get_u8() != self.sequence {
            return Err(WireError::Malformed);
        }
        self.sequence = self.sequence.wrapping_add(1);
        if length > most {
            return Err(WireError::TooLarge);
        }
        self.fill(length).await?;
        Ok((self.incoming.split_to(length).freeze(), length == FULL))
    }

    async fn fill(&mut self, length: usize) -> Result<(), WireError> {
        while self.incoming.len() < length {
            // Room as it arrives: an announced length alone takes none.
            self.incoming.reserve(READ);
            if self.stream.read_buf(&mut self.incoming).await? == 0 {
                return Err(WireError::Closed);
            }
        }
        Ok(())
    }

    /// Whether the server has neither closed the connection nor said anything unasked.
    pub(crate) fn is_quiet(&mut self) -> bool {
        let mut byte = [0];
        self.incoming.is_empty() && self.stream.read(&mut byte).now_or_never().is_none()
    }
}
