//! Pointwise ops: one element, what fits in a cache, what does not; contiguous, broadcast, transposed.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use tensorrs_benches::tensor;

fn elementwise(c: &mut Criterion) {
    let mut group = c.benchmark_group("elementwise");
    for n in [1, 1 << 10, 1 << 16, 1 << 22] {
        let (a, b) = (tensor(&[n]), tensor(&[n]));
        group.throughput(Throughput::Elements(n as u64));
        group.bench_function(BenchmarkId::new("add", n), |bench| {
            bench.iter(|| black_box(&a).add(black_box(&b)))
        });
        group.bench_function(BenchmarkId::new("exp", n), |bench| bench.iter(|| black_box(&a).exp()));
        group.bench_function(BenchmarkId::new("sigmoid", n), |bench| bench.iter(|| black_box(&a).sigmoid()));
    }
    let (a, b) = (tensor(&[1 << 20]), tensor(&[1 << 20]));
    group.throughput(Throughput::Elements(1 << 20));
    type Function = fn(&tensorrs_core::Tensor) -> tensorrs_core::Result<tensorrs_core::Tensor>;
    let functions: [(&str, Function); 7] = [
        ("sin", |x| x.sin()),
        ("tanh", |x| x.tanh()),
        ("erf", |x| x.erf()),
        ("gelu", |x| x.gelu("none")),
        ("silu", |x| x.silu()),
        ("relu", |x| x.relu()),
        ("sqrt", |x| x.sqrt()),
    ];
    for (name, f) in functions {
        group.bench_function(name, |bench| bench.iter(|| f(black_box(&a))));
    }
    group.bench_function("add in place", |bench| bench.iter(|| black_box(&a).add_(black_box(&b))));
    let (matrix, row) = (tensor(&[1024, 1024]), tensor(&[1024]));
    let turned = matrix.t().expect("a matrix");
    group.throughput(Throughput::Elements(1 << 20));
    group.bench_function("add a row", |bench| bench.iter(|| black_box(&matrix).add(black_box(&row))));
    group.bench_function("copy transposed", |bench| bench.iter(|| black_box(&turned).contiguous()));
    group.finish();
}

criterion_group!(benches, elementwise);
criterion_main!(benches);
