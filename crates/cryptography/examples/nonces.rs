//! K04: seals very often with one key, in two processes with two threads each that are started again and again,
//! and looks for a nonce that came twice. `cargo xtask soak nonces` runs it.

#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a long test prints, and ends when something is wrong"
)]

use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use cryptography::{KeyBytes, MasterKey, SealingKey};

const PLACE: &[u8] = b"nonces";
const REPLICAS: usize = 2;
const THREADS: usize = 2;
/// How often both processes are started.
const STARTS: usize = 8;
type Nonce = [u8; 12];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [seals] => check(seals.parse().expect("how many seals")),
        // The key comes wrapped, as from the store; a process that restores an older copy of the store gets the same.
        [seals, master, wrapped] => replica(seals.parse().expect("how many seals"), master, wrapped),
        _ => println!("nonces <number of seals>"),
    }
}

fn check(seals: usize) {
    let began = Instant::now();
    let master = MasterKey::generate().expect("random numbers");
    let key = KeyBytes::generate().expect("random numbers");
    let wrapped = MasterKey::parse(&master).expect("a key").wrap(PLACE, &key).expect("wrapped");
    let wrapped: Vec<String> = wrapped.iter().map(u8::to_string).collect();
    let each = (seals / (REPLICAS * STARTS)).to_string();
    let start = || {
        let program = std::env::current_exe().expect("this program");
        let arguments = [each.as_str(), &master, &wrapped.join(",")];
        Command::new(program).args(arguments).stdout(Stdio::piped()).spawn().expect("another process")
    };
    let mut nonces: Vec<Nonce> = Vec::with_capacity(seals);
    for _ in 0..STARTS {
        // Both at the same time; each reader lets its process go on.
        let replicas: Vec<Child> = (0..REPLICAS).map(|_| start()).collect();
        let readers: Vec<_> =
            replicas.into_iter().map(|child| std::thread::spawn(move || read(child))).collect();
        for reader in readers {
            nonces.extend(reader.join().expect("what a process sealed"));
        }
    }
    nonces.sort_unstable();
    let repeats = nonces.windows(2).filter(|pair| pair[0] == pair[1]).count();
    println!(
        "{} seals with one key in {} processes with {THREADS} threads each, {REPLICAS} at a time: {repeats} nonces came twice ({:.0} s)",
        nonces.len(),
        REPLICAS * STARTS,
        began.elapsed().as_secs_f64(),
    );
    assert!(repeats == 0 && nonces.len() == seals, "a nonce came twice, or seals are missing");
}

fn read(mut child: Child) -> Vec<Nonce> {
    let mut bytes = Vec::new();
    child.stdout.take().expect("its output").read_to_end(&mut bytes).expect("nonces");
    assert!(child.wait().expect("its end").success(), "a process failed");
    let (nonces, rest) = bytes.as_chunks::<12>();
    assert!(rest.is_empty(), "a nonce was cut");
    nonces.to_vec()
}

fn replica(seals: usize, master: &str, wrapped: &str) {
    let wrapped: Vec<u8> = wrapped.split(',').map(|byte| byte.parse().expect("a byte")).collect();
    let key = MasterKey::parse(master).expect("a key").unwrap(PLACE, &wrapped).expect("unwrapped");
    let key = SealingKey::new(key.as_bytes());
    let seal = || {
        let nonce = |_| {
            let sealed = key.seal(PLACE, b"value").expect("sealed");
            Nonce::try_from(&sealed[..12]).expect("a nonce")
        };
        (0..seals / THREADS).map(nonce).collect::<Vec<_>>()
    };
    let nonces = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(seal)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("sealed")).collect::<Vec<_>>()
    });
    std::io::stdout().write_all(nonces.as_flattened()).expect("read");
}
