//! Attention and its gradients against the definition: lengths around the blocks, causal or not, any strides.

use super::*;
use crate::backend::cpu::testing::{close, numbers, same_for_any_thread_count};
use crate::layout::Layout;
use crate::storage::Device;
use crate::tensor::Tensor;

/// Heads, queries, keys, features.
const SHAPES: [[usize; 4]; 7] = [
    [1, 1, 1, 1],
    [3, 5, 7, 2],
    [2, 64, 64, 8],
    [2, 65, 130, 16],
    [1, 200, 70, 4],
    [4, 17, 300, 5],
    [1, 40, 2500, 3],
];

/// Head by head `[out, dq, dk, dv]` of `g`, by loops over all pairs.
fn naive(
    how: Attend,
    [heads, queries, keys, f]: [usize; 4],
    q: &[f64],
    k: &[f64],
    v: &[f64],
    g: &[f64],
) -> [Vec<f64>; 4] {
    let (mut out, mut dq) = (vec![0.0; q.len()], vec![0.0; q.len()]);
    let (mut dk, mut dv) = (vec![0.0; k.len()], vec![0.0; k.len()]);
    for (h, i) in (0..heads).flat_map(|h| (0..queries).map(move |i| (h, i))) {
        let row = (h * queries + i) * f;
        let key = |j: usize| (h * keys + j) * f;
        let dot = |x: &[f64], a: usize, y: &[f64], b: usize| (0..f).map(|c| x[a + c] * y[b + c]).sum::<f64>();
        let seen = if how.causal { keys.min(i + 1) } else { keys };
        let e: Vec<f64> = (0..seen).map(|j| (how.scale * dot(q, row, k, key(j))).exp()).collect();
        let sum: f64 = e.iter().sum();
        for c in 0..f {
            out[row + c] = (0..seen).map(|j| e[j] / sum * v[key(j) + c]).sum();
        }
        let mean = dot(g, row, &out, row);
        for j in 0..seen {
            let w = e[j] / sum;
            let slope = how.scale * w * (dot(g, row, v, key(j)) - mean);
            for c in 0..f {
                dq[row + c] += slope * k[key(j) + c];
                dk[key(j) + c] += slope * q[row + c];
                dv[key(j) + c] += w * g[row + c];
            }
        }
    }
    [out, dq, dk, dv]
}

/// Numbers `(heads, length, features)` as a tensor `(1, heads, length, features)`; `turned`: heads inside lengths.
fn tensor<T: Element>(x: &[f64], [heads, length, f]: [usize; 3], turned: bool) -> Tensor {
    let layout = if turned {
        Layout::contiguous(&[1, length, heads, f]).transpose(1, 2).expect("four dimensions")
    } else {
        Layout::contiguous(&[1, heads, length, f])
    };
    let to = Tensor::empty_on(layout, T::DTYPE, Device::Cpu).expect("small");
    to.copy_(&Tensor::from_slice(x, &[1, heads, length, f]).expect("small")).expect("one shape");
    to
}

fn check<T: Real + Gemm>(tolerance: f64) {
    for (shape, causal, turned) in SHAPES.iter().flat_map(|&s| [(s, false, true), (s, true, false)]) {
        let [heads, queries, keys, f] = shape;
        let how = Attend { scale: 0.4, causal };
        let some = |n: usize, seed: u64| numbers::<f64>(heads * n * f, seed);
        let (q, k, v, g) = (some(queries, 1), some(keys, 2), some(keys, 3), some(queries, 4));
        let want = naive(how, shape, &q, &k, &v, &g);
        let got = same_for_any_thread_count(|| {
            let long = |x: &[f64], n: usize| tensor::<T>(x, [heads, n, f], turned);
            let (q, k, v, g) = (long(&q, queries), long(&k, keys), long(&v, keys), long(&g, queries));
            let of = Asked { q: q.raw(), k: k.raw(), v: v.raw() };
            let fresh = |n: usize| tensor::<T>(&vec![f64::NAN; heads * n * f], [heads, n, f], false);
            let (dq, dk, dv) = (fresh(queries), fresh(keys), fresh(keys));
            let out = tensor::<T>(&vec![f64::NAN; heads * queries * f], [heads, queries, f], turned);
            let mut logs = vec![T::ZERO; heads * queries];
            forward(how, of, out.raw(), &mut logs);
            let to = Asked { q: dq.raw(), k: dk.raw(), v: dv.raw() };
            backward(how, of, out.raw(), &logs, g.raw(), to);
            [out, dq, dk, dv].map(|t| t.contiguous().expect("small").slice::<T>().to_vec())
        });
        for (name, (got, want)) in ["out", "dq", "dk", "dv"].iter().zip(got.iter().zip(&want)) {
            close(got, want, tolerance, &format!("{name} {shape:?} causal {causal}"));
        }
    }
}

#[test]
fn single_precision_agrees_with_the_definition() {
    check::<f32>(2e-5);
}

#[test]
fn double_precision_agrees_with_the_definition() {
    check::<f64>(1e-12);
}
