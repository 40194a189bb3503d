//! What the tests of the kernels share: inputs, comparison, and the check that threads do not change the bits.

use crate::dtype::Element;
use crate::parallel;
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

/// Run `f` with one thread and with two; both must give equal results, bit for bit.
#[track_caller]
pub fn same_for_any_thread_count<R: PartialEq>(f: impl Fn() -> R) -> R {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    parallel::set_num_threads(1);
    let one = f();
    parallel::set_num_threads(2);
    let two = f();
    assert!(one == two, "the result depends on the number of threads");
    one
}
