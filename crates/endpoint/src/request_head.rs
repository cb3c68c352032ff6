//! Reads a request's head strictly (RFC 9112, and narrower), however its bytes are cut.
//!
//! The parser behind it forgives a bare LF and other things that two parsers can read in two ways.
//! What passes here has one reading: lines end in CRLF, names are tokens, there is one `Host`, one
//! length, and the target is a path. Where the RFC allows a choice the narrower one is taken: no empty
//! line before a request, no absolute-form, no `*`.

use crate::refusal::Refusal;

/// The longest target, in bytes. Beyond it: 414.
pub(crate) const LONGEST_TARGET: usize = 8 * 1024;
/// The longest request line: method, target and version.
const LONGEST_REQUEST_LINE: usize = LONGEST_TARGET + 64;
/// The largest head, in bytes. Beyond it: 431.
pub(crate) const LARGEST_HEAD: usize = 32 * 1024;
/// The most header fields. The parser behind takes 96.
pub(crate) const MOST_FIELDS: usize = 90;
/// The longest method.
const LONGEST_METHOD: usize = 32;

/// What a head says about the bytes that follow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) body: Body,
    /// No further request is read from this connection.
    pub(crate) last: bool,
    /// What follows is not HTTP any more, or the connection closes.
    pub(crate) upgrade: bool,
}

/// How a body is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    Length(u64),
    Chunked,
}

/// Reads one head from bytes that are shown again, with more at their end, until it is whole.
#[derive(Debug, Default)]
pub(crate) struct HeadReader {
    read: usize,
    line_start: usize,
    fields: usize,
    request: Option<Facts>,
}

#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is one independent fact of the head")]
struct Facts {
    current_version: bool,
    get: bool,
    post: bool,
    host: bool,
    length: Option<u64>,
    chunked: bool,
    expects: bool,
    upgrade: bool,
    connection_close: bool,
    connection_keep_alive: bool,
    connection_upgrade: bool,
}

impl HeadReader {
    /// Reads on. `pending` begins where the head begins; the answer has the length of the head.
    pub(crate) fn advance(&mut self, pending: &[u8]) -> Result<Option<(usize, Head)>, Refusal> {
        loop {
            let rest = pending.get(self.read..).unwrap_or_default();
            let Some(offset) = rest.iter().position(|byte| *byte < b' ' || *byte == 0x7f) else {
                self.read = pending.len();
                self.within_limits(self.read)?;
                return Ok(None);
            };
            let at = self.read + offset;
            self.within_limits(at)?;
            match (pending.get(at), pending.get(at + 1)) {
                (Some(b'\t'), _) => self.read = at + 1,
                (Some(b'\r'), None) => {
                    self.read = at;
                    return Ok(None);
                }
                (Some(b'\r'), Some(b'\n')) => {
                    let line = pending.get(self.line_start..at).unwrap_or_default();
                    self.read = at + 2;
                    self.line_start = self.read;
                    if let Some(head) = self.line(line)? {
                        return Ok(Some((self.read, head)));
                    }
                }
                _ => return Err(Refusal::Malformed),
            }
        }
    }

    fn within_limits(&self, position: usize) -> Result<(), Refusal> {
        if self.request.is_none() && position > LONGEST_REQUEST_LINE {
            return Err(Refusal::TargetTooLong);
        }
        if position > LARGEST_HEAD { Err(Refusal::HeadTooLarge) } else { Ok(()) }
    }

    fn line(&mut self, line: &[u8]) -> Result<Option<Head>, Refusal> {
        let Some(facts) = &mut self.request else {
            self.request = Some(request_line(line)?);
            return Ok(None);
        };
        if line.is_empty() {
            return facts.head().map(Some);
        }
        self.fields += 1;
        if self.fields > MOST_FIELDS {
            return Err(Refusal::HeadTooLarge);
        }
        let (name, value) = field(line)?;
        facts.note(name, value)?;
        Ok(None)
    }
}

fn request_line(line: &[u8]) -> Result<Facts, Refusal> {
    let mut parts = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Refusal::Malformed);
    };
    if method.is_empty() || method.len() > LONGEST_METHOD || !method.iter().all(|byte| is_method(*byte)) {
        return Err(Refusal::Malformed);
    }
    let current_version = match version {
        b"HTTP/1.1" => true,
        b"HTTP/1.0" => false,
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            return Err(Refusal::Version);
        }
        _ => return Err(Refusal::Malformed),
    };
    if [b"CONNECT".as_slice(), b"TRACE"].iter().any(|refused| method.eq_ignore_ascii_case(refused)) {
        return Err(Refusal::Method);
    }
    if target.len() > LONGEST_TARGET {
        return Err(Refusal::TargetTooLong);
    }
    if !is_origin_form(target) {
        return Err(Refusal::Target);
    }
    Ok(Facts { current_version, get: method == b"GET", post: method == b"POST", ..Facts::default() })
}

/// Narrower than a token: every method that is registered is made of these.
fn is_method(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'-' || byte == b'_'
}

/// A path and perhaps a query, of the bytes that the parser behind takes too. No fragment.
fn is_origin_form(target: &[u8]) -> bool {
    if target.first() != Some(&b'/') {
        return false;
    }
    let question = memchr::memchr(b'?', target).unwrap_or(target.len());
    let (path, query) = target.split_at_checked(question).unwrap_or((target, &[]));
    path.iter().all(|byte| matches!(byte, 0x21 | 0x22 | 0x24..=0x3b | 0x3d | 0x40..=0x5f | 0x61..=0x7e))
        && query.iter().all(|byte| matches!(byte, 0x21 | 0x24..=0x3b | 0x3d | 0x3f..=0x7e))
}

/// Splits a field line. A line that begins with white space continues another (obs-fold) and has no
/// name; a name before white space is no token.
pub(crate) fn field(line: &[u8]) -> Result<(&[u8], &[u8]), Refusal> {
    let colon = memchr::memchr(b':', line).ok_or(Refusal::Malformed)?;
    let (name, rest) = line.split_at_checked(colon).ok_or(Refusal::Malformed)?;
    if name.is_empty() || !name.iter().all(|byte| is_token(*byte)) {
        return Err(Refusal::Malformed);
    }
    Ok((name, trim(rest.get(1..).unwrap_or_default())))
}

/// Without optional white space, which is spaces and tabs and nothing else.
fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = value {
        value = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

impl Facts {
    fn note(&mut self, name: &[u8], value: &[u8]) -> Result<(), Refusal> {
        let is = |other: &[u8]| name.eq_ignore_ascii_case(other);
        match name.len() {
            4 if is(b"host") => {
                if self.host || !is_host(value) {
                    return Err(Refusal::Host);
                }
                self.host = true;
            }
            6 if is(b"expect") => {
                if self.expects || !value.eq_ignore_ascii_case(b"100-continue") {
                    return Err(Refusal::Expectation);
                }
                self.expects = true;
            }
            7 if is(b"upgrade") => {
                if self.upgrade || !value.eq_ignore_ascii_case(b"websocket") {
                    return Err(Refusal::Upgrade);
                }
                self.upgrade = true;
            }
            10 if is(b"connection") => self.note_connection(value),
            14 if is(b"content-length") => {
                if self.length.is_some() {
                    return Err(Refusal::Framing);
                }
                self.length = Some(decimal(value)?);
            }
            // Gateways behind an app read an underscore as a hyphen.
            14 if is(b"content_length") => return Err(Refusal::Framing),
            14 if is(b"http2-settings") => return Err(Refusal::Upgrade),
            17 if is(b"transfer-encoding") => {
                if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                    return Err(Refusal::Framing);
                }
                self.chunked = true;
            }
            17 if is(b"transfer_encoding") => return Err(Refusal::Framing),
            _ => {}
        }
        Ok(())
    }

    fn note_connection(&mut self, value: &[u8]) {
        for option in value.split(|byte| *byte == b',').map(trim) {
            self.connection_close |= option.eq_ignore_ascii_case(b"close");
            self.connection_keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
            self.connection_upgrade |= option.eq_ignore_ascii_case(b"upgrade");
        }
    }

    fn head(&self) -> Result<Head, Refusal> {
        if !self.host {
            return Err(Refusal::Host);
        }
        if self.chunked && (self.length.is_some() || !self.current_version) {
            return Err(Refusal::Framing);
        }
        // The parser behind wants a length here, too (RFC 1945, 7.2.2).
        if self.post && !self.current_version && self.length.is_none() {
            return Err(Refusal::Framing);
        }
        let has_body = self.chunked || self.length.is_some();
        if self.upgrade && !(self.get && self.current_version && self.connection_upgrade && !has_body) {
            return Err(Refusal::Upgrade);
        }
        let persists = if self.current_version { true } else { self.connection_keep_alive };
        Ok(Head {
            body: if self.chunked { Body::Chunked } else { Body::Length(self.length.unwrap_or(0)) },
            last: self.connection_close || !persists,
            upgrade: self.upgrade,
        })
    }
}

/// Digits only: no sign, no list, no white space inside, nothing that overflows.
fn decimal(value: &[u8]) -> Result<u64, Refusal> {
    if value.is_empty() || value.len() > 18 || !value.iter().all(u8::is_ascii_digit) {
        return Err(Refusal::Framing);
    }
    Ok(value.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')))
}

/// The bytes of a name, a bracketed address and a port. Which host it is comes later.
fn is_host(value: &[u8]) -> bool {
    !value.is_empty()
        && value.len() <= 261
        && value.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._:[]".contains(byte))
}

/// RFC 9110, 5.6.2.
pub(crate) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
