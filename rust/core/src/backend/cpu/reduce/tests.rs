//! Reductions against sums taken one element at a time, and for any number of threads.

use crate::backend::cpu::Cpu;
use crate::backend::cpu::testing::{close, numbers, same_for_any_thread_count};
use crate::backend::{Backend, Fold};
use crate::dtype::{DType, Element};
use crate::layout::Layout;
use crate::shape::reduced;
use crate::strided::for_each_offset;
use crate::tensor::Tensor;

/// The elements of every output in row-major order: the definition of a reduction over masked dimensions.
fn groups(x: &Tensor, mask: &[bool]) -> Vec<Vec<f64>> {
    let base = Layout { offset: 0, ..x.layout().clone() };
    let (mut kept, mut folded) = (base.clone(), base);
    for (d, &folds) in mask.iter().enumerate().take(x.rank()) {
        if folds { &mut kept } else { &mut folded }.shape[d] = 1;
    }
    let mut out = vec![];
    for_each_offset(&kept, |at| {
        let mut group = vec![];
        for_each_offset(&folded, |p| {
            crate::per_dtype!(x.dtype(), T => {
                // SAFETY: a place inside the layout.
                group.push(unsafe { *x.ptr::<T>().add(at + p) }.to_f64());
            });
        });
        out.push(group);
    });
    out
}

fn naive(fold: Fold, values: &[f64]) -> f64 {
    let nan = values.iter().any(|v| v.is_nan());
    let sum = |f: &dyn Fn(f64) -> f64| values.iter().map(|&v| f(v)).sum::<f64>();
    match fold {
        Fold::Sum => sum(&|v| v),
        Fold::Mean => sum(&|v| v) / values.len() as f64,
        Fold::NanSum => sum(&|v| if v.is_nan() { 0.0 } else { v }),
        Fold::Prod => values.iter().product(),
        Fold::Max if nan => f64::NAN,
        Fold::Min if nan => f64::NAN,
        Fold::Max => values.iter().fold(f64::NEG_INFINITY, |a, &v| a.max(v)),
        Fold::Min => values.iter().fold(f64::INFINITY, |a, &v| a.min(v)),
        Fold::Any => f64::from(u8::from(values.iter().any(|&v| v != 0.0))),
        Fold::All => f64::from(u8::from(values.iter().all(|&v| v != 0.0))),
        Fold::Count => sum(&|v| f64::from(u8::from(v != 0.0))),
        Fold::Norm(f64::INFINITY) => naive(Fold::Max, &values.iter().map(|v| v.abs()).collect::<Vec<_>>()),
        Fold::Norm(f64::NEG_INFINITY) => {
            naive(Fold::Min, &values.iter().map(|v| v.abs()).collect::<Vec<_>>())
        }
        Fold::Norm(p) => sum(&|v| v.abs().powf(p)).powf(1.0 / p),
    }
}

const FLOATS: [Fold; 15] = [
    Fold::Sum,
    Fold::Mean,
    Fold::NanSum,
    Fold::Prod,
    Fold::Max,
    Fold::Min,
    Fold::Any,
    Fold::All,
    Fold::Count,
    Fold::Norm(1.0),
    Fold::Norm(2.0),
    Fold::Norm(3.0),
    Fold::Norm(-1.5),
    Fold::Norm(f64::INFINITY),
    Fold::Norm(f64::NEG_INFINITY),
];
const INTS: [Fold; 6] = [Fold::Sum, Fold::Max, Fold::Min, Fold::Any, Fold::All, Fold::Count];

/// Shapes, and how each is cut out of a larger tensor: every path, block edges, empty and broadcast ones.
fn layouts() -> Vec<Layout> {
    let c = |shape: &[usize]| Layout::contiguous(shape);
    vec![
        c(&[]),
        c(&[7]),
        c(&[67]),
        c(&[3, 4]),
        c(&[40, 33]),
        c(&[2, 3, 4]),
        c(&[2, 0, 3]),
        c(&[5, 1]),
        c(&[3, 700]),
        c(&[700, 3]),
        c(&[1300, 20]),
        c(&[40000]),
        c(&[2, 20000]),
        c(&[3, 5, 8, 9]),
        c(&[3, 4, 5]).permute(&[2, 0, 1]).expect("in range"),
        c(&[9, 20]).transpose(0, 1).expect("in range"),
        c(&[9, 40]).slice(1, 3, 40, 2),
        c(&[1, 11]).expand(&[6, 11]).expect("fits"),
        c(&[6, 1, 10]).expand(&[6, 5, 10]).expect("fits"),
    ]
}

fn masks(rank: usize) -> Vec<Vec<bool>> {
    (0..1usize << rank).map(|bits| (0..rank.max(1)).map(|d| bits >> d & 1 == 1).collect()).collect()
}

fn made<T: Element>(layout: &Layout, scale: f64) -> Tensor {
    let values: Vec<T> = numbers::<f64>(layout.extent(), 7)
        .into_iter()
        .map(|v| T::from_f64(if T::DTYPE.is_float() { v * scale } else { (v * 3.0).round() }))
        .collect();
    Tensor::from_slice(&values, &[layout.extent()]).expect("small").alias(layout.clone())
}

fn run(fold: Fold, x: &Tensor, mask: &[bool]) -> Vec<f64> {
    let out = Tensor::empty(&reduced(x.shape(), mask, true), fold.out_dtype(x.dtype())).expect("small");
    Cpu.reduce(fold, x.raw(), mask, out.raw()).expect("there");
    crate::per_dtype!(out.dtype(), T => out.slice::<T>().iter().map(|v| v.to_f64()).collect())
}

fn check<T: Element>(folds: &[Fold], tolerance: f64) {
    for layout in layouts() {
        let x = made::<T>(&layout, 1.5);
        for mask in masks(layout.rank()) {
            let groups = groups(&x, &mask);
            if groups.first().is_some_and(|g| g.len() > 20000) && T::DTYPE != DType::F32 {
                continue;
            }
            for &fold in folds {
                let want: Vec<f64> = groups.iter().map(|g| naive(fold, g)).collect();
                let empty = groups.iter().any(Vec::is_empty);
                if empty && matches!(fold, Fold::Max | Fold::Min) && !T::DTYPE.is_float() {
                    continue;
                }
                let got = run(fold, &x, &mask);
                // Sums add four numbers in the element's type: their roundings grow as a random walk does.
                let walk = if fold == Fold::Sum {
                    (groups.iter().map(Vec::len).max().unwrap_or(1) as f64).sqrt()
                } else {
                    1.0
                };
                close(
                    &got,
                    &want,
                    tolerance * walk.max(1.0),
                    &format!("{fold:?} of {layout:?} {} over {mask:?}", T::DTYPE),
                );
            }
        }
    }
}

#[test]
fn every_path_matches_the_definition() {
    check::<f32>(&FLOATS, 3e-7);
    check::<f64>(&FLOATS, 1e-12);
}

#[test]
fn integers_match_the_definition() {
    check::<i64>(&INTS, 0.0);
    check::<i32>(&INTS, 0.0);
    check::<u8>(&INTS, 0.0);
    check::<bool>(&INTS, 0.0);
    let x = Tensor::from_slice(&[i64::MAX, 1, 5], &[3]).expect("small");
    assert_eq!(run(Fold::Sum, &x, &[true]), [(i64::MIN + 5) as f64]);
    assert_eq!(run(Fold::Prod, &x, &[true]), [i64::MAX.wrapping_mul(5) as f64]);
}

#[test]
fn a_nan_is_the_largest_and_the_smallest() {
    for at in [0, 3, 40, 99] {
        let mut values = numbers::<f32>(100, 1);
        values[at] = f32::NAN;
        for shape in [[1, 100], [100, 1], [4, 25], [50, 2]] {
            let x = Tensor::from_slice(&values, &shape).expect("small");
            for fold in [Fold::Max, Fold::Min, Fold::Norm(f64::INFINITY), Fold::Sum] {
                assert!(run(fold, &x, &[true, true])[0].is_nan());
            }
            let nans = run(Fold::Max, &x, &[true, false]).iter().filter(|v| v.is_nan()).count();
            assert_eq!(nans, 1);
        }
    }
}

#[test]
fn long_sums_keep_their_accuracy_and_bits() {
    for (shape, mask) in [
        ([1, 1 << 18], [true, true]),
        ([64, 4096], [false, true]),
        ([8, 32768], [false, true]),
        ([4096, 64], [true, false]),
        ([300, 900], [true, false]),
    ] {
        let n = shape[0] * shape[1];
        let values: Vec<f32> = numbers::<f32>(n, 3).iter().map(|v| v + 1.0).collect();
        let x = Tensor::from_slice(&values, &shape).expect("small");
        let got = same_for_any_thread_count(|| run(Fold::Sum, &x, &mask));
        let want: Vec<f64> = groups(&x, &mask).iter().map(|g| naive(Fold::Sum, g)).collect();
        close(&got, &want, 6e-8, "sum");
    }
}

#[test]
fn moments_match_the_definition() {
    for layout in layouts() {
        let x = made::<f64>(&layout, 1.0);
        for mask in masks(layout.rank()) {
            let shape = reduced(x.shape(), &mask, true);
            let (mean, var) = (Tensor::empty(&shape, DType::F64), Tensor::empty(&shape, DType::F64));
            let (mean, var) = (mean.expect("small"), var.expect("small"));
            Cpu.moments(x.raw(), &mask, 1.0, mean.raw(), var.raw()).expect("there");
            let groups = groups(&x, &mask);
            let means: Vec<f64> = groups.iter().map(|g| naive(Fold::Mean, g)).collect();
            let vars: Vec<f64> = groups
                .iter()
                .zip(&means)
                .map(|(g, m)| {
                    g.iter().map(|v| (v - m) * (v - m)).sum::<f64>() / (g.len() as f64 - 1.0).max(0.0)
                })
                .collect();
            close(mean.slice::<f64>(), &means, 1e-14, "mean");
            close(var.slice::<f64>(), &vars, 1e-13, "var");
        }
    }
}

#[test]
fn the_first_place_of_a_value_is_found() {
    for layout in layouts() {
        for dim in 0..layout.rank().max(1) {
            if layout.numel() == 0 {
                continue;
            }
            let x = made::<i32>(&layout, 1.0);
            let mut mask = vec![false; layout.rank().max(1)];
            mask[dim] = true;
            let shape = reduced(x.shape(), &mask, true);
            let (best, at) = (Tensor::empty(&shape, DType::I32), Tensor::empty(&shape, DType::I64));
            let (best, at) = (best.expect("small"), at.expect("small"));
            Cpu.reduce(Fold::Max, x.raw(), &mask, best.raw()).expect("there");
            Cpu.find(x.raw(), dim, best.raw(), at.raw()).expect("there");
            let want: Vec<i64> = groups(&x, &mask)
                .iter()
                .map(|g| g.iter().position(|&v| v == naive(Fold::Max, g)).expect("it is one of them") as i64)
                .collect();
            assert_eq!(at.slice::<i64>(), want, "{layout:?} along {dim}");
        }
    }
    let mut values = vec![0.0f32; 100_000];
    (values[77_777], values[99_000]) = (f32::NAN, f32::NAN);
    let x = Tensor::from_slice(&values, &[100_000]).expect("small");
    let (best, at) = (Tensor::empty(&[1], DType::F32), Tensor::empty(&[1], DType::I64));
    let (best, at) = (best.expect("small"), at.expect("small"));
    Cpu.reduce(Fold::Max, x.raw(), &[true], best.raw()).expect("there");
    Cpu.find(x.raw(), 0, best.raw(), at.raw()).expect("there");
    assert_eq!(at.slice::<i64>(), [77_777]);
}
