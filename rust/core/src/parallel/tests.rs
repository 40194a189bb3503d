//! The pool under load: every piece once, panics, nesting, many callers, changing thread counts, fork.

#![allow(clippy::unwrap_used)]

use super::*;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;

/// Tests that change the number of threads run one after the other.
static ALONE: Mutex<()> = Mutex::new(());

fn with_threads<R>(n: usize, f: impl FnOnce() -> R) -> R {
    let _alone = ALONE.lock().unwrap_or_else(|e| e.into_inner());
    let before = num_threads();
    set_num_threads(n);
    let result = catch_unwind(AssertUnwindSafe(f));
    set_num_threads(before);
    result.unwrap_or_else(|e| resume_unwind(e))
}

fn ranges(n: usize, grain: usize) -> Vec<Range<usize>> {
    let got = Mutex::new(Vec::new());
    chunks(n, grain, |r| got.lock().unwrap().push(r));
    let mut got = got.into_inner().unwrap();
    got.sort_by_key(|r| r.start);
    got
}

#[test]
fn the_cut_depends_on_sizes_alone() {
    for (n, grain) in
        [(0, 5), (1, 1), (7, 100), (1000, 1), (1000, 7), (12345, 64), (1 << 20, GRAIN), (65, 1), (9, 0)]
    {
        let one = with_threads(1, || ranges(n, grain));
        assert_eq!(one, with_threads(4, || ranges(n, grain)), "{n} {grain}");
        assert!(one.len() <= MAX_CHUNKS);
        assert_eq!(one.iter().map(|r| r.len()).sum::<usize>(), n);
        assert!(one.windows(2).all(|w| w[0].end == w[1].start && w[0].end % grain.max(1) == 0));
    }
}

#[test]
fn every_task_runs_once() {
    with_threads(3, || {
        for round in 0..2000usize {
            let n = round % 97;
            let hits: Vec<AtomicUsize> = (0..n).map(|_| AtomicUsize::new(0)).collect();
            tasks(n, |i| {
                hits[i].fetch_add(1, Relaxed);
            });
            assert!(hits.iter().all(|h| h.load(Relaxed) == 1), "{round}");
        }
    });
}

#[test]
fn shares_are_taken_from_the_front_by_their_owners_and_from_the_back_by_others() {
    let shares = Shares::new(7, 2);
    let claims: Vec<_> = [0, 1, 0, 0, 0, 1, 0, 1, 0].map(|thread| shares.claim(thread)).to_vec();
    assert_eq!(claims, [Some(0), Some(3), Some(1), Some(2), Some(6), Some(4), Some(5), None, None]);
    let shares = Shares::new(3, 2);
    assert_eq!((shares.len(), shares.claim(5), shares.len()), (3, Some(1), 2));
    shares.clear();
    assert_eq!((shares.claim(0), shares.len()), (None, 0));
}

#[test]
fn workers_that_sleep_wake_up_again() {
    let both_worked = || {
        std::thread::sleep(std::time::Duration::from_millis(2));
        let names = Mutex::new(std::collections::HashSet::new());
        tasks(8, |_| {
            names.lock().unwrap().insert(std::thread::current().id());
            std::thread::sleep(std::time::Duration::from_millis(3));
        });
        names.into_inner().unwrap().len() == 2
    };
    with_threads(2, || {
        for _ in 0..5 {
            // A test beside this one may hold the pool for a while.
            assert!((0..20).any(|_| both_worked()));
        }
    });
}

#[test]
fn rows_are_disjoint_and_in_place() {
    with_threads(2, || {
        let mut out = vec![0usize; 333 * 7];
        rows(&mut out, 7, 2, |first, block| {
            for (i, row) in block.chunks_mut(7).enumerate() {
                row.fill(first + i);
            }
        });
        assert!(out.iter().enumerate().all(|(i, &v)| v == i / 7));
        rows(&mut [0u8; 0], 7, 1, |_, _| panic!("no rows"));
    });
}

#[test]
fn nested_regions_run_inline() {
    with_threads(2, || {
        let sum = AtomicUsize::new(0);
        tasks(10, |i| {
            tasks(10, |j| {
                sum.fetch_add(i * 10 + j, Relaxed);
            })
        });
        assert_eq!(sum.into_inner(), 4950);
    });
}

#[test]
fn a_panic_reaches_the_caller_and_the_pool_lives_on() {
    with_threads(2, || {
        for bad in [0, 5, 63] {
            let caught = catch_unwind(|| tasks(64, |i| assert!(i != bad, "piece {i}")));
            let text = *caught.unwrap_err().downcast::<String>().unwrap();
            assert!(text.contains(&format!("piece {bad}")), "{text}");
            assert!(!INSIDE.get());
        }
        assert_eq!(ranges(100, 10).len(), 10);
    });
}

#[test]
fn many_callers_and_changing_thread_counts() {
    with_threads(2, || {
        std::thread::scope(|s| {
            for t in 0..4u64 {
                s.spawn(move || {
                    for round in 0..300 {
                        if t == 0 {
                            set_num_threads(1 + round % 5);
                        }
                        let sum = AtomicU64::new(0);
                        chunks(1000, 10, |r| {
                            sum.fetch_add(r.map(|i| i as u64).sum(), Relaxed);
                        });
                        assert_eq!(sum.into_inner(), 499_500);
                    }
                });
            }
        });
    });
}

#[cfg(all(unix, not(miri)))]
#[test]
fn a_forked_child_has_a_pool_of_its_own() {
    with_threads(2, || {
        let stop = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|s| {
            // Keep the pool busy while the forks happen.
            s.spawn(|| {
                while !stop.load(Relaxed) {
                    tasks(4, |_| std::thread::sleep(std::time::Duration::from_micros(100)));
                }
            });
            for _ in 0..20 {
                // SAFETY: the child runs only pool code and leaves with `_exit`.
                let pid = unsafe { libc::fork() };
                if pid == 0 {
                    // A hang becomes a failure: the alarm kills the child.
                    // SAFETY: plain system call.
                    unsafe { libc::alarm(20) };
                    let sum = AtomicUsize::new(0);
                    for _ in 0..50 {
                        tasks(16, |i| {
                            sum.fetch_add(i, Relaxed);
                        });
                    }
                    // SAFETY: leaves at once, without the parent's destructors.
                    unsafe { libc::_exit(if sum.into_inner() == 50 * 120 { 0 } else { 1 }) };
                }
                let mut status = 0;
                // SAFETY: waits for the child made above.
                assert_eq!(unsafe { libc::waitpid(pid, &mut status, 0) }, pid);
                assert_eq!(status, 0);
            }
            stop.store(true, Relaxed);
        });
    });
}
