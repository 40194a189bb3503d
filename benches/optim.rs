//! A step of an optimiser on one parameter, and random numbers.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use tensorrs_benches::{numbers, tensor};
use tensorrs_core::backend::cpu::optim::{self, AdamParams, AdamState, SgdParams};
use tensorrs_core::ops::random::Fill;

const SIZE: usize = 1 << 18;

fn steps(c: &mut Criterion) {
    let (mut p, g) = (numbers(SIZE), numbers(SIZE));
    let (mut mean, mut square) = (vec![0.0; SIZE], vec![0.0; SIZE]);
    let mut group = c.benchmark_group("optim");
    group.throughput(Throughput::Elements(SIZE as u64));
    let sgd = SgdParams {
        lr: 1e-3,
        momentum: 0.9,
        dampening: 0.0,
        weight_decay: 0.0,
        nesterov: false,
        maximize: false,
    };
    group.bench_function("SGD with momentum", |b| {
        b.iter(|| optim::sgd(black_box(&mut p), &g, Some(&mut mean), false, &sgd));
    });
    let adam = AdamParams {
        lr: 1e-3,
        beta1: 0.9,
        beta2: 0.999,
        eps: 1e-8,
        weight_decay: 0.0,
        maximize: false,
        decoupled: false,
    };
    group.bench_function("Adam", |b| {
        b.iter(|| {
            let state = AdamState { mean: &mut mean, square: &mut square, max_square: None };
            optim::adam(black_box(&mut p), &g, state, 10.0, &adam);
        });
    });
    let x = tensor(&[SIZE]);
    group.bench_function("uniform", |b| {
        b.iter(|| black_box(&x).random_data(Fill::Uniform { from: 0.0, to: 1.0 }, None));
    });
    group.bench_function("normal", |b| {
        b.iter(|| black_box(&x).random_data(Fill::Normal { mean: 0.0, std: 1.0 }, None));
    });
    group.finish();
}

criterion_group!(benches, steps);
criterion_main!(benches);
