//! Orders along one dimension: sort, topk, kthvalue, median.
//!
//! Each row becomes integers that compare as its numbers do, with the index in the low bits: sorting those is stable,
//! branch-free and as quick for floats as for integers. NaN is the largest number; -0 and 0 are equal.
//! Elements of at most four bytes are packed into u64, others into u128.

use smallvec::SmallVec;

use super::pointwise::Ptr;
use super::reduce::Plan;
use crate::backend::{Kth, View};
use crate::dtype::{DType, Element};
use crate::parallel::{GRAIN, chunks};
use crate::simd::vectorize;

/// Elements that are compared with the bar at once.
const BLOCK: usize = 64;

/// A number and its index in one integer.
trait Packed: Ord + Copy + Send {
    /// What numbers of the type become: as wide as they are, so that many fit into a register.
    type Key: Ord + Copy + Default;
    fn key(wide: u64) -> Self::Key;
    fn pack(key: Self::Key, index: usize) -> Self;
    fn index(self) -> usize;
}

impl Packed for u64 {
    type Key = u32;
    #[inline(always)]
    fn key(wide: u64) -> u32 {
        wide as u32
    }
    #[inline(always)]
    fn pack(key: u32, index: usize) -> u64 {
        u64::from(key) << 32 | index as u64
    }
    #[inline(always)]
    fn index(self) -> usize {
        (self & 0xFFFF_FFFF) as usize
    }
}

impl Packed for u128 {
    type Key = u64;
    #[inline(always)]
    fn key(wide: u64) -> u64 {
        wide
    }
    #[inline(always)]
    fn pack(key: u64, index: usize) -> u128 {
        u128::from(key) << 64 | index as u128
    }
    #[inline(always)]
    fn index(self) -> usize {
        self as u64 as usize
    }
}

/// An integer that compares as the number does; inside 32 bits for elements of at most four bytes.
#[inline(always)]
fn key<T: Element>(x: T) -> u64 {
    match T::DTYPE {
        DType::F64 => {
            let bits = (x.to_f64() + 0.0).to_bits();
            match (x.is_nan(), bits >> 63 == 1) {
                (true, _) => u64::MAX,
                (_, true) => !bits,
                _ => bits | 1 << 63,
            }
        }
        DType::F32 | DType::F16 | DType::BF16 => {
            let bits = (x.to_f64() as f32 + 0.0).to_bits();
            // All bits of a negative number are turned round, of others the sign.
            let key = bits ^ ((bits as i32 >> 31) as u32 | 1 << 31);
            u64::from(if x.is_nan() { u32::MAX } else { key })
        }
        DType::I64 => (x.to_i64() as u64) ^ 1 << 63,
        _ => u64::from(x.to_i64() as i32 as u32 ^ 1 << 31),
    }
}

/// The first `k` elements in order along `dim`, and where they come from; `k` is the size of `values` there.
pub fn order<T: Element>(x: View, dim: usize, descending: bool, values: View, places: View) {
    let k = values.layout.shape.get(dim).copied().unwrap_or(1);
    with_rows::<T>(x, dim, values, places, |row, put| {
        if row.packs() {
            first::<T, u64>(row, k, descending, put);
        } else {
            first::<T, u128>(row, k, descending, put);
        }
    });
}

/// One element of the sorted order along `dim`, and where it comes from.
pub fn kth<T: Element>(x: View, dim: usize, which: Kth, values: View, places: View) {
    with_rows::<T>(x, dim, values, places, |row, put| {
        if row.packs() {
            pick::<T, u64>(row, which, put);
        } else {
            pick::<T, u128>(row, which, put);
        }
    });
}

/// The elements of one row.
#[derive(Clone, Copy)]
struct Row<T> {
    first: *const T,
    step: usize,
    n: usize,
}

impl<T: Element> Row<T> {
    #[inline(always)]
    fn get(self, i: usize) -> T {
        debug_assert!(i < self.n);
        // SAFETY: an index of the row, which lies inside the layout it was made from.
        unsafe { *self.first.add(i * self.step) }
    }

    fn packs(self) -> bool {
        T::DTYPE.size() <= 4 && u32::try_from(self.n).is_ok()
    }

    /// The key of an element, for one order or the other.
    #[inline(always)]
    fn key<P: Packed>(self, i: usize, descending: bool) -> P::Key {
        P::key(if descending { !key(self.get(i)) } else { key(self.get(i)) })
    }

    fn packed<P: Packed>(self, descending: bool) -> impl Iterator<Item = P> {
        (0..self.n).map(move |i| P::pack(self.key::<P>(i, descending), i))
    }

    /// The first `k` in order, for `k` above 0 and below `n`, in any order. What comes after the `k`-th of those seen
    /// so far is not kept: for a small `k` that is nearly all, and a block of them costs a few vector instructions.
    fn smallest<P: Packed>(self, k: usize, descending: bool) -> Vec<P> {
        let most = (2 * k).max(k + 64).min(self.n);
        let mut best: Vec<P> = Vec::with_capacity(most);
        // An element with the key of the bar comes after it: its index is higher.
        let mut bar: Option<P::Key> = None;
        let mut keys = [P::Key::default(); BLOCK];
        for from in (0..self.n).step_by(BLOCK) {
            let keys = &mut keys[..BLOCK.min(self.n - from)];
            let least = self.keys::<P>(from, descending, keys);
            if bar.is_some_and(|bar| least >= bar) {
                continue;
            }
            for (i, &key) in keys.iter().enumerate() {
                if bar.is_none_or(|bar| key < bar) {
                    best.push(P::pack(key, from + i));
                    if best.len() == most {
                        let last = *best.select_nth_unstable(k - 1).1;
                        bar = Some(self.key::<P>(last.index(), descending));
                        best.truncate(k);
                    }
                }
            }
        }
        best.select_nth_unstable(k - 1);
        best.truncate(k);
        best
    }

    /// The keys of the elements from `from` on, and the least of them.
    fn keys<P: Packed>(self, from: usize, descending: bool, keys: &mut [P::Key]) -> P::Key {
        vectorize(
            #[inline(always)]
            || {
                // A step of 1 that the compiler knows of makes vectors.
                if self.step == 1 {
                    let row = Row { step: 1, ..self };
                    keys.iter_mut()
                        .enumerate()
                        .for_each(|(i, key)| *key = row.key::<P>(from + i, descending));
                } else {
                    keys.iter_mut()
                        .enumerate()
                        .for_each(|(i, key)| *key = self.key::<P>(from + i, descending));
                }
                keys.iter().fold(keys[0], |least, &key| if key < least { key } else { least })
            },
        )
    }
}

fn first<T: Element, P: Packed>(row: Row<T>, k: usize, descending: bool, put: &mut dyn FnMut(usize, usize)) {
    if k == 0 {
        return;
    }
    let mut packed: Vec<P> =
        if k < row.n { row.smallest(k, descending) } else { row.packed(descending).collect() };
    packed.sort_unstable();
    for (i, p) in packed.iter().enumerate() {
        put(i, p.index());
    }
}

fn pick<T: Element, P: Packed>(row: Row<T>, which: Kth, put: &mut dyn FnMut(usize, usize)) {
    if row.n == 0 {
        return;
    }
    let nans = (0..row.n).filter(|&i| row.get(i).is_nan()).count();
    let rank = match which {
        Kth::Nth(k) => k,
        // A NaN is the median of what has one: the first of them.
        Kth::Median if nans > 0 => row.n - nans,
        Kth::Median => (row.n - 1) / 2,
        Kth::NanMedian => (row.n - nans).saturating_sub(1) / 2,
    };
    let mut packed: Vec<P> = row.packed(false).collect();
    let (_, found, _) = packed.select_nth_unstable(rank);
    put(0, found.index());
}

/// Run `f(row, put)` on every row along `dim`; `put(i, index)` makes element `index` of the row the result's `i`-th.
fn with_rows<T: Element>(
    x: View,
    dim: usize,
    values: View,
    places: View,
    f: impl Fn(Row<T>, &mut dyn FnMut(usize, usize)) + Sync,
) {
    let mut mask: SmallVec<[bool; 8]> = SmallVec::from_elem(false, x.layout.rank().max(1));
    mask[dim] = true;
    let (n, step) = if x.layout.rank() == 0 { (1, 1) } else { (x.layout.shape[dim], x.layout.strides[dim]) };
    let out_step = values.layout.strides.get(dim).copied().unwrap_or(1);
    debug_assert_eq!(values.layout.strides, places.layout.strides);
    let plan = Plan::new(x, &mask, values);
    let shift = places.layout.offset.wrapping_sub(values.layout.offset);
    let (x, values, places) = (Ptr::<T>::of(x), Ptr::<T>::of(values), Ptr::<i64>::of(places));
    let [os, xs] = plan.kept.steps[0];
    chunks(plan.kept.len(), GRAIN.div_ceil(8 * n.max(1)), |r| {
        plan.kept.pieces(r.start, r.end, |[o, from], len| {
            for i in 0..len {
                let o = plan.start[0] + o + i * os;
                // SAFETY: the first element of a row of the input's layout.
                let first = unsafe { x.at(plan.start[1] + from + i * xs) }.cast_const();
                let row = Row { first, step, n };
                f(row, &mut |to, index| {
                    let at = o + to * out_step;
                    // SAFETY: inside the outputs' layouts; every row has outputs of its own.
                    unsafe {
                        *values.at(at) = row.get(index);
                        *places.at(at.wrapping_add(shift)) = index as i64;
                    }
                });
            }
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::cpu::testing::{numbers, same_for_any_thread_count};
    use crate::tensor::Tensor;

    /// Stable, by comparison, NaN last: the definition.
    fn naive<T: Element>(row: &[T], descending: bool) -> Vec<i64> {
        let mut order: Vec<usize> = (0..row.len()).collect();
        order.sort_by(|&a, &b| {
            let (a, b) = (row[a], row[b]);
            let up = a.is_nan().cmp(&b.is_nan()).then(a.partial_cmp(&b).unwrap_or(std::cmp::Ordering::Equal));
            if descending { up.reverse() } else { up }
        });
        order.iter().map(|&i| i as i64).collect()
    }

    fn check<T: Element>(values: &[T]) {
        let n = values.len();
        for descending in [false, true] {
            for (shape, dim) in [([1, n], 1), ([n, 1], 0)] {
                let x = Tensor::from_slice(values, &shape).expect("small");
                for k in [n, n / 2, n.min(10), 1] {
                    let mut out = shape;
                    out[dim] = k;
                    let v = Tensor::empty(&out, T::DTYPE).expect("small");
                    let p = Tensor::empty(&out, DType::I64).expect("small");
                    order::<T>(x.raw(), dim, descending, v.raw(), p.raw());
                    assert_eq!(p.slice::<i64>(), &naive(values, descending)[..k], "{} {k}", T::DTYPE);
                }
            }
        }
    }

    #[test]
    fn every_dtype_sorts_as_its_numbers_compare() {
        let x: Vec<f64> = numbers(501, 9);
        let mut floats: Vec<f32> = x.iter().map(|v| (v * 40.0).round() as f32 / 4.0).collect();
        floats.extend([f32::NAN, 0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN]);
        check(&floats);
        check(&floats.iter().map(|&v| f64::from(v)).collect::<Vec<_>>());
        check(&floats.iter().map(|&v| half::f16::from_f32(v)).collect::<Vec<_>>());
        check(&x.iter().map(|v| (v * 50.0) as i64).collect::<Vec<_>>());
        check(&[i64::MIN, i64::MAX, 0, -1, 1]);
        check(&x.iter().map(|v| (v * 50.0) as i8).collect::<Vec<_>>());
        check(&x.iter().map(|v| (v * 50.0 + 100.0) as u8).collect::<Vec<_>>());
        check(&[true, false, true, false, false]);
    }

    #[test]
    fn rows_and_columns_on_any_number_of_threads() {
        let values: Vec<f32> = numbers(60 * 700, 2);
        let x = Tensor::from_slice(&values, &[60, 700]).expect("small");
        for dim in [0, 1] {
            let places = same_for_any_thread_count(|| {
                let v = Tensor::empty(x.shape(), DType::F32).expect("small");
                let p = Tensor::empty(x.shape(), DType::I64).expect("small");
                order::<f32>(x.raw(), dim, false, v.raw(), p.raw());
                p.slice::<i64>().to_vec()
            });
            for line in [0, 41] {
                let at = |i: usize| if dim == 0 { i * 700 + line } else { line * 700 + i };
                let row: Vec<f32> = (0..x.shape()[dim]).map(|i| values[at(i)]).collect();
                let got: Vec<i64> = (0..row.len()).map(|i| places[at(i)]).collect();
                assert_eq!(got, naive(&row, false));
            }
        }
    }

    #[test]
    fn the_median_is_the_lower_one_and_nan_spoils_it() {
        let run = |values: &[f64], which| {
            let x = Tensor::from_slice(values, &[values.len()]).expect("small");
            let v = Tensor::empty(&[1], DType::F64).expect("small");
            let p = Tensor::empty(&[1], DType::I64).expect("small");
            kth::<f64>(x.raw(), 0, which, v.raw(), p.raw());
            p.slice::<i64>()[0]
        };
        let nan = f64::NAN;
        assert_eq!(run(&[3.0, 1.0, 2.0, 4.0], Kth::Median), 2);
        assert_eq!(run(&[3.0, nan, 2.0, nan], Kth::Median), 1);
        assert_eq!(run(&[3.0, nan, 2.0, nan], Kth::NanMedian), 2);
        assert_eq!(run(&[nan, nan], Kth::NanMedian), 0);
        assert_eq!(run(&[3.0, 1.0, 2.0, 4.0], Kth::Nth(3)), 3);
    }
}
