//! Follows a client's byte stream from request to request and says how far it can be believed.
//!
//! A pure machine: bytes in, a verdict out, the same verdict however the bytes are cut. A head is let
//! through only when it is whole and well-formed; of a body, everything up to the first wrong byte.

use crate::refusal::Refusal;
use crate::request_head::{Body, HeadReader, field, is_token};

/// The most bytes of trailers, in all.
const LARGEST_TRAILERS: usize = 8 * 1024;
/// The longest chunk extension.
const LONGEST_EXTENSION: usize = 128;
/// The most digits of a chunk's size.
const MOST_SIZE_DIGITS: u32 = 15;

/// Where a connection stands after some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// More is welcome.
    Open,
    /// The client said that this was its last request: whatever follows is not read.
    Ended,
    /// The next head is refused.
    HeadRefused(Refusal),
    /// The body of the request before is refused.
    BodyRefused(Refusal),
}

/// One connection's framing.
#[derive(Debug, Default)]
pub(crate) struct Framing {
    state: State,
    last: bool,
    heads: u64,
    most_heads: Option<u64>,
}

#[derive(Debug)]
enum State {
    Head(HeadReader),
    Body(u64),
    Chunks(Chunks),
    Tunnel,
    Ended,
    HeadRefused(Refusal),
    BodyRefused(Refusal),
}

impl Default for State {
    fn default() -> Self {
        Self::Head(HeadReader::default())
    }
}

impl Framing {
    /// Reads on. Says how many bytes at the front of `pending` may pass; the others are shown again,
    /// with more at their end.
    pub(crate) fn advance(&mut self, pending: &[u8]) -> usize {
        let mut passed = 0;
        while let Some(rest) = pending.get(passed..)
            && !rest.is_empty()
        {
            let (step, next) = self.step(rest);
            passed += step;
            match next {
                Some(next) => self.state = next,
                None if step == 0 => break,
                None => {}
            }
        }
        passed
    }

    /// Lets no head pass beyond this many, for now.
    pub(crate) fn let_pass(&mut self, heads: u64) {
        self.most_heads = Some(heads);
    }

    /// Whether the next head has to wait.
    pub(crate) fn waits(&self) -> bool {
        matches!(self.state, State::Head(_)) && self.most_heads.is_some_and(|most| self.heads >= most)
    }

    /// Where the connection stands.
    pub(crate) fn verdict(&self) -> Verdict {
        match self.state {
            State::Ended => Verdict::Ended,
            State::HeadRefused(refusal) => Verdict::HeadRefused(refusal),
            State::BodyRefused(refusal) => Verdict::BodyRefused(refusal),
            _ => Verdict::Open,
        }
    }

    /// How many heads passed.
    pub(crate) fn heads(&self) -> u64 {
        self.heads
    }

    fn step(&mut self, rest: &[u8]) -> (usize, Option<State>) {
        if self.waits() {
            return (0, None);
        }
        match &mut self.state {
            State::Head(reader) => match reader.advance(rest) {
                Ok(None) => (0, None),
                Ok(Some((length, head))) => {
                    self.heads += 1;
                    self.last = head.last;
                    let next = match head.body {
                        _ if head.upgrade => State::Tunnel,
                        Body::Length(0) => after_request(self.last),
                        Body::Length(length) => State::Body(length),
                        Body::Chunked => State::Chunks(Chunks::default()),
                    };
                    (length, Some(next))
                }
                Err(refusal) => (0, Some(State::HeadRefused(refusal))),
            },
            State::Body(remaining) => {
                let step = rest.len().min(usize::try_from(*remaining).unwrap_or(usize::MAX));
                *remaining -= step as u64;
                (step, (*remaining == 0).then(|| after_request(self.last)))
            }
            State::Chunks(chunks) => {
                let (step, result) = chunks.advance(rest);
                let next = match result {
                    Ok(false) => None,
                    Ok(true) => Some(after_request(self.last)),
                    Err(refusal) => Some(State::BodyRefused(refusal)),
                };
                (step, next)
            }
            State::Tunnel => (rest.len(), None),
            State::Ended | State::HeadRefused(_) | State::BodyRefused(_) => (0, None),
        }
    }
}

fn after_request(last: bool) -> State {
    if last { State::Ended } else { State::default() }
}

/// A chunked body (RFC 9112, 7.1), without the leniencies: no white space around a size, no bare LF.
#[derive(Debug)]
struct Chunks {
    place: Place,
    remaining: u64,
    digits: u32,
    extension: usize,
    trailers: usize,
    line: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Size,
    Extension,
    SizeLineFeed,
    Data,
    DataReturn,
    DataLineFeed,
    Trailer,
    TrailerLineFeed,
}

impl Default for Chunks {
    fn default() -> Self {
        Self { place: Place::Size, remaining: 0, digits: 0, extension: 0, trailers: 0, line: Vec::new() }
    }
}

impl Chunks {
    /// How many bytes were read, and whether the body ended with them.
    fn advance(&mut self, bytes: &[u8]) -> (usize, Result<bool, Refusal>) {
        let mut position = 0;
        while let Some(byte) = bytes.get(position) {
            if self.place == Place::Data {
                let available = bytes.len() - position;
                let step = available.min(usize::try_from(self.remaining).unwrap_or(usize::MAX));
                self.remaining -= step as u64;
                position += step;
                if self.remaining == 0 {
                    self.place = Place::DataReturn;
                }
                continue;
            }
            match self.byte(*byte) {
                Ok(true) => return (position + 1, Ok(true)),
                Ok(false) => position += 1,
                Err(refusal) => return (position, Err(refusal)),
            }
        }
        (position, Ok(false))
    }

    fn byte(&mut self, byte: u8) -> Result<bool, Refusal> {
        self.place = match (self.place, byte) {
            (Place::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') if self.digits < MOST_SIZE_DIGITS => {
                let digit = char::from(byte).to_digit(16).unwrap_or(0);
                self.remaining = self.remaining * 16 + u64::from(digit);
                self.digits += 1;
                Place::Size
            }
            (Place::Size, b';') if self.digits > 0 => Place::Extension,
            (Place::Size | Place::Extension, b'\r') if self.digits > 0 => Place::SizeLineFeed,
            (Place::Extension, b'\t' | b' '..=b'~') if self.extension < LONGEST_EXTENSION => {
                self.extension += 1;
                Place::Extension
            }
            (Place::SizeLineFeed, b'\n') => {
                self.digits = 0;
                self.extension = 0;
                if self.remaining == 0 { Place::Trailer } else { Place::Data }
            }
            (Place::DataReturn, b'\r') => Place::DataLineFeed,
            (Place::DataLineFeed, b'\n') => Place::Size,
            (Place::Trailer, b'\r') => Place::TrailerLineFeed,
            (Place::Trailer, b'\t' | b' '..=b'~' | 0x80..) if self.trailers < LARGEST_TRAILERS => {
                self.trailers += 1;
                if self.line.is_empty() && !is_token(byte) {
                    return Err(Refusal::Framing);
                }
                self.line.push(byte);
                Place::Trailer
            }
            (Place::TrailerLineFeed, b'\n') if self.line.is_empty() => return Ok(true),
            (Place::TrailerLineFeed, b'\n') => {
                field(&self.line).map_err(|_| Refusal::Framing)?;
                self.line.clear();
                Place::Trailer
            }
            _ => return Err(Refusal::Framing),
        };
        Ok(false)
    }
}

#[cfg(test)]
mod tests;
