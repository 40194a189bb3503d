//! Results past the caches: what a loop makes goes to a block in L1 and from there straight to memory, so that no line
//! of the result is read before it is written. Against plain stores, two threads, f32: 16M numbers 0.69, and the next
//! loop over the result takes no longer, because most of it has left the caches before it starts. A result of 4M numbers
//! would take up to 1.7 times as long where it and its operands fit the last cache.

/// Bytes from which a result is written past the caches.
const FAR: usize = 1 << 26;
/// Bytes of a block.
const BLOCK: usize = 4096;
/// Bytes of a cache line.
const LINE: usize = 64;

#[repr(align(64))]
struct Block([u8; BLOCK]);

/// Whether a result of `n` elements of type `O`, in runs of `run`, is to be written past the caches.
#[inline(always)]
pub fn is_far<O>(n: usize, run: usize) -> bool {
    n * size_of::<O>() >= FAR && run * size_of::<O>() >= BLOCK
}

/// Make `n` elements at `o`: `f(from, count, to)` makes those from `from` on at `to`, which is where they belong, or if
/// `far` a block that is written from there.
///
/// # Safety
/// `o` points to `n` elements that nothing else reads or writes meanwhile; `f` fills what it is given.
#[inline(always)]
pub unsafe fn results<O: Copy>(n: usize, o: *mut O, far: bool, f: impl Fn(usize, usize, *mut O)) {
    if !far {
        return f(0, n, o);
    }
    let mut block = Block([0; BLOCK]);
    let count = BLOCK / size_of::<O>();
    for from in (0..n).step_by(count) {
        let count = count.min(n - from);
        f(from, count, block.0.as_mut_ptr().cast());
        // SAFETY: `f` has filled `count` elements of the block, and there is room for them from `from` on.
        unsafe { write(&block.0[..count * size_of::<O>()], o.add(from).cast()) };
    }
    finish();
}

/// # Safety
/// There is room for `from` at `to`.
unsafe fn write(from: &[u8], to: *mut u8) {
    let head = to.align_offset(LINE).min(from.len());
    let lines = (from.len() - head) / LINE * LINE;
    let tail = head + lines;
    // SAFETY: three parts of `from`, whose places at `to` the caller vouches for; the second is lines of the cache.
    unsafe {
        std::ptr::copy_nonoverlapping(from.as_ptr(), to, head);
        write_lines(from.as_ptr().add(head), to.add(head), lines);
        std::ptr::copy_nonoverlapping(from.as_ptr().add(tail), to.add(tail), from.len() - tail);
    }
}

/// # Safety
/// `from` and `to` point to `n` bytes, a number of whole lines, apart; `to` is at the start of one.
#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline(always)]
unsafe fn write_lines(from: *const u8, to: *mut u8, n: usize) {
    use std::arch::x86_64::{__m128i, _mm_loadu_si128, _mm_stream_si128};
    for at in (0..n).step_by(size_of::<__m128i>()) {
        // SAFETY: the caller's promise; every x86-64 has these.
        unsafe { _mm_stream_si128(to.add(at).cast(), _mm_loadu_si128(from.add(at).cast())) };
    }
}

/// # Safety
/// As above.
#[cfg(any(not(target_arch = "x86_64"), miri))]
#[inline(always)]
unsafe fn write_lines(from: *const u8, to: *mut u8, n: usize) {
    // SAFETY: the caller's promise.
    unsafe { std::ptr::copy_nonoverlapping(from, to, n) };
}

/// Other threads see what was written.
#[inline(always)]
fn finish() {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: every x86-64 has it.
    unsafe {
        std::arch::x86_64::_mm_sfence();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_alignment_and_length() {
        for (start, n) in [(0, 0), (1, 3), (3, 12), (16, 16), (5, 1024), (0, 3000), (7, 5001)] {
            for far in [false, true] {
                let mut out = vec![-1.0f32; start + n + 9];
                let at = out[start..].as_mut_ptr();
                // SAFETY: `n` elements from `start` on, and `f` fills them.
                unsafe {
                    results(n, at, far, |from, count, to: *mut f32| {
                        (0..count).for_each(|i| *to.add(i) = (from + i) as f32);
                    });
                }
                let right = |(i, &v): (usize, &f32)| {
                    v == if (start..start + n).contains(&i) { (i - start) as f32 } else { -1.0 }
                };
                assert!(out.iter().enumerate().all(right), "{start} {n} {far}");
            }
        }
    }
}
