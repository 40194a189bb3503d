//! What the machine can do, to read the other benches by: multiply-adds in registers, and the bandwidth of memory.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use tensorrs_benches::numbers;
use tensorrs_core::{parallel, simd};

fn multiply_adds(rounds: usize) -> f32 {
    simd::vectorize(
        #[inline(always)]
        || {
            let mut acc = [[0.5f32; 16]; 12];
            let (a, b) = (black_box([0.999f32; 16]), black_box([1e-6f32; 16]));
            for _ in 0..rounds {
                for lane in &mut acc {
                    for i in 0..16 {
                        lane[i] = lane[i].mul_add(a[i], b[i]);
                    }
                }
            }
            acc.iter().flatten().sum()
        },
    )
}

fn roofline(c: &mut Criterion) {
    let mut group = c.benchmark_group("roofline");
    let (rounds, threads) = (10_000, parallel::num_threads());
    group.throughput(Throughput::Elements((2 * 12 * 16 * rounds) as u64));
    group.bench_function("multiply-add, one thread", |b| b.iter(|| multiply_adds(rounds)));
    group.throughput(Throughput::Elements((2 * 12 * 16 * rounds * threads) as u64));
    group.bench_function("multiply-add, all threads", |b| {
        b.iter(|| {
            parallel::tasks(threads, |_| {
                black_box(multiply_adds(rounds));
            });
        });
    });
    for (name, n) in [("L1", 4 << 10), ("L2", 64 << 10), ("memory", 32 << 20)] {
        let (src, mut dst) = (numbers(n), vec![0.0f32; n]);
        group.throughput(Throughput::Bytes(8 * n as u64));
        group.bench_function(format!("copy, {name}"), |b| b.iter(|| dst.copy_from_slice(black_box(&src))));
    }
    group.finish();
}

criterion_group!(benches, roofline);
criterion_main!(benches);
