//! One secret to look for in a text that comes in pieces.

use memchr::memmem::Finder;

/// What is looked for, with what is known about it beforehand (Knuth, Morris, Pratt 1977): the time is linear in the text,
/// however the secret repeats itself and however the text is cut.
pub(crate) struct Needle {
    finder: Finder<'static>,
    /// For each beginning, by its length less one: how long the longest shorter beginning is that it ends with.
    borders: Box<[usize]>,
}

impl Needle {
    /// Looks for this text. There is none for an empty one.
    pub(crate) fn new(text: &[u8]) -> Option<Self> {
        let mut borders = vec![0];
        let mut border = 0;
        for byte in text.get(1..)? {
            while border > 0 && text[border] != *byte {
                border = borders[border - 1];
            }
            border += usize::from(text[border] == *byte);
            borders.push(border);
        }
        Some(Self { finder: Finder::new(text).into_owned(), borders: borders.into() })
    }

    pub(crate) fn len(&self) -> usize {
        self.finder.needle().len()
    }

    /// Goes on with a piece, when the text before it ended with the first `matched` bytes of what is looked for. Says
    /// behind which bytes of the piece it stands whole, and with how many of its first bytes, not all, the text ends now.
    pub(crate) fn go_on(&self, mut matched: usize, piece: &[u8], mut found: impl FnMut(usize)) -> usize {
        let mut at = 0;
        loop {
            while matched > 0 && at < piece.len() {
                matched = self.step(matched, piece[at]);
                at += 1;
                if matched == self.len() {
                    found(at);
                    matched = self.borders[matched - 1];
                }
            }
            // From here on none has begun: the faster search finds the next whole one.
            let Some(start) = self.finder.find(&piece[at..]) else { break };
            at += start + self.len();
            found(at);
            matched = self.borders[self.len() - 1];
        }
        // None is whole: of what is left only the end matters.
        let end = &piece[at.max((piece.len() + 1).saturating_sub(self.len()))..];
        end.iter().fold(matched, |matched, byte| self.step(matched, *byte))
    }

    /// One byte more. Not all of it is matched.
    fn step(&self, mut matched: usize, byte: u8) -> usize {
        let text = self.finder.needle();
        while matched > 0 && text[matched] != byte {
            matched = self.borders[matched - 1];
        }
        matched + usize::from(text[matched] == byte)
    }
}
