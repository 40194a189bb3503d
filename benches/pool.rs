//! Max and average pooling, forward and backward, 2x2 windows.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use tensorrs_benches::numbers;
use tensorrs_core::backend::cpu::pool::{self, Chosen, Divisor, Pool};

fn pooling(c: &mut Criterion) {
    let d = Pool {
        planes: 128 * 32,
        size: [1, 32, 32],
        kernel: [1, 2, 2],
        stride: [1, 2, 2],
        pad: [0; 3],
        dilation: [1; 3],
        out: [1, 16, 16],
    };
    let chosen = Chosen { planes: d.planes, plane: 32 * 32, out: 16 * 16 };
    let x = numbers(d.planes * 32 * 32);
    let outputs = d.planes * 16 * 16;
    let (dy, mut y, mut dx) = (numbers(outputs), vec![0.0; outputs], vec![0.0; x.len()]);
    let mut place = vec![0i32; outputs];
    let mut group = c.benchmark_group("pool");
    group.throughput(Throughput::Elements(x.len() as u64));
    group.bench_function("max", |b| b.iter(|| pool::max_pool(d, black_box(&x), &mut y, Some(&mut place))));
    group.bench_function("max gradient", |b| {
        b.iter(|| pool::max_pool_backward(chosen, &place, black_box(&dy), &mut dx));
    });
    let divisor = Divisor::WithPadding;
    group.bench_function("average", |b| b.iter(|| pool::avg_pool(d, divisor, black_box(&x), &mut y)));
    group.bench_function("average gradient", |b| {
        b.iter(|| pool::avg_pool_backward(d, divisor, black_box(&dy), &mut dx));
    });
    group.finish();
}

criterion_group!(benches, pooling);
criterion_main!(benches);
