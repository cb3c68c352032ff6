//! No nonce comes twice under one key.

use cryptography::{KeyBytes, MasterKey, SealingKey};

/// 2^20, in four threads.
const THREADS: usize = 4;
const SEALS: usize = 1 << 18;

#[test]
fn k04_a_million_seals_with_one_key_in_four_threads_and_after_unwrapping_it_again_repeat_no_nonce() {
    let master = MasterKey::parse(&MasterKey::generate().unwrap()).unwrap();
    let wrapped = master.wrap(b"here", &KeyBytes::generate().unwrap()).unwrap();
    let mut nonces = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                // As another replica or a process that was started again has the key: from its wrapped form.
                let key = SealingKey::new(master.unwrap(b"here", &wrapped).unwrap().as_bytes());
                scope.spawn(move || {
                    (0..SEALS)
                        .map(|_| <[u8; 12]>::try_from(&key.seal(b"place", b"v").unwrap()[..12]).unwrap())
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(nonces.len(), 1 << 20);
    nonces.sort_unstable();
    assert!(nonces.windows(2).all(|pair| pair[0] != pair[1]), "a nonce came twice");
}
