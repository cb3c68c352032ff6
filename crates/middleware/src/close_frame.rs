//! Ending a WebSocket between two frames, so that the browser is told why (RFC 6455).

use bytes::Bytes;

use crate::live_streams::Cut;

/// The longest head of a frame from a server: two bytes and an eight-byte length.
const LONGEST_HEAD: usize = 10;

/// Follows the frames that an app sends, without holding or reading their content.
#[derive(Debug, Default)]
pub(crate) struct FrameBoundary {
    head: [u8; LONGEST_HEAD],
    head_length: usize,
    content_left: u64,
    /// The app sends what no server may send: nothing is known of boundaries any more.
    lost: bool,
    /// The app sent a close frame of its own.
    closed: bool,
}

impl FrameBoundary {
    /// Notes bytes that were passed on.
    pub(crate) fn passed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && !self.lost {
            if self.content_left > 0 {
                let skipped = usize::try_from(self.content_left).unwrap_or(usize::MAX).min(bytes.len());
                self.content_left -= skipped as u64;
                bytes = bytes.get(skipped..).unwrap_or_default();
                continue;
            }
            let [first, rest @ ..] = bytes else { return };
            self.head_byte(*first);
            bytes = rest;
        }
    }

    /// A close frame with code 1008 (policy violation) or 1001 (going away), if one may stand here.
    pub(crate) fn close_frame(&self, cut: Cut) -> Option<Bytes> {
        if self.lost || self.closed || self.head_length > 0 || self.content_left > 0 {
            return None;
        }
        let code: u16 = if cut == Cut::Idle { 1001 } else { 1008 };
        let reason = cut.to_string();
        // Every reason fits: the content of a control frame has at most 125 bytes.
        let length = u8::try_from(reason.len() + 2).ok().filter(|length| *length <= 125)?;
        let mut frame = vec![0x88, length];
        frame.extend_from_slice(&code.to_be_bytes());
        frame.extend_from_slice(reason.as_bytes());
        Some(frame.into())
    }

    fn head_byte(&mut self, byte: u8) {
        if let Some(place) = self.head.get_mut(self.head_length) {
            *place = byte;
            self.head_length += 1;
        }
        let [first, second, rest @ ..] = &self.head;
        if self.head_length < 2 {
            return;
        }
        let extended = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        if second & 0x80 != 0 {
            // A server must not mask (section 5.1).
            self.lost = true;
            return;
        }
        if self.head_length < 2 + extended {
            return;
        }
        self.content_left = if extended == 0 {
            u64::from(second & 0x7f)
        } else {
            rest.iter().take(extended).fold(0, |length, byte| (length << 8) | u64::from(*byte))
        };
        self.closed |= first & 0x0f == 8;
        self.head_length = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(opcode: u8, content: &[u8]) -> Vec<u8> {
        let mut frame = vec![0x80 | opcode];
        match content.len() {
            short @ 0..126 => frame.push(short as u8),
            middle @ 126..65536 => {
                frame.push(126);
                frame.extend_from_slice(&(middle as u16).to_be_bytes());
            }
            long => {
                frame.push(127);
                frame.extend_from_slice(&(long as u64).to_be_bytes());
            }
        }
        frame.extend_from_slice(content);
        frame
    }

    #[test]
    fn r01_a_close_frame_stands_between_frames_only() {
        let mut stream = Vec::new();
        let mut ends = vec![0];
        for length in [0, 1, 125, 126, 127, 65535, 65536, 70000] {
            stream.extend(frame(2, &vec![0x88; length]));
            ends.push(stream.len());
        }
        for step in [1, 7, 4096] {
            let mut boundary = FrameBoundary::default();
            let mut passed = 0;
            for piece in stream.chunks(step) {
                boundary.passed(piece);
                passed += piece.len();
                let between = boundary.close_frame(Cut::SessionEnded).is_some();
                assert_eq!(between, ends.contains(&passed), "after {passed} bytes, {step} at a time");
            }
        }
    }

    #[test]
    fn r01_the_browser_is_told_why() {
        let boundary = FrameBoundary::default();
        let frame = boundary.close_frame(Cut::NoLongerAllowed).unwrap();
        assert_eq!(&frame[..4], [0x88, u8::try_from(frame.len() - 2).unwrap(), 0x03, 0xf0]);
        assert_eq!(&frame[4..], b"access was withdrawn");
    }

    #[test]
    fn t23_after_a_close_or_a_masked_frame_nothing_is_added() {
        let mut boundary = FrameBoundary::default();
        boundary.passed(&frame(8, &[0x03, 0xe8]));
        assert!(boundary.close_frame(Cut::SessionEnded).is_none());
        let mut boundary = FrameBoundary::default();
        boundary.passed(&[0x81, 0x80, 0, 0, 0, 0]);
        assert!(boundary.close_frame(Cut::SessionEnded).is_none());
    }

    #[test]
    fn t23_a_frame_that_claims_to_be_endless_is_only_counted() {
        let mut boundary = FrameBoundary::default();
        boundary.passed(&[0x82, 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        boundary.passed(&[0; 100_000]);
        assert!(boundary.close_frame(Cut::SessionEnded).is_none());
    }
}
