//! One secret to look for in a text that comes in pieces.

use memchr::memchr;

/// What is looked for, with what is known about it beforehand (Knuth, Morris, Pratt 1977): no byte of the text is looked
/// at again, however the secret repeats itself and however the text is cut.
pub(crate) struct Needle {
    text: Box<[u8]>,
    /// For each beginning, by its length less one: how long the longest shorter beginning is that it ends with.
    borders: Box<[usize]>,
}

impl Needle {
    /// Looks for this text. There is none for an empty one.
    pub(crate) fn new(text: &[u8]) -> Option<Self> {
        let mut borders = Vec::with_capacity(text.len());
        let mut border = 0;
        borders.push(0);
        for byte in text.get(1..)? {
            while border > 0 && text[border] != *byte {
                border = borders[border - 1];
            }
            border += usize::from(text[border] == *byte);
            borders.push(border);
        }
        Some(Self { text: text.into(), borders: borders.into() })
    }

    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    /// Goes on with a piece, when the text before it ended with the first `matched` bytes of what is looked for. Says
    /// behind which bytes of the piece it stands whole, and with how many of its first bytes, not all, the text ends now.
    pub(crate) fn go_on(&self, mut matched: usize, piece: &[u8], mut found: impl FnMut(usize)) -> usize {
        let mut at = 0;
        while at < piece.len() {
            if matched == 0 {
                match memchr(self.text[0], &piece[at..]) {
                    Some(skipped) => at += skipped,
                    None => return 0,
                }
            }
            while matched > 0 && self.text[matched] != piece[at] {
                matched = self.borders[matched - 1];
            }
            matched += usize::from(self.text[matched] == piece[at]);
            at += 1;
            if matched == self.text.len() {
                found(at);
                matched = self.borders[matched - 1];
            }
        }
        matched
    }
}
