//! Several fields as one value: each preceded by its length in four bytes, big end first.

use cryptography::SecretBytes;
use zeroize::Zeroizing;

/// The fields as one value.
#[must_use]
pub fn join(fields: &[&[u8]]) -> SecretBytes {
    // Reserved at once: growing would leave copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(fields.iter().map(|field| field.len() + 4).sum()));
    for field in fields {
        // A value has at most 64 KiB.
        bytes.extend_from_slice(&u32::try_from(field.len()).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend_from_slice(field);
    }
    SecretBytes::new(bytes)
}

/// The fields of a value, if there are exactly so many.
pub fn split<const N: usize>(value: &SecretBytes) -> Option<[&[u8]; N]> {
    let mut rest = value.reveal();
    let mut fields: [&[u8]; N] = [&[]; N];
    for field in &mut fields {
        (*field, rest) = first(rest)?;
    }
    rest.is_empty().then_some(fields)
}

/// All fields of a value, however many there are.
#[must_use]
pub fn split_all(value: &SecretBytes) -> Option<Vec<&[u8]>> {
    let mut rest = value.reveal();
    let mut fields = Vec::new();
    while !rest.is_empty() {
        let (field, after) = first(rest)?;
        fields.push(field);
        rest = after;
    }
    Some(fields)
}

fn first(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, after) = bytes.split_first_chunk::<4>()?;
    after.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_back_as_they_were() {
        let value = join(&[b"a", b"", b"b\0c"]);
        assert_eq!(split::<3>(&value).unwrap(), [&b"a"[..], b"", b"b\0c"]);
        assert_eq!(split_all(&value).unwrap(), [&b"a"[..], b"", b"b\0c"]);
        assert!(split_all(&SecretBytes::copy_of(b"\0\0\0\x09a")).is_none());
        assert!(split_all(&SecretBytes::copy_of(b"")).unwrap().is_empty());
        assert!(split::<2>(&value).is_none());
        assert!(split::<4>(&value).is_none());
        assert!(split::<1>(&SecretBytes::copy_of(b"\0\0\0\x09a")).is_none());
        assert!(split::<1>(&SecretBytes::copy_of(b"\0\0")).is_none());
    }
}
