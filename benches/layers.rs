//! Norms, losses, dropout, tables, resizing, attention and recurrent layers, forwards.

use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use tensorrs_benches::tensor;
use tensorrs_core::Tensor;
use tensorrs_core::backend::cpu::loss::Reduction;
use tensorrs_core::ops::attention::Attention;
use tensorrs_core::ops::bags::{BagOptions, Together};
use tensorrs_core::ops::norm::BatchNorm;
use tensorrs_core::ops::recurrent::{Cell, Stack};
use tensorrs_core::ops::resize::Mode;

fn places(n: usize, below: usize) -> Tensor {
    let places: Vec<i64> = (0..n).map(|i| (i * 7919 % below) as i64).collect();
    Tensor::from_slice(&places, &[n]).expect("memory for a bench's input")
}

fn layers(c: &mut Criterion) {
    let mut group = c.benchmark_group("layers");
    let x = tensor(&[16, 32, 32, 32]);
    group.bench_function("batch norm in training", |b| {
        let how = BatchNorm {
            weight: None,
            bias: None,
            running_mean: None,
            running_var: None,
            training: true,
            momentum: 0.1,
            eps: 1e-5,
        };
        b.iter(|| black_box(&x).batch_norm(how).expect("shapes fit"));
    });
    group.bench_function("group norm", |b| {
        b.iter(|| black_box(&x).group_norm(8, None, None, 1e-5).expect("shapes fit"))
    });
    group.bench_function("layer norm", |b| {
        b.iter(|| black_box(&x).layer_norm(&[32], None, None, 1e-5).expect("shapes fit"))
    });
    group.bench_function("dropout", |b| {
        b.iter(|| black_box(&x).dropout(0.5, true, None).expect("shapes fit"))
    });
    for (name, mode) in [("nearest", Mode::Nearest), ("bilinear", Mode::Linear)] {
        group.bench_function(format!("twice as large, {name}"), |b| {
            b.iter(|| black_box(&x).upsample(mode, &[64, 64], false, &[None, None]).expect("shapes fit"));
        });
    }
    let (scores, target) = (tensor(&[128, 1000]), places(128, 1000));
    group.bench_function("cross entropy", |b| {
        b.iter(|| {
            black_box(&scores).cross_entropy(&target, None, Reduction::Mean, -100, 0.0).expect("shapes fit")
        });
    });
    let (table, index) = (tensor(&[10_000, 128]), places(4096, 10_000));
    group.bench_function("embedding", |b| {
        b.iter(|| black_box(&table).embedding(&index, None, false).expect("shapes fit"))
    });
    group.bench_function("embedding bags of 8", |b| {
        let ends: Vec<i64> = (0..512).map(|i| 8 * i).collect();
        let ends = Tensor::from_slice(&ends, &[512]).expect("memory for a bench's input");
        let how = BagOptions {
            together: Together::Mean,
            scale_grad_by_freq: false,
            factor: None,
            include_last_offset: false,
            padding_idx: None,
        };
        b.iter(|| black_box(&table).embedding_bag(&index, &ends, how).expect("shapes fit"));
    });
    group.bench_function("points of a grid", |b| {
        let grid = tensor(&[16, 32, 32, 2]);
        b.iter(|| black_box(&x).grid_sampler(&grid, 0, 0, false).expect("shapes fit"));
    });
    group.bench_function("CTC loss of 16 texts", |b| {
        let texts: Vec<i64> = (0..16 * 20).map(|i| 1 + i * 7919 % 63).collect();
        let texts = Tensor::from_slice(&texts, &[16 * 20]).expect("memory for a bench's input");
        let scores = tensor(&[100, 16, 64]);
        b.iter(|| {
            black_box(&scores)
                .ctc_loss(&texts, &[100; 16], &[20; 16], 0, Reduction::Mean, false)
                .expect("shapes fit")
        });
    });
    let q = tensor(&[2, 4, 128, 64]);
    for causal in [false, true] {
        let how = Attention { mask: None, dropout: 0.0, causal, scale: None, grouped: false, source: None };
        group.bench_function(if causal { "causal attention" } else { "attention" }, |b| {
            b.iter(|| black_box(&q).attention(&q, &q, how).expect("shapes fit"));
        });
    }
    let (steps, batch, features, width) = (20, 16, 32, 64);
    let sequence = tensor(&[steps, batch, features]);
    for (name, cell, gates) in [("LSTM", Cell::Lstm, 4), ("GRU", Cell::Gru, 3)] {
        let stack = Stack {
            cell,
            has_biases: true,
            layers: 1,
            dropout: 0.0,
            train: false,
            bidirectional: false,
            source: None,
        };
        let rows = gates * width;
        let weights = [tensor(&[rows, features]), tensor(&[rows, width]), tensor(&[rows]), tensor(&[rows])];
        let states = vec![tensor(&[1, batch, width]); if cell == Cell::Lstm { 2 } else { 1 }];
        group.bench_function(name, |b| {
            b.iter(|| stack.padded(black_box(&sequence), &states, &weights, false).expect("shapes fit"));
        });
    }
    group.finish();
}

criterion_group!(benches, layers);
criterion_main!(benches);
