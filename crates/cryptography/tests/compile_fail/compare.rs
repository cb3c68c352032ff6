//! No secret and no key is compared in a time that depends on where it differs.

use cryptography::{HashKey, KeyBytes, MasterKey, RootKey, SealingKey, SecretBytes, SigningKey, Token};

fn secret(secret: &SecretBytes, other: &SecretBytes) -> bool {
    secret == other
}

fn data_key(data_key: &KeyBytes, other: &KeyBytes) -> bool {
    data_key == other
}

fn master(master: &MasterKey, other: &MasterKey) -> bool {
    master == other
}

fn root(root: &RootKey, other: &RootKey) -> bool {
    root == other
}

fn sealing(sealing: &SealingKey, other: &SealingKey) -> bool {
    sealing == other
}

fn hashing(hashing: &HashKey, other: &HashKey) -> bool {
    hashing == other
}

fn signing(signing: &SigningKey, other: &SigningKey) -> bool {
    signing == other
}

fn token(token: &Token, other: &Token) -> bool {
    token == other
}

fn main() {}
