//! What was cut does not look whole, and what an answer needs is given back.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use streamed_answers::{SLOWEST_READER, joined, passed_on};

use crate::tap::{Ended, Next, tap};

fn held(pieces: &[&'static [u8]]) -> Vec<Bytes> {
    pieces.iter().map(|piece| Bytes::from_static(piece)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_whole_answer_comes_in_order_and_ends() {
    let (source, hand_in, mut ended) = tap();
    let mut pieces = passed_on(held(&[b"one", b"two"]), source, SLOWEST_READER);
    for piece in [&b"three"[..], b"four", b"five"] {
        assert!(hand_in.send(Next::Piece(piece)).is_ok());
    }
    drop(hand_in);
    for piece in [&b"one"[..], b"two", b"three", b"four", b"five"] {
        assert_eq!(pieces.next().await, Some(Ok(Bytes::from_static(piece))));
    }
    assert_eq!(pieces.next().await, None);
    assert_eq!(pieces.next().await, None);
    assert_eq!(ended.recv().await, Some(Ended::Whole));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_fails_ends_with_its_error() {
    let (source, hand_in, mut ended) = tap();
    let mut pieces = passed_on(held(&[b"one"]), source, SLOWEST_READER);
    assert!(hand_in.send(Next::Failure("broken")).is_ok());
    // The source has ended before anybody reads that.
    assert_eq!(ended.recv().await, Some(Ended::Failed("broken")));
    assert_eq!(pieces.next().await, Some(Ok(Bytes::from_static(b"one"))));
    assert_eq!(pieces.next().await, Some(Err("broken")));
    assert_eq!(pieces.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_cut_without_a_word_is_not_whole() {
    let (source, hand_in, mut ended) = tap();
    let mut pieces = passed_on(held(&[b"one"]), source, SLOWEST_READER);
    assert!(hand_in.send(Next::Panic).is_ok());
    assert_eq!(pieces.next().await, Some(Ok(Bytes::from_static(b"one"))));
    assert_eq!(pieces.next().await, Some(Err("cut")));
    assert_eq!(pieces.next().await, None);
    assert_eq!(ended.recv().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_reader_who_leaves_ends_a_silent_answer() {
    let (source, hand_in, mut ended) = tap();
    drop(passed_on(Vec::new(), source, SLOWEST_READER));
    let ended = tokio::time::timeout(Duration::from_secs(1), ended.recv()).await;
    assert_eq!(ended, Ok(Some(Ended::Abandoned)));
    assert!(hand_in.send(Next::Piece(b"one")).is_err());
}

#[tokio::test(start_paused = true)]
async fn a_reader_who_is_too_slow_gets_what_was_taken_and_an_error() {
    let (source, hand_in, mut ended) = tap();
    let mut pieces = passed_on(held(&[b"one"]), source, Duration::from_secs(30));
    for piece in [&b"two"[..], b"three", b"four"] {
        assert!(hand_in.send(Next::Piece(piece)).is_ok());
    }
    drop(hand_in);
    let began = tokio::time::Instant::now();
    assert_eq!(ended.recv().await, Some(Ended::Abandoned));
    assert_eq!(began.elapsed().as_secs(), 30);
    assert_eq!(pieces.next().await, Some(Ok(Bytes::from_static(b"one"))));
    assert_eq!(pieces.next().await, Some(Ok(Bytes::from_static(b"two"))));
    assert_eq!(pieces.next().await, Some(Err("cut")));
    assert_eq!(pieces.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_reader_may_take_its_time_for_every_piece() {
    let (source, hand_in, mut ended) = tap();
    let mut pieces = passed_on(Vec::new(), source, Duration::from_secs(30));
    for _ in 0..5 {
        assert!(hand_in.send(Next::Piece(b"piece")).is_ok());
    }
    drop(hand_in);
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_secs(29)).await;
        assert_eq!(pieces.next().await, Some(Ok(Bytes::from_static(b"piece"))));
    }
    // The source has ended, however late its end is taken.
    assert_eq!(ended.recv().await, Some(Ended::Whole));
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(pieces.next().await, None);
}

#[test]
fn pieces_are_joined_and_one_piece_is_not_copied() {
    assert_eq!(joined(Vec::new()), Bytes::new());
    assert_eq!(joined(held(&[b"one", b"", b"two"])), Bytes::from_static(b"onetwo"));
    let piece = Bytes::from(vec![1; 64]);
    assert_eq!(joined(vec![piece.clone()]).as_ptr(), piece.as_ptr());
}
