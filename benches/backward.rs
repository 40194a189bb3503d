//! The tape and the engine: what recording an op and walking back over it cost, without a kernel worth naming.

use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use tensorrs_benches::tensor;
use tensorrs_core::Tensor;
use tensorrs_core::autograd::{Options, backward};

/// A leaf and a chain of additions on it.
fn chain(length: usize) -> (Tensor, Tensor) {
    let leaf = tensor(&[1]);
    leaf.set_requires_grad(true).expect("a float leaf");
    let one = tensor(&[1]);
    let mut y = leaf.clone();
    for _ in 0..length {
        y = y.add(&one).expect("shapes agree");
    }
    (leaf, y)
}

fn tape(c: &mut Criterion) {
    let mut group = c.benchmark_group("backward");
    let (plain, one) = (tensor(&[1]), tensor(&[1]));
    group.bench_function("add", |b| b.iter(|| black_box(&plain).add(&one)));
    let leaf = tensor(&[1]);
    leaf.set_requires_grad(true).expect("a float leaf");
    group.bench_function("add, recorded", |b| b.iter(|| black_box(&leaf).add(&one)));
    group.bench_function("chain of 100, forward and backward", |b| {
        b.iter(|| {
            let (leaf, y) = chain(100);
            backward(&[(y, None)], &[], Options::default()).expect("a graph of additions");
            leaf.grad()
        });
    });
    group.finish();
}

criterion_group!(benches, tape);
criterion_main!(benches);
