//! What looks along a dimension: sorts, the largest elements, their places, running sums.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use tensorrs_benches::tensor;

fn order(c: &mut Criterion) {
    let x = tensor(&[512, 1024]);
    let mut group = c.benchmark_group("order");
    group.throughput(Throughput::Elements(512 * 1024));
    group.bench_function("sort", |b| b.iter(|| black_box(&x).sort(1, false, None).expect("shapes fit")));
    group.bench_function("topk of 10", |b| b.iter(|| black_box(&x).topk(10, 1, true).expect("shapes fit")));
    group.bench_function("max of rows", |b| b.iter(|| black_box(&x).max_dim(1, false).expect("shapes fit")));
    group.bench_function("argmax of columns", |b| {
        b.iter(|| black_box(&x).argmax(Some(0), false).expect("shapes fit"))
    });
    group.bench_function("cumsum of rows", |b| b.iter(|| black_box(&x).cumsum(1, None).expect("shapes fit")));
    group.bench_function("cumsum of columns", |b| {
        b.iter(|| black_box(&x).cumsum(0, None).expect("shapes fit"))
    });
    group.finish();
}

criterion_group!(benches, order);
criterion_main!(benches);
