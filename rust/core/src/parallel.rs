//! Threads: the one pool of the process, and the ways kernels hand work to it.
//!
//! `chunks` cuts `0..n` into ranges, `tasks` runs numbered pieces, `rows` hands out disjoint rows of a slice. The cut
//! depends on the sizes alone, never on the number of threads, so a kernel that keeps one partial result per piece and
//! adds them up in order gives the same bits on any machine.
//!
//! Each thread has a share of the pieces of its own, the same one in every region of that many pieces: what it wrote
//! in one region it finds in its caches in the next. One that is done takes from the others' shares. The caller always
//! works too and a worker that comes late is not waited for: on a busy machine a job is never slower than the caller
//! alone. Workers spin for some microseconds after a job, then sleep; they are woken for work that is longer than
//! waking them takes. Work runs on the caller alone when there is one piece or one thread, inside another parallel
//! region, and while another thread holds the pool. A forked child starts with an empty pool of its own.

use smallvec::SmallVec;
use std::any::Any;
use std::cell::Cell;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

mod limits;
mod pool;

/// Elements of cheap elementwise work that are worth a piece of their own: about 10 microseconds.
pub const GRAIN: usize = 32768;

/// `chunks` makes at most this many ranges: enough for every thread to find work until the end.
const MAX_CHUNKS: usize = 64;

/// A share counts its pieces in 32 bits.
const MAX_PIECES: usize = u32::MAX as usize;

/// Fewer `tasks` than this are taken for heavy ones.
const FEW: usize = 4;

/// More threads than this are never started.
const MAX_THREADS: usize = 1024;

/// 0 until the first use.
static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// Whether this thread is working on a piece now.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// What a forked child does first.
pub(crate) fn forget_workers() {
    pool::forget();
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
        pieces => region(pieces, true, |i| f(i * step..((i + 1) * step).min(n))),
    }
}

/// Run `f(0)`, ..., `f(n - 1)`, each once, in any order and on any thread. A panic in `f` comes out here.
pub fn tasks(n: usize, f: impl Fn(usize) + Sync) {
    region(n, n >= FEW, f);
}

/// `patient`: whether sleeping workers are woken only after the first piece has shown what the others will take.
fn region(n: usize, patient: bool, f: impl Fn(usize) + Sync) {
    if n > 1 && !INSIDE.get() && n <= MAX_PIECES {
        let threads = num_threads().min(n);
        if threads > 1 {
            let entered = Inside::enter();
            let job = Job { f: &f, shares: Shares::new(n, threads), panic: Mutex::new(None) };
            if pool::run(&job, threads - 1, patient) {
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

    /// Element 0, for kernels that write single elements. What `range` asks for holds for them.
    #[inline(always)]
    pub fn ptr(&self) -> *mut T {
        self.0
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

/// One parallel region.
struct Job<'a> {
    f: &'a (dyn Fn(usize) + Sync),
    shares: Shares,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

impl Job<'_> {
    /// Claim pieces until none is left; thread 0 is the caller.
    fn work(&self, thread: usize) {
        self.catch(|| {
            while let Some(i) = self.shares.claim(thread) {
                (self.f)(i);
            }
        });
    }

    /// One piece, by the caller.
    fn first(&self) {
        self.catch(|| self.shares.claim(0).into_iter().for_each(self.f));
    }

    /// A panic ends the region: nobody starts another piece.
    fn catch(&self, work: impl FnOnce()) {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(work)) {
            self.shares.clear();
            self.panic.lock().unwrap_or_else(|e| e.into_inner()).get_or_insert(payload);
        }
    }
}

/// The pieces that nobody has claimed, in as many shares as there are threads.
struct Shares(SmallVec<[Share; 2]>);

/// The first piece in the upper half, the one behind the last in the lower half; on a cache line of its own.
#[repr(align(128))]
struct Share(AtomicU64);

impl Shares {
    fn new(n: usize, threads: usize) -> Self {
        let bound = |t: usize| (n * t / threads) as u64;
        Self((0..threads).map(|t| Share(AtomicU64::new(bound(t) << 32 | bound(t + 1)))).collect())
    }

    /// The next piece of the thread's own share, or the last of somebody else's.
    fn claim(&self, thread: usize) -> Option<usize> {
        let threads = self.0.len();
        let own = thread % threads;
        (own..own + threads).find_map(|t| {
            let share = &self.0[t % threads].0;
            let mut now = share.load(Relaxed);
            while let (first, end) = (now >> 32, now & u64::from(u32::MAX))
                && first < end
            {
                let (piece, rest) =
                    if t == own { (first, (first + 1) << 32 | end) } else { (end - 1, now - 1) };
                match share.compare_exchange_weak(now, rest, Relaxed, Relaxed) {
                    Ok(_) => return Some(piece as usize),
                    Err(seen) => now = seen,
                }
            }
            None
        })
    }

    fn len(&self) -> usize {
        let left = |now: u64| (now & u64::from(u32::MAX)).saturating_sub(now >> 32) as usize;
        self.0.iter().map(|share| left(share.0.load(Relaxed))).sum()
    }

    fn clear(&self) {
        self.0.iter().for_each(|share| share.0.store(0, Relaxed));
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
