//! Square, tall and thin products; the throughput is in floating-point operations.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use tensorrs_benches::tensor;

fn matmul(c: &mut Criterion) {
    let mut group = c.benchmark_group("matmul");
    for (m, k, n) in
        [(4, 4, 4), (32, 32, 32), (128, 128, 128), (512, 512, 512), (256, 400, 120), (1, 1024, 1024)]
    {
        let (a, b) = (tensor(&[m, k]), tensor(&[k, n]));
        group.throughput(Throughput::Elements(2 * (m * k * n) as u64));
        group.bench_function(BenchmarkId::from_parameter(format!("{m}x{k}x{n}")), |bench| {
            bench.iter(|| black_box(&a).mm(black_box(&b)));
        });
    }
    group.finish();
}

criterion_group!(benches, matmul);
criterion_main!(benches);
