//! Threads: the one pool of the process, and the ways kernels hand work to it.
//!
//! `chunks` cuts `0..n` into ranges, `tasks` runs numbered pieces, `rows` hands out disjoint rows of a slice. The cut
//! depends on the sizes alone, never on the number of threads, so a kernel that keeps one partial result per piece and
//! adds them up in order gives the same bits on any machine.
//!
//! The caller always works too, pieces are claimed one by one, and a worker that comes late is not waited for: on a
//! busy machine a job is never slower than the caller alone. Workers spin for some microseconds after a job, then
//! sleep. Work runs on the caller alone when there is one piece or one thread, inside another parallel region, and
//! while another thread holds the pool. A forked child starts with an empty pool of its own.

use std::any::Any;
use std::cell::Cell;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

mod limits;
mod pool;

/// Elements of cheap elementwise work that are worth a piece of their own: about 10 microseconds.
pub const GRAIN: usize = 32768;

/// `chunks` makes at most this many ranges: enough for every thread to find work until the end.
const MAX_CHUNKS: usize = 64;

/// More threads than this are never started.
const MAX_THREADS: usize = 1024;

/// 0 until the first use.
static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// Whether this thread is working on a piece now.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// How many threads a parallel region may use, the caller among them.
pub fn num_threads() -> usize {
    match THREADS.load(Relaxed) {
        0 => {
            let n = limits::default_threads().clamp(1, MAX_THREADS);
            // Another thread may have set it meanwhile: then that value stays.
            THREADS.compare_exchange(0, n, Relaxed, Relaxed).map_or_else(|set| set, |_| n)
        }
        n => n,
    }
}

/// Use `n` threads from the next region on (at least one).
pub fn set_num_threads(n: usize) {
    THREADS.store(n.clamp(1, MAX_THREADS), Relaxed);
}

/// Run `f` on ranges that cover `0..n`. Their length is the least multiple of `grain` that makes at most 64 of them;
/// the last one may be shorter.
pub fn chunks(n: usize, grain: usize, f: impl Fn(Range<usize>) + Sync) {
    let grain = grain.max(1);
    let step = grain * n.div_ceil(grain).div_ceil(MAX_CHUNKS).max(1);
    match n.div_ceil(step) {
        0 => {}
        1 => f(0..n),
        pieces => tasks(pieces, |i| f(i * step..((i + 1) * step).min(n))),
    }
}

/// Run `f(0)`, ..., `f(n - 1)`, each once, in any order and on any thread. A panic in `f` comes out here.
pub fn tasks(n: usize, f: impl Fn(usize) + Sync) {
    if n > 1 && !INSIDE.get() {
        let threads = num_threads().min(n);
        if threads > 1 {
            let entered = Inside::enter();
            let job = Job { f: &f, n, next: AtomicUsize::new(0), panic: std::sync::Mutex::new(None) };
            if pool::run(&job, threads - 1) {
                drop(entered);
                if let Some(payload) = job.panic.into_inner().unwrap_or_else(|e| e.into_inner()) {
                    resume_unwind(payload);
                }
                return;
            }
        }
    }
    (0..n).for_each(f);
}

/// Hand out the rows of `out`, each `width` elements: `f(first, block)` gets the number of the first row of a block and
/// the block. All blocks but the last have the same multiple of `grain_rows` rows.
pub fn rows<T: Send>(out: &mut [T], width: usize, grain_rows: usize, f: impl Fn(usize, &mut [T]) + Sync) {
    if out.is_empty() || width == 0 {
        return;
    }
    assert!(out.len().is_multiple_of(width), "{} elements are no whole number of rows of {width}", out.len());
    let n = out.len() / width;
    let out = Out::new(out);
    chunks(n, grain_rows, |r| {
        // SAFETY: the ranges of `chunks` do not overlap.
        f(r.start, unsafe { out.range(r.start * width..r.end * width) });
    });
}

/// A mutable slice that several threads write to, each to elements of its own.
pub struct Out<T>(*mut T, usize);

// SAFETY: elements are reached only through `range`, whose caller promises that no two ranges overlap.
unsafe impl<T: Send> Send for Out<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Out<T> {}

impl<T> Out<T> {
    /// The slice must outlive every use of the result: keep it borrowed until the parallel region is over.
    pub fn new(slice: &mut [T]) -> Self {
        Self(slice.as_mut_ptr(), slice.len())
    }

    pub fn len(&self) -> usize {
        self.1
    }

    pub fn is_empty(&self) -> bool {
        self.1 == 0
    }

    /// # Safety
    /// The slice given to `new` is still borrowed, and ranges that are alive at the same time do not overlap.
    #[allow(clippy::mut_from_ref)]
    #[inline(always)]
    pub unsafe fn range(&self, r: Range<usize>) -> &mut [T] {
        assert!(r.start <= r.end && r.end <= self.1, "{r:?} of {} elements", self.1);
        // SAFETY: inside the slice, and nobody else holds these elements.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(r.start), r.len()) }
    }
}

/// One parallel region: `n` pieces, claimed by counting `next` up.
struct Job<'a> {
    f: &'a (dyn Fn(usize) + Sync),
    n: usize,
    next: AtomicUsize,
    panic: std::sync::Mutex<Option<Box<dyn Any + Send>>>,
}

impl Job<'_> {
    /// Claim pieces until none is left.
    fn work(&self) {
        let result = catch_unwind(AssertUnwindSafe(|| {
            loop {
                let i = self.next.fetch_add(1, Relaxed);
                if i >= self.n {
                    break;
                }
                (self.f)(i);
            }
        }));
        if let Err(payload) = result {
            self.next.store(self.n, Relaxed);
            self.panic.lock().unwrap_or_else(|e| e.into_inner()).get_or_insert(payload);
        }
    }
}

/// Marks this thread as working until it is dropped.
struct Inside;

impl Inside {
    fn enter() -> Self {
        INSIDE.set(true);
        Inside
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.set(false);
    }
}

#[cfg(test)]
mod tests;
