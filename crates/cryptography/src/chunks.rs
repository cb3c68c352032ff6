//! Sealing what is too long to be one value: chunk by chunk, each opened before the next is read.
//!
//! The construction is STREAM (Hoang, Reyhanitabar, Rogaway, Vizár: "Online Authenticated-Encryption and its
//! Nonce-Reuse Misuse-Resistance", 2015), as age uses it: a chunk's nonce is its number and whether it is the last one.
//! A chunk that is changed, left out, repeated or moved does not open, and neither does what was cut off behind any
//! chunk. Nonces are counted, so a key seals one sequence only: it is taken over and cannot be used again.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use crate::{KeyBytes, OpenError, SealError};

/// How many bytes a sealed chunk is longer than what is in it.
pub const CHUNK_OVERHEAD: usize = 16;

/// One sequence of chunks under one key.
struct Sequence {
    key: Option<LessSafeKey>,
    place: Box<[u8]>,
    next: u64,
    has_ended: bool,
}

impl Sequence {
    fn new(key: &KeyBytes, place: &[u8]) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, key.as_bytes()).ok().map(LessSafeKey::new);
        Self { key, place: place.into(), next: 0, has_ended: false }
    }

    /// The key and the nonce of the next chunk; nothing comes after the last one.
    fn step(&mut self, is_last: bool) -> Option<(&LessSafeKey, Nonce, Aad<&[u8]>)> {
        if self.has_ended {
            return None;
        }
        let mut nonce = [0_u8; NONCE_LEN];
        nonce[3..11].copy_from_slice(&self.next.to_be_bytes());
        nonce[11] = u8::from(is_last);
        self.next = self.next.checked_add(1)?;
        self.has_ended = is_last;
        Some((self.key.as_ref()?, Nonce::assume_unique_for_key(nonce), Aad::from(&*self.place)))
    }
}

/// Seals a sequence of chunks.
pub struct ChunkSealer(Sequence);

impl ChunkSealer {
    /// Seals with this key, which seals nothing else. `place` has to be given again to open.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "a key seals one sequence only")]
    pub fn new(key: KeyBytes, place: &[u8]) -> Self {
        Self(Sequence::new(&key, place))
    }

    /// The next chunk, and whether it is the last one.
    ///
    /// # Errors
    /// The last one was sealed before.
    pub fn seal(&mut self, mut chunk: Vec<u8>, is_last: bool) -> Result<Vec<u8>, SealError> {
        let (key, nonce, place) = self.0.step(is_last).ok_or(SealError)?;
        key.seal_in_place_append_tag(nonce, place, &mut chunk).map_err(|_| SealError)?;
        Ok(chunk)
    }
}

/// Opens a sequence of chunks, in the order in which they were sealed.
pub struct ChunkOpener(Sequence);

impl ChunkOpener {
    /// Opens what this key sealed for this place.
    #[must_use]
    pub fn new(key: &KeyBytes, place: &[u8]) -> Self {
        Self(Sequence::new(key, place))
    }

    /// The next chunk, if it is the next one, and the last one or not, as it is said to be.
    ///
    /// # Errors
    /// It is not, or was changed. Nothing opens after that.
    pub fn open(&mut self, mut sealed: Vec<u8>, is_last: bool) -> Result<Vec<u8>, OpenError> {
        let (key, nonce, place) = self.0.step(is_last).ok_or(OpenError)?;
        let length = key.open_in_place(nonce, place, &mut sealed).map(|opened| opened.len());
        let Ok(length) = length else {
            self.0.has_ended = true;
            return Err(OpenError);
        };
        sealed.truncate(length);
        Ok(sealed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed() -> (KeyBytes, Vec<Vec<u8>>) {
        let key = KeyBytes::generate().unwrap();
        let mut sealer = ChunkSealer::new(KeyBytes::from_slice(key.as_bytes()).unwrap(), b"here");
        let chunks = [(b"one".to_vec(), false), (b"two".to_vec(), false), (Vec::new(), true)];
        let sealed = chunks.map(|(chunk, is_last)| sealer.seal(chunk, is_last).unwrap());
        assert!(sealer.seal(b"more".to_vec(), false).is_err());
        (key, sealed.to_vec())
    }

    /// What opens of these, the last of which is said to be the last.
    fn opens(key: &KeyBytes, place: &[u8], chunks: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, OpenError> {
        let mut opener = ChunkOpener::new(key, place);
        let last = chunks.len() - 1;
        chunks.iter().enumerate().map(|(at, chunk)| opener.open(chunk.clone(), at == last)).collect()
    }

    #[test]
    fn chunks_open_in_their_order_and_whole_only() {
        let (key, chunks) = sealed();
        assert_eq!(opens(&key, b"here", &chunks).unwrap(), [&b"one"[..], b"two", b""]);
        assert!(
            chunks
                .iter()
                .zip(["one", "two", ""])
                .all(|(sealed, text)| sealed.len() == text.len() + CHUNK_OVERHEAD)
        );
        let [one, two, end] = [0, 1, 2].map(|at| chunks[at].clone());
        for other in [
            vec![two.clone(), one.clone(), end.clone()],
            vec![one.clone(), one.clone(), two.clone(), end.clone()],
            vec![one.clone(), end.clone()],
            vec![one.clone(), two.clone()],
            vec![one.clone()],
            vec![one, two, end.clone(), end],
        ] {
            assert!(opens(&key, b"here", &other).is_err());
        }
        assert!(opens(&key, b"there", &chunks).is_err());
        assert!(opens(&KeyBytes::generate().unwrap(), b"here", &chunks).is_err());
    }

    #[test]
    fn every_changed_bit_is_seen_and_nothing_opens_after_it() {
        let (key, chunks) = sealed();
        for at in 0..chunks.len() {
            for bit in 0..chunks[at].len() * 8 {
                let mut changed = chunks.clone();
                changed[at][bit / 8] ^= 1 << (bit % 8);
                assert!(opens(&key, b"here", &changed).is_err(), "chunk {at}, bit {bit}");
            }
        }
        let mut opener = ChunkOpener::new(&key, b"here");
        assert!(opener.open(b"no chunk at all, but long enough".to_vec(), false).is_err());
        assert!(opener.open(chunks[1].clone(), false).is_err());
    }
}
