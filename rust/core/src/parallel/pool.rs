//! The workers behind `parallel`: one job at a time, spin then sleep.
//!
//! All that the threads agree on is one word, `state`. The caller writes the job and then opens the state with a new
//! number; a worker may touch the job only after it has counted itself in, which works only while the state is open;
//! the caller closes it and then waits for those inside. So a worker that wakes up late finds a closed door, and
//! neither waits for the other.

use super::{Inside, Job};
use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering::*, fence};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// How long a worker looks for the next job, and a caller for the end of this one, before it sleeps: about what waking
/// takes on a virtual machine. After the first part of it whoever else wants the core gets it.
const SPIN: Duration = Duration::from_micros(100);
const SPIN_ALONE: Duration = Duration::from_micros(20);

/// Work that is shorter than this is not worth waking anybody.
const WORTH_WAKING: Duration = Duration::from_micros(100);

/// `state`: workers inside (16 bits), how many may be (16), open, the caller sleeps, number of the job (30).
const ONE: u64 = 1;
const INSIDE: u64 = 0xffff;
const LIMIT: u32 = 16;
const OPEN: u64 = 1 << 32;
const CALLER_SLEEPS: u64 = 1 << 33;
const NUMBER: u32 = 34;

struct Pool {
    state: AtomicU64,
    /// Written by the caller that holds `busy` while nobody is inside, read by workers that are.
    job: UnsafeCell<*const Job<'static>>,
    busy: AtomicBool,
    /// Workers started so far; only the holder of `busy` starts more.
    started: AtomicUsize,
    sleeping: AtomicUsize,
    door: Mutex<()>,
    wake: Condvar,
    done: Condvar,
}

// SAFETY: `job` is handed over through `state` (see the head of this file); all else is atomic or locked.
unsafe impl Sync for Pool {}

static POOL: AtomicPtr<Pool> = AtomicPtr::new(std::ptr::null_mut());

/// Do the job with up to `helpers` workers and the caller; false, with nothing done, if the pool is taken.
pub(super) fn run(job: &Job<'_>, helpers: usize, patient: bool) -> bool {
    let pool = pool();
    if pool.busy.swap(true, Acquire) {
        return false;
    }
    pool.start_workers(helpers);
    let helpers = helpers.min(pool.started.load(Relaxed));
    let open = pool.open(job, helpers);
    // Either this load sees the sleeper, or the sleeper's last look at the state sees the job.
    fence(SeqCst);
    if pool.sleeping.load(SeqCst) > 0 {
        let start = Instant::now();
        if patient {
            job.first();
        }
        if !patient || start.elapsed().saturating_mul(job.shares.len() as u32) > WORTH_WAKING {
            pool.wake(helpers);
        }
    }
    job.work(0);
    pool.close(open);
    pool.busy.store(false, Release);
    true
}

fn pool() -> &'static Pool {
    let current = POOL.load(Acquire);
    // SAFETY: a pool is never freed once it is published.
    unsafe { current.as_ref() }.unwrap_or_else(|| create())
}

#[cold]
fn create() -> &'static Pool {
    let fresh = Box::into_raw(Box::new(Pool {
        state: AtomicU64::new(0),
        job: UnsafeCell::new(std::ptr::null()),
        busy: AtomicBool::new(false),
        started: AtomicUsize::new(0),
        sleeping: AtomicUsize::new(0),
        door: Mutex::new(()),
        wake: Condvar::new(),
        done: Condvar::new(),
    }));
    let chosen = match POOL.compare_exchange(std::ptr::null_mut(), fresh, AcqRel, Acquire) {
        Ok(_) => fresh,
        Err(other) => {
            // SAFETY: `fresh` was never published.
            drop(unsafe { Box::from_raw(fresh) });
            other
        }
    };
    // SAFETY: a published pool is never freed.
    unsafe { &*chosen }
}

/// A forked child has none of the workers, and whatever they held stays held: it makes a pool of its own.
pub(super) fn forget() {
    POOL.store(std::ptr::null_mut(), Release);
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, ()> {
        self.door.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// A machine that gives no more threads is used with those it gave.
    fn start_workers(&'static self, wanted: usize) {
        while self.started.load(Relaxed) < wanted {
            let i = self.started.load(Relaxed);
            let builder = std::thread::Builder::new().name(format!("tensorrs-{}", i + 1));
            if builder.spawn(move || self.worker(i + 1)).is_err() {
                break;
            }
            self.started.store(i + 1, Relaxed);
        }
    }

    fn wake(&self, helpers: usize) {
        let _door = self.lock();
        if self.sleeping.load(SeqCst) <= helpers {
            self.wake.notify_all();
        } else {
            (0..helpers).for_each(|_| self.wake.notify_one());
        }
    }

    /// Publish the job to whoever is awake; returns the number of the job.
    fn open(&self, job: &Job<'_>, helpers: usize) -> u64 {
        // SAFETY: the state is closed and nobody is inside, so nobody reads this. The lifetime is hidden from the
        // workers only: `close` returns after the last of them has left.
        unsafe { *self.job.get() = std::ptr::from_ref(job).cast() };
        let number = (self.state.load(Relaxed) >> NUMBER) + 1;
        self.state.store(number << NUMBER | OPEN | (helpers as u64) << LIMIT, SeqCst);
        number
    }

    /// Let nobody in any more and wait until all have left.
    fn close(&self, number: u64) {
        let mut state = self.state.fetch_and(!OPEN, AcqRel);
        debug_assert_eq!(state >> NUMBER, number & (u64::MAX >> NUMBER));
        let mut spin = Spin::new();
        while state & INSIDE > 0 {
            if spin.once() {
                state = self.state.load(Acquire);
                continue;
            }
            let mut door = self.lock();
            state = self.state.fetch_or(CALLER_SLEEPS, AcqRel);
            while state & INSIDE > 0 {
                door = self.done.wait(door).unwrap_or_else(|e| e.into_inner());
                state = self.state.load(Acquire);
            }
        }
    }

    /// `thread`: the number of its share.
    fn worker(&self, thread: usize) {
        let _inside = Inside::enter();
        let mut last = 0;
        loop {
            let mut spin = Spin::new();
            while !self.enter(&mut last) {
                if !spin.once() {
                    self.sleep(last);
                    spin = Spin::new();
                }
            }
            // SAFETY: this worker is counted in, so the job is alive and will not change.
            unsafe { &**self.job.get() }.work(thread);
            let state = self.state.fetch_sub(ONE, AcqRel);
            if state & INSIDE == 1 && state & CALLER_SLEEPS != 0 {
                let _door = self.lock();
                self.done.notify_all();
            }
        }
    }

    /// Whether there is a job this worker has not done yet, with room for it.
    fn has_room(state: u64, last: u64) -> bool {
        state & OPEN != 0 && state >> NUMBER != last && state & INSIDE < state >> LIMIT & INSIDE
    }

    /// Count this worker in if there is a job for it.
    fn enter(&self, last: &mut u64) -> bool {
        let mut state = self.state.load(Acquire);
        while Self::has_room(state, *last) {
            match self.state.compare_exchange_weak(state, state + ONE, AcqRel, Acquire) {
                Ok(_) => {
                    *last = state >> NUMBER;
                    return true;
                }
                Err(now) => state = now,
            }
        }
        false
    }

    fn sleep(&self, last: u64) {
        let mut door = self.lock();
        self.sleeping.fetch_add(1, SeqCst);
        fence(SeqCst);
        while !Self::has_room(self.state.load(SeqCst), last) {
            door = self.wake.wait(door).unwrap_or_else(|e| e.into_inner());
        }
        self.sleeping.fetch_sub(1, SeqCst);
    }
}

/// Waits in small steps until `SPIN` is over.
struct Spin {
    steps: u32,
    start: Option<Instant>,
}

impl Spin {
    fn new() -> Self {
        Self { steps: 0, start: None }
    }

    /// False when it is time to sleep.
    fn once(&mut self) -> bool {
        std::hint::spin_loop();
        self.steps += 1;
        if self.steps.is_multiple_of(32) {
            let spent = self.start.get_or_insert_with(Instant::now).elapsed();
            if spent > SPIN_ALONE {
                std::thread::yield_now();
            }
            return spent < SPIN;
        }
        true
    }
}
