//! The product of two short vectors, summed in the order of PyTorch's BLAS.
//!
//! Sixteen bytes make a vector of lanes. Four of them take turns; of what is left two pairs of vectors go to the first
//! two, single numbers to the first lane. LBFGS divides differences of such products that nearly cancel, so that
//! another order is visible in its steps.

use crate::dtype::Real;

/// The greatest length that is summed so; longer vectors are left to the product of matrices.
pub const SHORT: usize = 8192;

/// `sum of a[i] * b[i]`, with `L` lanes.
pub fn dot<T: Real, const L: usize>(a: &[T], b: &[T]) -> T {
    let mut sums = [[T::ZERO; L]; 4];
    let mut add = |to: usize, a: &[T], b: &[T]| {
        sums[to].iter_mut().zip(a.iter().zip(b)).for_each(|(s, (&x, &y))| *s += x * y);
    };
    let (whole, rest) = (a.len() / (4 * L) * 4 * L, a.len() % L);
    for (a, b) in a[..whole].chunks_exact(4 * L).zip(b[..whole].chunks_exact(4 * L)) {
        for (k, (a, b)) in a.chunks_exact(L).zip(b.chunks_exact(L)).enumerate() {
            add(k, a, b);
        }
    }
    let single = a.len() - rest;
    let vectors = a[whole..single].chunks_exact(L).zip(b[whole..single].chunks_exact(L));
    for (k, (a, b)) in vectors.enumerate() {
        add(k % 2, a, b);
    }
    for (a, b) in a[single..].iter().zip(&b[single..]) {
        add(0, &[*a], &[*b]);
    }
    let mut lanes = sums[0];
    for more in &sums[1..] {
        lanes.iter_mut().zip(more).for_each(|(s, &x)| *s += x);
    }
    let mut n = L;
    while n > 1 {
        n /= 2;
        for i in 0..n {
            let other = lanes[i + n];
            lanes[i] += other;
        }
    }
    lanes[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_product_is_counted_once() {
        for n in 0..70 {
            let a: Vec<f64> = (0..n).map(|i| f64::from(i) - 20.0).collect();
            let b: Vec<f64> = (0..n).map(|i| f64::from(i * i % 17)).collect();
            let naive: f64 = a.iter().zip(&b).map(|(x, y)| x * y).sum();
            assert_eq!(dot::<f64, 2>(&a, &b), naive, "{n}");
            let (a, b): (Vec<f32>, Vec<f32>) = a.iter().zip(&b).map(|(&x, &y)| (x as f32, y as f32)).unzip();
            assert_eq!(dot::<f32, 4>(&a, &b), naive as f32, "{n}");
        }
    }

    #[test]
    fn lanes_are_summed_before_the_rest() {
        // With 2^24 in the first lane, ones next to it are lost; in other lanes they are not.
        let mut a = vec![1.0f32; 6];
        a[0] = 16_777_216.0;
        assert_eq!(dot::<f32, 4>(&a, &[1.0; 6]), 16_777_218.0);
        assert_eq!(dot::<f32, 4>(&a[..4], &[1.0; 4]), 16_777_218.0);
    }
}
