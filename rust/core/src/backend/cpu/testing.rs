//! What the tests of the kernels share: inputs, comparison, and the check that threads do not change the bits.

use crate::dtype::Element;
use crate::parallel;
use crate::simd::{Level, available, level, set_level};
use std::sync::Mutex;

/// `n` numbers in -1..1 that look random and are the same every time.
pub fn numbers<T: Element>(n: usize, seed: u64) -> Vec<T> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    };
    (0..n).map(|_| T::from_f64(next())).collect()
}

/// Fail unless the two agree within `tolerance`, relative to the larger of 1 and the expected number.
#[track_caller]
pub fn close<T: Element>(got: &[T], want: &[f64], tolerance: f64, what: &str) {
    assert_eq!(got.len(), want.len(), "{what}");
    for (i, (got, &want)) in got.iter().zip(want).enumerate() {
        let got = got.to_f64();
        let near = (got - want).abs() <= tolerance * want.abs().max(1.0);
        assert!(
            near || got == want || got.is_nan() && want.is_nan(),
            "{what}: element {i} is {got}, expected {want}"
        );
    }
}

/// Held while a test sets the number of threads or the vector level, which all threads of the test share.
static ALONE: Mutex<()> = Mutex::new(());

/// Run `f` with one thread and with two; both must give equal results, bit for bit.
#[track_caller]
pub fn same_for_any_thread_count<R: PartialEq>(f: impl Fn() -> R) -> R {
    let _alone = ALONE.lock().unwrap_or_else(|e| e.into_inner());
    with_one_and_two(f)
}

#[track_caller]
fn with_one_and_two<R: PartialEq>(f: impl Fn() -> R) -> R {
    // Tests elsewhere change the vector level without asking, and with it the rounding: a difference counts when it
    // comes back.
    for _ in 0..5 {
        parallel::set_num_threads(1);
        let one = f();
        parallel::set_num_threads(2);
        if one == f() {
            return one;
        }
    }
    panic!("the result depends on the number of threads");
}

/// As `same_for_any_thread_count`, at every vector level of this machine; `check` sees each level's result.
#[track_caller]
pub fn at_every_level<R: PartialEq>(f: impl Fn() -> R, check: impl Fn(Level, R)) {
    let _alone = ALONE.lock().unwrap_or_else(|e| e.into_inner());
    let before = level();
    for &level in available() {
        set_level(level);
        check(level, with_one_and_two(&f));
    }
    set_level(before);
}
