//! What somebody does who does not know what he does.

use std::sync::Arc;

use proptest::prelude::*;

use super::original;

/// One of these things.
#[derive(Clone, Debug)]
enum Blow {
    Flip(prop::sample::Index, u8),
    Remove(prop::sample::Index, usize),
    Insert(prop::sample::Index, Vec<u8>),
    SwapBytes(prop::sample::Index, prop::sample::Index),
    RemoveLine(prop::sample::Index),
    RepeatLine(prop::sample::Index, prop::sample::Index),
    SwapLines(prop::sample::Index, prop::sample::Index),
    TakeLine(prop::sample::Index, prop::sample::Index),
    Truncate(prop::sample::Index),
}

fn blow() -> impl Strategy<Value = Blow> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        (at(), 1..=255_u8).prop_map(|(at, bits)| Blow::Flip(at, bits)),
        (at(), 0..8_u8).prop_map(|(at, bit)| Blow::Flip(at, 1 << bit)),
        (at(), 1..200_usize).prop_map(|(at, length)| Blow::Remove(at, length)),
        (at(), prop::collection::vec(any::<u8>(), 1..20)).prop_map(|(at, bytes)| Blow::Insert(at, bytes)),
        (at(), "[ \n\r\t0-9a-f\"{},:]{1,3}").prop_map(|(at, text)| Blow::Insert(at, text.into_bytes())),
        (at(), at()).prop_map(|(one, other)| Blow::SwapBytes(one, other)),
        at().prop_map(Blow::RemoveLine),
        (at(), at()).prop_map(|(from, to)| Blow::RepeatLine(from, to)),
        (at(), at()).prop_map(|(one, other)| Blow::SwapLines(one, other)),
        (at(), at()).prop_map(|(from, to)| Blow::TakeLine(from, to)),
        at().prop_map(Blow::Truncate),
    ]
}

impl Blow {
    fn strike(&self, export: &str, other: &str) -> Vec<u8> {
        let mut bytes = export.as_bytes().to_vec();
        let mut lines: Vec<&str> = export.split_inclusive('\n').collect();
        let others: Vec<&str> = other.split_inclusive('\n').collect();
        let count = lines.len();
        match self {
            Self::Flip(at, bits) => {
                let at = at.index(bytes.len());
                bytes[at] ^= bits;
                return bytes;
            }
            Self::Remove(at, length) => {
                let at = at.index(bytes.len());
                bytes.drain(at..bytes.len().min(at + length));
                return bytes;
            }
            Self::Insert(at, more) => {
                let at = at.index(bytes.len() + 1);
                bytes.splice(at..at, more.iter().copied());
                return bytes;
            }
            Self::SwapBytes(one, other) => {
                let length = bytes.len();
                bytes.swap(one.index(length), other.index(length));
                return bytes;
            }
            Self::Truncate(at) => {
                bytes.truncate(at.index(bytes.len()));
                return bytes;
            }
            Self::RemoveLine(at) => drop(lines.remove(at.index(count))),
            Self::RepeatLine(from, to) => lines.insert(to.index(count + 1), lines[from.index(count)]),
            Self::SwapLines(one, other) => lines.swap(one.index(count), other.index(count)),
            Self::TakeLine(from, to) => lines[to.index(count)] = others[from.index(others.len())],
        }
        lines.concat().into_bytes()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_done_to_an_export_is_found(blows in prop::collection::vec(blow(), 1..4)) {
        let original = original();
        let mut bytes = original.export.clone().into_bytes();
        for blow in &blows {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            if !text.is_empty() {
                bytes = blow.strike(&text, &original.other);
            }
        }
        prop_assume!(bytes != original.export.as_bytes());
        let report = audit::verify(bytes.as_slice(), &[original.public_key()], None).unwrap();
        prop_assert!(!report.is_clean(), "{blows:?}");
    }
}

#[test]
fn every_single_bit_of_an_export_counts() {
    let original = original();
    let keys = [original.public_key()];
    let export = Arc::<[u8]>::from(original.earlier.as_bytes());
    for at in 0..export.len() {
        let mut bytes = export.to_vec();
        bytes[at] ^= 1 << (at % 8);
        let report = audit::verify(bytes.as_slice(), &keys, None).unwrap();
        assert!(!report.is_clean(), "byte {at}");
    }
}
