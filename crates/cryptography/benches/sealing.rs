//! What sealing and opening cost above raw `ring`: the same cipher, key and associated data, a nonce drawn the same way,
//! one vector a call. Both take turns, and the medians are compared, so that other work on the machine counts for both.

#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a benchmark prints, and ends when it cannot be set up"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use cryptography::{KeyBytes, SealingKey};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom as _, SystemRandom};

const ROUNDS: usize = 400;
/// About as long as the place of a value in the vault.
const PLACE: [u8; 180] = [b'p'; 180];

fn main() {
    let bytes = KeyBytes::generate().expect("random numbers");
    let ours = SealingKey::new(bytes.as_bytes());
    let raw = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, bytes.as_bytes()).expect("a key"));
    let random = SystemRandom::new();
    println!("| | raw ring µs | SealingKey µs | ratio (raw/ours) |\n|---|---|---|---|");
    for (size, calls) in [(64, 2_000), (1 << 10, 1_000), (64 << 10, 40)] {
        let value = vec![7_u8; size];
        let raw_seal = || {
            let mut nonce = [0; NONCE_LEN];
            random.fill(&mut nonce).expect("random numbers");
            let mut sealed = Vec::with_capacity(NONCE_LEN + size + AES_256_GCM.tag_len());
            sealed.extend_from_slice(&nonce);
            sealed.extend_from_slice(black_box(&value));
            let nonce = Nonce::assume_unique_for_key(nonce);
            let tag = raw.seal_in_place_separate_tag(nonce, Aad::from(&PLACE), &mut sealed[NONCE_LEN..]);
            sealed.extend_from_slice(tag.expect("sealed").as_ref());
            black_box(sealed);
        };
        let our_seal = || drop(black_box(ours.seal(&PLACE, black_box(&value)).expect("sealed")));
        row(&format!("seal {size} bytes"), calls, raw_seal, our_seal);

        let sealed = ours.seal(&PLACE, &value).expect("sealed");
        let opened = |erase: bool| {
            let (sealed, raw) = (&sealed, &raw);
            move || {
                let (nonce, rest) = black_box(sealed).split_at(NONCE_LEN);
                let nonce = Nonce::try_assume_unique_for_key(nonce).expect("a nonce");
                let mut value = rest.to_vec();
                let length = raw.open_in_place(nonce, Aad::from(&PLACE), &mut value).expect("opened").len();
                value.truncate(length);
                if erase {
                    zeroize::Zeroize::zeroize(&mut value);
                }
                black_box(value);
            }
        };
        let our_open = || drop(black_box(ours.open(&PLACE, black_box(&sealed)).expect("opened")));
        row(&format!("open {size} bytes"), calls, opened(false), our_open);
        row(&format!("open {size} bytes, raw erases, too"), calls, opened(true), our_open);
    }
}

fn row(what: &str, calls: u32, raw: impl Fn(), ours: impl Fn()) {
    let (mut raw_times, mut our_times) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        raw_times.push(timed(calls, &raw));
        our_times.push(timed(calls, &ours));
    }
    let (raw, ours) = (median(raw_times), median(our_times));
    let microseconds = |time: Duration| time.as_secs_f64() * 1e6 / f64::from(calls);
    println!(
        "| {what} | {:.3} | {:.3} | {:.2} |",
        microseconds(raw),
        microseconds(ours),
        raw.as_secs_f64() / ours.as_secs_f64()
    );
}

fn timed(calls: u32, call: &impl Fn()) -> Duration {
    let start = Instant::now();
    for _ in 0..calls {
        call();
    }
    start.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
