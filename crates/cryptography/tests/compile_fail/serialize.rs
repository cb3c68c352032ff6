//! No secret and no key becomes JSON.

use cryptography::{HashKey, KeyBytes, MasterKey, RootKey, SealingKey, SecretBytes, SigningKey, Token};

fn secret(secret: &SecretBytes) {
    let _ = serde_json::to_string(secret);
}

fn data_key(data_key: &KeyBytes) {
    let _ = serde_json::to_string(data_key);
}

fn master(master: &MasterKey) {
    let _ = serde_json::to_string(master);
}

fn root(root: &RootKey) {
    let _ = serde_json::to_string(root);
}

fn sealing(sealing: &SealingKey) {
    let _ = serde_json::to_string(sealing);
}

fn hashing(hashing: &HashKey) {
    let _ = serde_json::to_string(hashing);
}

fn signing(signing: &SigningKey) {
    let _ = serde_json::to_string(signing);
}

fn token(token: &Token) {
    let _ = serde_json::to_string(token);
}

fn main() {}
