//! Keys of the curve P-256 whose number begins with zeros: OpenSSH leaves those out, and the library does not read what
//! is left. That is every 256th of them.
//!
//! Format: PROTOCOL.key of OpenSSH.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use russh::keys::ssh_key::private::KeypairData;
use russh::keys::{Algorithm, EcdsaCurve, PrivateKey};
use zeroize::Zeroizing;

const MAGIC: &[u8] = b"openssh-key-v1\0";
const P256: Algorithm = Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 };
/// The length of a number, in bytes.
const SIZE: usize = 32;

/// Such a key, not encrypted.
pub(super) fn from_text(text: &[u8]) -> Option<PrivateKey> {
    let body = text
        .strip_prefix(b"-----BEGIN OPENSSH PRIVATE KEY-----")?
        .strip_suffix(b"-----END OPENSSH PRIVATE KEY-----")?;
    let mut packed = Zeroizing::new(Vec::with_capacity(body.len()));
    packed.extend(body.iter().filter(|byte| !byte.is_ascii_whitespace()));
    let bytes = Zeroizing::new(STANDARD.decode(packed.as_slice()).ok()?);
    let mut outer = Fields(bytes.strip_prefix(MAGIC)?);
    let [cipher, derivation, options] = [outer.field()?, outer.field()?, outer.field()?];
    let plain = cipher == b"none" && derivation == b"none" && options.is_empty() && outer.number()? == 1;
    let _public = outer.field()?;
    if plain { decode(outer.field()?) } else { None }
}

/// Such a key, encrypted.
pub(super) fn from_encrypted(key: &PrivateKey, passphrase: &[u8]) -> Option<PrivateKey> {
    if key.algorithm() != P256 {
        return None;
    }
    let (secret, start) = key.kdf().derive_key_and_iv(key.cipher(), passphrase).ok()?;
    let mut bytes = Zeroizing::new(key.key_data().encrypted()?.to_vec());
    key.cipher().decrypt(&secret, &start, bytes.as_mut_slice(), None).ok()?;
    decode(&bytes)
}

/// The private part. Its two check numbers are different under a wrong passphrase.
fn decode(private: &[u8]) -> Option<PrivateKey> {
    let mut fields = Fields(private);
    (fields.number()? == fields.number()?).then_some(())?;
    (fields.field()? == b"ecdsa-sha2-nistp256").then_some(())?;
    let [curve, point, scalar] = [fields.field()?, fields.field()?, fields.field()?];
    let zeros = SIZE.checked_sub(scalar.len())?;
    let mut whole = Zeroizing::new(Vec::with_capacity(256));
    for field in [curve, point] {
        whole.extend(u32::try_from(field.len()).ok()?.to_be_bytes());
        whole.extend(field);
    }
    whole.extend([0, 0, 0, 32]);
    whole.extend(std::iter::repeat_n(0, zeros));
    whole.extend(scalar);
    let pair = KeypairData::decode_as(&mut whole.as_slice(), P256).ok()?;
    PrivateKey::new(pair, "").ok()
}

struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
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
}
