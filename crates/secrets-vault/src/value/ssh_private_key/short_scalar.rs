//! ECDSA keys whose number begins with zeros: OpenSSH leaves those out, `ssh-key` waits for them. That is every
//! second key of the curve P-521 and every 256th of the others.
//!
//! Format: PROTOCOL.key of OpenSSH.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

const MAGIC: &[u8] = b"openssh-key-v1\0";

/// Whether this is a whole, unencrypted ECDSA key, apart from those zeros.
pub fn is_whole(text: &str) -> bool {
    let body = text
        .strip_prefix("-----BEGIN OPENSSH PRIVATE KEY-----")
        .and_then(|rest| rest.strip_suffix("-----END OPENSSH PRIVATE KEY-----"));
    let Some(body) = body else { return false };
    let body: Zeroizing<String> = Zeroizing::new(body.split_ascii_whitespace().collect());
    let Ok(bytes) = STANDARD.decode(body.as_bytes()).map(Zeroizing::new) else { return false };
    read(&bytes).is_some()
}

fn read(bytes: &[u8]) -> Option<()> {
    let mut outer = Reader(bytes.strip_prefix(MAGIC)?);
    outer.exactly(b"none")?;
    outer.exactly(b"none")?;
    outer.exactly(b"")?;
    (outer.number()? == 1).then_some(())?;
    let mut public = Reader(outer.field()?);
    let mut private = Reader(outer.field()?);
    outer.0.is_empty().then_some(())?;

    (private.number()? == private.number()?).then_some(())?;
    let algorithm = public.field()?;
    private.exactly(algorithm)?;
    let curve = public.field()?;
    private.exactly(curve)?;
    let size = match (algorithm, curve) {
        (b"ecdsa-sha2-nistp256", b"nistp256") => 32,
        (b"ecdsa-sha2-nistp384", b"nistp384") => 48,
        (b"ecdsa-sha2-nistp521", b"nistp521") => 66,
        _ => return None,
    };
    let point = public.field()?;
    // Uncompressed (SEC 1, section 2.3.3).
    (public.0.is_empty() && point.len() == 2 * size + 1 && point.first() == Some(&4)).then_some(())?;
    private.exactly(point)?;
    let scalar = private.field()?;
    ((1..size).contains(&scalar.len()) && scalar.iter().any(|byte| *byte != 0)).then_some(())?;
    // The comment, and 1, 2, 3 … up to a whole block.
    private.field()?;
    private.0.iter().zip(1..).all(|(byte, expected): (&u8, u8)| *byte == expected).then_some(())
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn number(&mut self) -> Option<u32> {
        let (number, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*number))
    }

    fn field(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (field, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(field)
    }

    fn exactly(&mut self, expected: &[u8]) -> Option<()> {
        (self.field()? == expected).then_some(())
    }
}
