//! No secret and no key is copied without a word.

use cryptography::{HashKey, KeyBytes, MasterKey, RootKey, SealingKey, SecretBytes, SigningKey, Token};

fn secret(secret: &SecretBytes) {
    let _: SecretBytes = secret.clone();
}

fn data_key(data_key: &KeyBytes) {
    let _: KeyBytes = data_key.clone();
}

fn master(master: &MasterKey) {
    let _: MasterKey = master.clone();
}

fn root(root: &RootKey) {
    let _: RootKey = root.clone();
}

fn sealing(sealing: &SealingKey) {
    let _: SealingKey = sealing.clone();
}

fn hashing(hashing: &HashKey) {
    let _: HashKey = hashing.clone();
}

fn signing(signing: &SigningKey) {
    let _: SigningKey = signing.clone();
}

fn token(token: &Token) {
    let _: Token = token.clone();
}

fn main() {}
