//! A sealed value that was changed in any way does not open, and nothing panics.

use cryptography::{KeyBytes, MasterKey, OpenError, SealingKey};

#[test]
fn a_value_with_any_bit_flipped_cut_anywhere_or_extended_does_not_open() {
    let key = SealingKey::new(KeyBytes::generate().unwrap().as_bytes());
    for length in [0, 1, 15, 16, 17, 64] {
        let sealed = key.seal(b"here", &vec![7; length]).unwrap();
        assert_eq!(key.open(b"here", &sealed).unwrap().reveal().len(), length);
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(key.open(b"here", &changed).err(), Some(OpenError), "bit {bit}");
        }
        for shorter in 0..sealed.len() {
            assert_eq!(key.open(b"here", &sealed[..shorter]).err(), Some(OpenError), "{shorter} bytes");
            assert_eq!(key.open(b"here", &sealed[sealed.len() - shorter..]).err(), Some(OpenError));
        }
        for more in [1, 12, 16, 1 << 24] {
            let extended = [sealed.clone(), vec![0; more]].concat();
            assert_eq!(key.open(b"here", &extended).err(), Some(OpenError), "{more} bytes more");
        }
        for place in [&b""[..], b"her", b"here ", b"Here", b"\0here"] {
            assert_eq!(key.open(place, &sealed).err(), Some(OpenError));
        }
    }
}

#[test]
fn a_wrapped_key_with_any_bit_flipped_or_cut_anywhere_does_not_unwrap() {
    let master = MasterKey::parse(&MasterKey::generate().unwrap()).unwrap();
    let wrapped = master.wrap(b"here", &KeyBytes::generate().unwrap()).unwrap();
    for bit in 0..wrapped.len() * 8 {
        let mut changed = wrapped.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(master.unwrap(b"here", &changed).err(), Some(OpenError), "bit {bit}");
    }
    for length in 0..wrapped.len() {
        assert_eq!(master.unwrap(b"here", &wrapped[..length]).err(), Some(OpenError), "{length} bytes");
    }
}
