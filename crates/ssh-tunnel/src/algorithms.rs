//! What we speak: which algorithms, in which order, and how much may be under way.

use std::borrow::Cow;
use std::time::Duration;

use russh::client::Config;
use russh::keys::{Algorithm, EcdsaCurve, HashAlg};
use russh::{Limits, Names, Preferred, SshId, cipher, compression, kex, mac};

/// No SHA-1, and no group below 2048 bits.
const KEY_EXCHANGES: &[kex::Name] = &[
    kex::MLKEM768X25519_SHA256,
    kex::CURVE25519,
    kex::CURVE25519_PRE_RFC_8731,
    kex::ECDH_SHA2_NISTP256,
    kex::ECDH_SHA2_NISTP384,
    kex::ECDH_SHA2_NISTP521,
    kex::DH_GEX_SHA256,
    kex::DH_G16_SHA512,
    kex::DH_G18_SHA512,
    kex::DH_G14_SHA256,
    kex::EXTENSION_SUPPORT_AS_CLIENT,
    kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT,
];

/// AES-GCM first: more than twice as fast as ChaCha20 here.
const CIPHERS: &[cipher::Name] = &[
    cipher::AES_256_GCM,
    cipher::AES_128_GCM,
    cipher::CHACHA20_POLY1305,
    cipher::AES_256_CTR,
    cipher::AES_192_CTR,
    cipher::AES_128_CTR,
];

/// For the counter modes; the others authenticate by themselves.
const AUTHENTICATION_CODES: &[mac::Name] =
    &[mac::HMAC_SHA512_ETM, mac::HMAC_SHA256_ETM, mac::HMAC_SHA512, mac::HMAC_SHA256];

/// Types of host keys. RSA signs with SHA-2 only (RFC 8332).
const HOST_KEYS: &[Algorithm] = &[
    Algorithm::Ed25519,
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 },
    Algorithm::Rsa { hash: Some(HashAlg::Sha512) },
    Algorithm::Rsa { hash: Some(HashAlg::Sha256) },
];

/// What may be under way unread, in bytes, as OpenSSH has it. With 16 MiB its server keeps so much in front of each packet
/// that a download falls to a third (measured on a busy machine).
const WINDOW: u32 = 2 * 1024 * 1024;
/// The largest packet that we take, in bytes; russh asks for no more than 64 KiB.
const PACKET: u32 = 65_535;
/// How many packets wait for a reader before the whole session does.
const PACKETS_WAITING: usize = 32;
/// New keys after this many bytes in one direction (RFC 4253, section 9).
const BYTES_PER_KEY: usize = 1 << 30;
/// New keys after this time.
const TIME_PER_KEY: Duration = Duration::from_secs(3600);
/// How many questions it may leave unanswered.
const UNANSWERED: usize = 3;

/// The settings of a session.
pub(crate) fn config(silence: Duration) -> Config {
    Config {
        client_id: SshId::Standard(Cow::Borrowed("SSH-2.0-vybe")),
        limits: Limits {
            rekey_write_limit: BYTES_PER_KEY,
            rekey_read_limit: BYTES_PER_KEY,
            rekey_time_limit: TIME_PER_KEY,
        },
        window_size: WINDOW,
        maximum_packet_size: PACKET,
        channel_buffer_size: PACKETS_WAITING,
        preferred: Preferred {
            kex: Cow::Borrowed(KEY_EXCHANGES),
            key: Cow::Borrowed(HOST_KEYS),
            // No certificate: what is pinned is a key.
            host_key_certificates: Cow::Borrowed(&[]),
            cipher: Cow::Borrowed(CIPHERS),
            mac: Cow::Borrowed(AUTHENTICATION_CODES),
            compression: Cow::Borrowed(&[compression::NONE]),
        },
        keepalive_interval: Some(silence),
        keepalive_max: UNANSWERED,
        nodelay: true,
        ..Config::default()
    }
}

/// Whether a host key is of a type that we asked for; a server may send what it likes.
pub(crate) fn is_host_key_type(presented: &Algorithm) -> bool {
    HOST_KEYS.contains(presented) || matches!(presented, Algorithm::Rsa { .. })
}

/// Whether what was agreed on withstands the removal of messages from the beginning (Terrapin, CVE-2023-48795): with
/// strict key exchange everything does, without it only AES-GCM.
pub(crate) fn is_complete(names: &Names) -> bool {
    names.strict_kex() || matches!(names.cipher, cipher::AES_256_GCM | cipher::AES_128_GCM)
}
