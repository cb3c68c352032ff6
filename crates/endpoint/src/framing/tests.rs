//! However the bytes are cut, and whatever they are: one verdict, and the parser behind agrees.

use actix_http::h1::{Codec, Message};
use actix_web::web::BytesMut;
use proptest::prelude::*;
use tokio_util::codec::Decoder as _;

use super::*;

/// What passes of bytes that arrive in these pieces, and the verdict at the end.
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

/// How many requests the parser behind reads, all of them with their bodies.
fn parse(bytes: &[u8]) -> Result<u64, String> {
    // The codec keeps a clock, which wants a runtime.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let tasks = tokio::task::LocalSet::new();
    let (_runtime, _tasks) = (runtime.enter(), tasks.enter());
    let mut codec = Codec::default();
    let mut rest = BytesMut::from(bytes);
    let mut parsed = 0;
    loop {
        match codec.decode(&mut rest) {
            Ok(Some(Message::Item(_))) => parsed += 1,
            Ok(Some(Message::Chunk(_))) => {}
            Ok(None) => return Ok(parsed),
            Err(error) => return Err(format!("{error} in {:?}", String::from_utf8_lossy(bytes))),
        }
    }
}

/// Lines and bits of lines, good and bad, in any order.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let good = prop_oneof![
        Just("GET /a?b HTTP/1.1\r\nhost: a.test\r\n\r\n"),
        Just("HEAD / HTTP/1.1\r\nHost: a.test\r\nx: y\tz\r\n\r\n"),
        Just("POST /a HTTP/1.1\r\nhost: a.test\r\ncontent-length: 3\r\n\r\nabc"),
        Just("POST /a HTTP/1.1\r\nhost: a.test\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
        Just(
            "PUT /a HTTP/1.1\r\nhost: a.test\r\nTransfer-Encoding: Chunked\r\n\r\nA;x=y\r\n0123456789\r\n0\r\nt: u\r\n\r\n"
        ),
        Just("GET /w HTTP/1.1\r\nhost: a.test\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"),
        Just("GET / HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n"),
        Just("GET / HTTP/1.0\r\nhost: a.test\r\nconnection: keep-alive\r\n\r\n"),
    ];
    let bit = prop_oneof![
        Just("GET / HTTP/1.1\r\n"),
        Just("POST / HTTP/1.1\r\n"),
        Just("POST / HTTP/1.0\r\n"),
        Just("host: a.test\r\n"),
        Just("content-length: 4\r\n"),
        Just("content-length: 0\r\n"),
        Just("content-length: 4\n"),
        Just("transfer-encoding: chunked\r\n"),
        Just("transfer-encoding: chunked, identity\r\n"),
        Just("upgrade: websocket\r\n"),
        Just("connection: upgrade\r\n"),
        Just("expect: 100-continue\r\n"),
        Just("4\r\n"),
        Just("wiki"),
        Just("0\r\n"),
        Just("\r\n"),
        Just("\n"),
        Just("\r"),
        Just(" "),
        Just("\0"),
        Just(";"),
    ];
    let pieces = prop_oneof![
        3 => good.prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(bit, 1..12).prop_map(|bits| bits.concat().into_bytes()),
    ];
    let damage = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3);
    (prop::collection::vec(pieces, 1..5), damage).prop_map(|(pieces, damage)| {
        let mut bytes = pieces.concat();
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn the_verdict_does_not_depend_on_how_bytes_arrive(
        bytes in stream(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let whole = read([bytes.as_slice()]);
        prop_assert_eq!(&whole, &read(bytes.chunks(1)), "byte by byte");
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
        places.sort_unstable();
        let mut pieces = Vec::new();
        let mut start = 0;
        for place in places {
            pieces.push(&bytes[start..place]);
            start = place;
        }
        pieces.push(&bytes[start..]);
        prop_assert_eq!(&whole, &read(pieces));
    }

    #[test]
    fn the_parser_behind_reads_what_passes_in_the_same_way(bytes in stream()) {
        let (passed, _, heads) = read([bytes.as_slice()]);
        let parsed = parse(&passed).map_err(TestCaseError::fail)?;
        prop_assert_eq!(parsed, heads, "{:?}", String::from_utf8_lossy(&passed));
    }

    #[test]
    fn no_bytes_make_it_fail(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let (passed, _, _) = read([bytes.as_slice()]);
        prop_assert!(bytes.starts_with(&passed));
    }
}

#[test]
fn limits_are_the_same_in_pieces() {
    let host = "host: a.test\r\n";
    for (bytes, verdict) in [
        (format!("GET /{}", "a".repeat(9000)), Verdict::HeadRefused(Refusal::TargetTooLong)),
        (
            format!("GET / HTTP/1.1\r\n{host}x: {}\r\n\r\n", "a".repeat(40_000)),
            Verdict::HeadRefused(Refusal::HeadTooLarge),
        ),
        (
            format!("GET / HTTP/1.1\r\n{host}{}\r\n", "a: b\r\n".repeat(100)),
            Verdict::HeadRefused(Refusal::HeadTooLarge),
        ),
        (
            format!(
                "POST / HTTP/1.1\r\n{host}transfer-encoding: chunked\r\n\r\n0\r\n{}\r\n",
                "a: b\r\n".repeat(3000)
            ),
            Verdict::BodyRefused(Refusal::Framing),
        ),
    ] {
        let whole = read([bytes.as_bytes()]);
        assert_eq!(whole.1, verdict);
        for size in [1, 7, 100, 4096] {
            assert_eq!(read(bytes.as_bytes().chunks(size)), whole, "{size}");
        }
    }
}

#[test]
fn the_parser_behind_takes_every_byte_that_passes_wherever_it_stands() {
    let (mut passed, mut refused) = (0, 0);
    for place in ["M\u{1}", "/\u{1}", "/?\u{1}", "host\u{1}", "name\u{1}", "value\u{1}"] {
        for byte in 0..=u8::MAX {
            let with = |kind: &str, otherwise: &str| {
                let mut bytes = if place.starts_with(kind) { place } else { otherwise }.as_bytes().to_vec();
                bytes.iter_mut().filter(|other| **other == 1).for_each(|other| *other = byte);
                bytes
            };
            let target = if place.starts_with("/?") { with("/?", "/") } else { with("/", "/") };
            let request = [
                with("M", "GET"),
                b" ".to_vec(),
                target,
                b" HTTP/1.1\r\nhost: ".to_vec(),
                with("host", "host"),
                b"\r\n".to_vec(),
                with("name", "name"),
                b": ".to_vec(),
                with("value", "value"),
                b"\r\n\r\n".to_vec(),
            ]
            .concat();
            let (bytes, verdict, heads) = read([request.as_slice()]);
            if verdict == Verdict::Open && heads == 1 {
                assert_eq!(parse(&bytes), Ok(1), "{byte:#x} in {place:?}");
                passed += 1;
            } else {
                assert!(bytes.is_empty());
                refused += 1;
            }
        }
    }
    assert!(passed > 500 && refused > 500, "{passed} passed, {refused} were refused");
}
