//! Sums of a matrix: all, along rows, along columns; softmax.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use tensorrs_benches::tensor;

fn reduce(c: &mut Criterion) {
    let x = tensor(&[1024, 1024]);
    let mut group = c.benchmark_group("reduce");
    group.throughput(Throughput::Bytes(4 << 20));
    group.bench_function("sum", |b| b.iter(|| black_box(&x).sum(&[], false, None)));
    group.bench_function("sum of columns", |b| b.iter(|| black_box(&x).sum(&[0], false, None)));
    group.bench_function("sum of rows", |b| b.iter(|| black_box(&x).sum(&[1], false, None)));
    group.bench_function("softmax of rows", |b| b.iter(|| black_box(&x).softmax(-1, None)));
    group.finish();
}

criterion_group!(benches, reduce);
criterion_main!(benches);
