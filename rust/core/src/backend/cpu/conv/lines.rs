//! Rows of planes: copied, cut into even and odd numbers, and put together again. They are short, so that a call of the
//! system's copy would take longer than the copy.

use crate::dtype::Real;

/// Numbers that are copied at once.
const PIECE: usize = 8;

/// `to = from`, of the same length.
#[inline(always)]
pub(super) fn copy<T: Copy>(from: &[T], to: &mut [T]) {
    let n = from.len();
    assert_eq!(n, to.len());
    if n < PIECE {
        to.iter_mut().zip(from).for_each(|(to, &from)| *to = from);
        return;
    }
    for (to, from) in to.chunks_exact_mut(PIECE).zip(from.chunks_exact(PIECE)) {
        to.copy_from_slice(from);
    }
    // The rest, and some of what is there already.
    to[n - PIECE..].copy_from_slice(&from[n - PIECE..]);
}

/// `f(from)` for pieces that cover `0..n`, the last over some of the one before it; false if `n` is less than a piece.
#[inline(always)]
fn pieces(n: usize, mut f: impl FnMut(usize)) -> bool {
    if n < PIECE {
        return false;
    }
    (0..n - PIECE).step_by(PIECE).for_each(&mut f);
    f(n - PIECE);
    true
}

/// A piece of pairs into their first and second numbers. Of 4 bytes each they are halves of one integer, which the
/// compiler knows to take apart with vectors.
#[inline(always)]
fn part<T: Real>(x: &[T], first: &mut [T], second: &mut [T]) {
    let (x, first, second) = (&x[..2 * PIECE], &mut first[..PIECE], &mut second[..PIECE]);
    if size_of::<T>() == 4 && cfg!(target_endian = "little") {
        // SAFETY: numbers of 4 bytes of any pattern, read and written without alignment.
        unsafe {
            let pairs = x.as_ptr().cast::<[u64; PIECE]>().read_unaligned();
            first.as_mut_ptr().cast::<[u32; PIECE]>().write_unaligned(pairs.map(|p| p as u32));
            second.as_mut_ptr().cast::<[u32; PIECE]>().write_unaligned(pairs.map(|p| (p >> 32) as u32));
        }
        return;
    }
    for i in 0..PIECE {
        (first[i], second[i]) = (x[2 * i], x[2 * i + 1]);
    }
}

/// `to[i] = x[2 * i]`
#[inline(always)]
pub(super) fn every_second<T: Real>(x: &[T], to: &mut [T]) {
    let n = to.len();
    let mut unwanted = [T::ZERO; PIECE];
    // Whole pairs are read.
    if x.len() < 2 * n
        || !pieces(
            n,
            #[inline(always)]
            |at| part(&x[2 * at..], &mut to[at..], &mut unwanted),
        )
    {
        (0..n).for_each(|i| to[i] = x[2 * i]);
    }
}

/// A row of inputs with `pad` zeros before it: numbers at even places and at odd ones, as far as there is room.
#[inline(always)]
pub(super) fn halve<T: Real>(x: &[T], pad: usize, even: &mut [T], uneven: &mut [T]) {
    let mut x = &x[..x.len().min(2 * even.len() - pad)];
    if let (1, [lone, rest @ ..]) = (pad % 2, x) {
        uneven[pad / 2] = *lone;
        x = rest;
    }
    let (pairs, from) = (x.len() / 2, pad.div_ceil(2));
    if x.len() % 2 == 1 {
        even[from + pairs] = x[2 * pairs];
    }
    let (even, uneven) = (&mut even[from..][..pairs], &mut uneven[from..][..pairs]);
    let whole = pieces(
        pairs,
        #[inline(always)]
        |at| part(&x[2 * at..], &mut even[at..], &mut uneven[at..]),
    );
    if !whole {
        (0..pairs).for_each(|i| (even[i], uneven[i]) = (x[2 * i], x[2 * i + 1]));
    }
}

/// The way back: the numbers of a row with `pad` before it, from those at even places and at odd ones.
#[inline(always)]
pub(super) fn weave<T: Real>(even: &[T], uneven: &[T], pad: usize, mut x: &mut [T]) {
    if pad % 2 == 1
        && let [lone, rest @ ..] = x
    {
        *lone = uneven[pad / 2];
        x = rest;
    }
    let (pairs, from) = (x.len() / 2, pad.div_ceil(2));
    if x.len() % 2 == 1 {
        x[2 * pairs] = even[from + pairs];
    }
    let (even, uneven, x) = (&even[from..][..pairs], &uneven[from..][..pairs], &mut x[..2 * pairs]);
    for i in 0..pairs {
        (x[2 * i], x[2 * i + 1]) = (even[i], uneven[i]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_any_length_come_back() {
        for n in 1..40usize {
            let x: Vec<f32> = (1..=n).map(|i| i as f32).collect();
            let mut to = vec![0.0; n];
            copy(&x, &mut to);
            assert_eq!(to, x);
            for pad in 0..4 {
                let (mut even, mut uneven) = (vec![0.0; n + 4], vec![0.0; n + 4]);
                halve(&x, pad, &mut even, &mut uneven);
                for (i, &x) in x.iter().enumerate() {
                    let half = if (i + pad) % 2 == 0 { &even } else { &uneven };
                    assert_eq!(half[(i + pad) / 2], x);
                }
                let mut back = vec![0.0; n];
                weave(&even, &uneven, pad, &mut back);
                assert_eq!(back, x);
            }
        }
    }
}
