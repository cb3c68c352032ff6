//! No secret and no key has a `Display` form.

use cryptography::{HashKey, KeyBytes, MasterKey, RootKey, SealingKey, SecretBytes, SigningKey, Token};

fn secret(secret: &SecretBytes) {
    let _ = format!("{}", secret);
}

fn data_key(data_key: &KeyBytes) {
    let _ = format!("{}", data_key);
}

fn master(master: &MasterKey) {
    let _ = format!("{}", master);
}

fn root(root: &RootKey) {
    let _ = format!("{}", root);
}

fn sealing(sealing: &SealingKey) {
    let _ = format!("{}", sealing);
}

fn hashing(hashing: &HashKey) {
    let _ = format!("{}", hashing);
}

fn signing(signing: &SigningKey) {
    let _ = format!("{}", signing);
}

fn token(token: &Token) {
    let _ = format!("{}", token);
}

fn main() {}
