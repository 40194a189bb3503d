//! Convolution and its gradients: a layer for each path, from LeNet and from small image nets.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use tensorrs_benches::numbers;
use tensorrs_core::backend::cpu::conv::{self, Conv2d};

const LAYERS: [(&str, Conv2d); 9] = [
    ("lenet1", layer(256, 1, 6, 28, 5, 2)),
    ("lenet2", layer(256, 6, 16, 14, 5, 0)),
    ("cifar 3-32", layer(32, 3, 32, 32, 3, 1)),
    ("cifar 32-32", layer(32, 32, 32, 32, 3, 1)),
    ("direct 5x5", layer(4, 32, 32, 32, 5, 2)),
    ("minimal filtering", layer(4, 64, 64, 28, 3, 1)),
    ("1x1", layer(4, 128, 128, 28, 1, 0)),
    ("small planes", layer(4, 128, 128, 4, 3, 1)),
    ("depthwise", Conv2d { groups: 64, ..layer(4, 64, 64, 28, 3, 1) }),
];

const fn layer(n: usize, c_in: usize, c_out: usize, size: usize, kernel: usize, pad: usize) -> Conv2d {
    Conv2d {
        n,
        c_in,
        c_out,
        groups: 1,
        h: size,
        w: size,
        kh: kernel,
        kw: kernel,
        stride: [1, 1],
        pad: [pad, pad],
        dilation: [1, 1],
    }
}

fn conv(c: &mut Criterion) {
    let mut group = c.benchmark_group("conv");
    for (name, d) in LAYERS {
        let outputs = d.n * d.c_out * d.out_h() * d.out_w();
        let x = numbers(d.n * d.c_in * d.h * d.w);
        let w = numbers(d.c_out * d.c_in / d.groups * d.kh * d.kw);
        let dy = numbers(outputs);
        group.throughput(Throughput::Elements(2 * (outputs * d.c_in / d.groups * d.kh * d.kw) as u64));
        let mut y = vec![0.0; outputs];
        group.bench_function(BenchmarkId::new("forward", name), |b| {
            b.iter(|| conv::forward(d, black_box(&x), &w, None, &mut y));
        });
        let mut dx = vec![0.0; x.len()];
        group.bench_function(BenchmarkId::new("input gradient", name), |b| {
            b.iter(|| conv::backward_input(d, black_box(&dy), &w, &mut dx));
        });
        let mut dw = vec![0.0; w.len()];
        group.bench_function(BenchmarkId::new("weight gradient", name), |b| {
            b.iter(|| conv::backward_weight(d, black_box(&x), &dy, &mut dw));
        });
    }
    group.finish();
}

criterion_group!(benches, conv);
criterion_main!(benches);
