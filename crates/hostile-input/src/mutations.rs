//! Mutations of inputs, the same in every run.

/// Bytes that readers disagree about.
const PIECES: [&[u8]; 40] = [
    b"\0",
    b"\r\n",
    b"\n",
    b"\r",
    b"\t",
    b" ",
    b"/",
    b"//",
    b"/../",
    b"/./",
    b"\\",
    b"%2f",
    b"%2e",
    b"%25",
    b"%00",
    b"%",
    b";",
    b":",
    b"@",
    b"?",
    b"#",
    b".",
    b"..",
    b",",
    b"=",
    b"'",
    b"\"",
    b"`",
    b"$$",
    b"--",
    b"/*",
    b"*/",
    b"(",
    b")",
    b"_",
    b"-",
    b"\xc3\xa9",
    b"\xe2\x80\xae",
    b"\xff",
    b"{",
];

/// The most bytes that a mutation has more than its origin.
const LONGEST_GROWTH: usize = 256;

/// Mutations without end.
pub(crate) struct Mutations<'a> {
    inputs: &'a [Vec<u8>],
    state: u64,
}

impl<'a> Mutations<'a> {
    /// Of these inputs, of which there is at least one.
    pub(crate) fn of(inputs: &'a [Vec<u8>]) -> Self {
        Self { inputs, state: 0x9e37_79b9_7f4a_7c15 }
    }

    /// xorshift64* (Marsaglia 2003, Vigna 2016): no secret is made of it.
    fn random(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.random()).unwrap_or_default() % bound.max(1)
    }

    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let from = self.below(length + 1);
        from..from + self.below((length - from + 1).min(LONGEST_GROWTH))
    }

    fn piece(&mut self) -> Vec<u8> {
        match self.below(3) {
            0 => PIECES[self.below(PIECES.len())].to_vec(),
            1 => vec![u8::try_from(self.below(256)).unwrap_or_default()],
            _ => {
                let other = self.below(self.inputs.len());
                let range = self.range(self.inputs[other].len());
                self.inputs[other][range].to_vec()
            }
        }
    }
}

impl Iterator for Mutations<'_> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let origin = self.below(self.inputs.len());
        let mut bytes = self.inputs.get(origin)?.clone();
        for _ in 0..=self.below(3) {
            let range = self.range(bytes.len());
            match self.below(5) {
                0 => drop(bytes.drain(range)),
                1 => {
                    let piece = self.piece();
                    drop(bytes.splice(range, piece));
                }
                2 => {
                    let copy = bytes[range.clone()].to_vec();
                    drop(bytes.splice(range.start..range.start, copy));
                }
                3 if !bytes.is_empty() => {
                    let at = self.below(bytes.len());
                    bytes[at] ^= 1 << self.below(8);
                }
                _ => {
                    let piece = self.piece();
                    drop(bytes.splice(range.start..range.start, piece));
                }
            }
        }
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mutations_are_many_and_the_same_in_every_run() {
        let inputs = [b"GET / HTTP/1.1".to_vec(), b"host: a".to_vec(), Vec::new()];
        let made = || Mutations::of(&inputs).take(1_000).collect::<Vec<_>>();
        assert_eq!(made(), made());
        let different: std::collections::BTreeSet<_> = made().into_iter().collect();
        assert!(different.len() > 700, "{}", different.len());
    }
}
