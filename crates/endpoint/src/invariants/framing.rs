//! A connection's bytes.

use actix_http::HttpMessage as _;
use actix_http::h1::{Codec, Message};
use actix_web::web::BytesMut;
use tokio_util::codec::Decoder as _;

use crate::framing::{Framing, Verdict};

/// A client's bytes, which are cut where the last of them say. However they are cut the verdict is the same, and the parser
/// behind reads as many requests in what passes, of the same lengths.
///
/// # Panics
/// Something does not hold.
pub fn framing(bytes: &[u8]) {
    let (bytes, cuts) = bytes.split_at(bytes.len() - bytes.len().min(2));
    let whole = read([bytes]);
    assert!(bytes.starts_with(&whole.0), "what passes is not what came");
    if bytes.len() <= 2_048 {
        assert_eq!(whole, read(bytes.chunks(1)), "byte by byte");
    }
    if let [first, second] = cuts {
        let at = |cut: u8| bytes.len() * usize::from(cut) / 256;
        let (first, second) = (at(*first.min(second)), at(*first.max(second)));
        assert_eq!(
            whole,
            read([&bytes[..first], &bytes[first..second], &bytes[second..]]),
            "in three pieces"
        );
    }
    let (passed, _, heads) = whole;
    let parsed = parse(&passed);
    assert_eq!(
        parsed.as_ref().map(|parsed| parsed.requests),
        Ok(heads),
        "{:?}",
        String::from_utf8_lossy(&passed)
    );
    if let Ok(parsed) = parsed {
        hosts_and_lengths(&parsed);
    }
}

/// What passes of bytes that arrive in these pieces, the verdict at the end, and how many heads passed.
fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<u8>, Verdict, u64) {
    let mut framing = Framing::default();
    let (mut pending, mut passed) = (Vec::new(), Vec::new());
    for piece in pieces {
        pending.extend_from_slice(piece);
        let step = framing.advance(&pending);
        passed.extend(pending.drain(..step));
    }
    (passed, framing.verdict(), framing.heads())
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Parsed {
    requests: u64,
    /// For each request, how many `Host`, `Content-Length` and `Transfer-Encoding` there are.
    fields: Vec<[usize; 3]>,
    targets: Vec<String>,
}

/// What the parser behind reads.
fn parse(bytes: &[u8]) -> Result<Parsed, String> {
    thread_local! {
        // The codec keeps a clock, which wants a runtime.
        static RUNTIME: Option<tokio::runtime::Runtime> =
            tokio::runtime::Builder::new_current_thread().enable_time().build().ok();
    }
    RUNTIME.with(|runtime| {
        let runtime = runtime.as_ref().ok_or("no runtime")?;
        let tasks = tokio::task::LocalSet::new();
        let (_runtime, _tasks) = (runtime.enter(), tasks.enter());
        let mut codec = Codec::default();
        let mut rest = BytesMut::from(bytes);
        let mut parsed = Parsed::default();
        loop {
            match codec.decode(&mut rest) {
                Ok(Some(Message::Item(request))) => {
                    let count = |name: &str| request.headers().get_all(name).count();
                    parsed.requests += 1;
                    parsed.fields.push([count("host"), count("content-length"), count("transfer-encoding")]);
                    parsed.targets.push(request.uri().to_string());
                }
                Ok(Some(Message::Chunk(_))) => {}
                Ok(None) => return Ok(parsed),
                Err(error) => return Err(error.to_string()),
            }
        }
    })
}

/// Nothing passes that two readers frame in two ways, or take for another host's.
fn hosts_and_lengths(parsed: &Parsed) {
    for fields in &parsed.fields {
        let [hosts, lengths, encodings] = *fields;
        assert_eq!(hosts, 1, "{parsed:?}");
        assert!(lengths + encodings <= 1, "{parsed:?}");
    }
    for target in &parsed.targets {
        assert!(target.starts_with('/'), "{target}");
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn framings_hold() {
        hostile_input::replay("framing", 5_000, super::framing);
    }
}
