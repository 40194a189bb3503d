//! What all threads share: the overflow of their lists, the free large blocks, and the count of bytes.
//!
//! One spin lock guards it. It is held across a fork (`fork.rs`).
//! What is in use and what is kept together stay below 256 MiB, or below 9/8 of the most that was ever in use: above
//! that the large spans kept longest go back to the system, also before it is asked for a new one.

use super::spans::{Span, Spans};
use super::system::{DIVISIBLE, GRAIN, HUGE};
use super::{CLASSES, Fresh, List, Stats, class_size, system};
use std::cell::UnsafeCell;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering::*};

/// Bytes that may always be in use and kept together.
const ROOM: usize = 256 << 20;

/// Bytes in use, as far as the threads reported them.
static LIVE: AtomicIsize = AtomicIsize::new(0);
static PEAK: AtomicIsize = AtomicIsize::new(0);
/// Bytes obtained from the system and not returned.
static RESERVED: AtomicIsize = AtomicIsize::new(0);

struct Kept {
    small: [List; CLASSES],
    /// Bytes in the small lists.
    bytes: usize,
    large: Spans,
}

impl Kept {
    fn all(&self) -> usize {
        self.bytes + self.large.bytes()
    }

    /// Take out the large spans that are too many when `more` bytes are to come.
    fn shed(&mut self, more: usize) -> Vec<Span> {
        self.large.shed(most_kept(more).saturating_sub(self.bytes))
    }
}

struct Shared {
    taken: AtomicBool,
    kept: UnsafeCell<Kept>,
}

// SAFETY: `kept` is reached only through `with`, which holds the lock.
unsafe impl Sync for Shared {}

static SHARED: Shared = Shared {
    taken: AtomicBool::new(false),
    kept: UnsafeCell::new(Kept { small: [List::EMPTY; CLASSES], bytes: 0, large: Spans::EMPTY }),
};

/// Also what a fork waits for.
pub(crate) fn lock() {
    let mut tries = 0u32;
    while SHARED.taken.swap(true, Acquire) {
        tries += 1;
        if tries.is_multiple_of(64) { std::thread::yield_now() } else { std::hint::spin_loop() }
    }
}

pub(crate) fn unlock() {
    SHARED.taken.store(false, Release);
}

/// Run `f` on the kept blocks under the lock. `f` neither panics nor comes back here.
fn with<R>(f: impl FnOnce(&mut Kept) -> R) -> R {
    lock();
    // SAFETY: the lock is held, so nobody else has a reference.
    let result = f(unsafe { &mut *SHARED.kept.get() });
    unlock();
    result
}

/// Count bytes taken (or, negative, put back).
pub(super) fn report(change: isize) {
    let live = LIVE.fetch_add(change, Relaxed) + change;
    if change > 0 && live > PEAK.load(Relaxed) {
        PEAK.fetch_max(live, Relaxed);
    }
}

pub(super) fn stats() -> Stats {
    let bytes = |x: &AtomicIsize| x.load(Relaxed).max(0) as usize;
    Stats { allocated: bytes(&LIVE), reserved: bytes(&RESERVED), peak: bytes(&PEAK) }
}

/// How many bytes may be kept when `more` bytes than now are in use.
fn most_kept(more: usize) -> usize {
    let Stats { allocated, peak, .. } = stats();
    let most = peak.max(allocated + more);
    ROOM.max(most + most / 8).saturating_sub(allocated + more)
}

/// Up to `n` kept blocks of a small class, at least one if there is one.
pub(super) fn take(class: usize, size: usize, n: usize) -> List {
    with(|kept| {
        let part = kept.small[class].split(n.max(1));
        kept.bytes -= part.len * size;
        part
    })
}

/// Keep blocks of a small class.
pub(super) fn put(class: usize, size: usize, mut blocks: List) {
    if blocks.len == 0 {
        return;
    }
    with(|kept| {
        while kept.all() + size <= most_kept(0)
            && let Some(ptr) = blocks.pop()
        {
            // SAFETY: a free block of this class that was in `blocks` alone.
            unsafe { kept.small[class].push(ptr) };
            kept.bytes += size;
        }
    });
    free_list(blocks, size);
}

/// A new block of a small class from the system.
#[cold]
pub(super) fn take_small(_class: usize, size: usize) -> Option<NonNull<u8>> {
    let ptr = system::alloc(size).or_else(|| {
        empty();
        system::alloc(size)
    })?;
    RESERVED.fetch_add(size as isize, Relaxed);
    Some(ptr)
}

/// The length of the span of a large block: it begins anywhere in the first `GRAIN` bytes.
fn span_len(size: usize) -> usize {
    size + GRAIN
}

/// Where in its span a block begins. Blocks that all began at the same place of a page would fall into the same cache
/// sets, and a store to one would delay loads from another: so a hash of the span's address (multiplicative, by the
/// golden ratio) chooses one of 16 places, 256 bytes apart.
fn place(span: Span) -> NonNull<u8> {
    let hash = (span.start.as_ptr() as u64 / GRAIN as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 60;
    // SAFETY: less than `GRAIN`, which the span has room for.
    unsafe { span.start.add(hash as usize * 256) }
}

/// A large block, kept or new.
pub(super) fn take_large(size: usize) -> Option<Fresh> {
    let len = span_len(size);
    let (span, surplus) = with(|kept| match kept.large.take(len) {
        Some(span) => (Some(span), Vec::new()),
        None => (None, kept.shed(len)),
    });
    unmap_all(surplus);
    let fresh = match span {
        Some(span) => Fresh { ptr: place(span), zero: false },
        None => {
            let wide = if DIVISIBLE { len.next_multiple_of(HUGE) } else { len };
            let start = system::map(wide).or_else(|| {
                empty();
                system::map(wide)
            })?;
            RESERVED.fetch_add(wide as isize, Relaxed);
            let (span, rest) = Span { start, len: wide }.cut(len);
            with(|kept| kept.large.put(rest));
            Fresh { ptr: place(span), zero: true }
        }
    };
    report(size as isize);
    Some(fresh)
}

/// Keep a large block, and give the oldest back to the system if that makes too many.
///
/// # Safety
/// `ptr` came from `take_large(size)` and is not used any more.
pub(super) unsafe fn put_large(ptr: NonNull<u8>, size: usize) {
    report(-(size as isize));
    // SAFETY: the span begins at the multiple of `GRAIN` below the block.
    let start = unsafe { ptr.sub(ptr.as_ptr() as usize % GRAIN) };
    let surplus = with(|kept| {
        kept.large.put(Span { start, len: span_len(size) });
        kept.shed(0)
    });
    unmap_all(surplus);
}

/// Give everything kept here back to the system.
pub(super) fn empty() {
    let (small, large) = with(|kept| {
        kept.bytes = 0;
        (std::mem::replace(&mut kept.small, [List::EMPTY; CLASSES]), kept.large.shed(0))
    });
    for (class, list) in small.into_iter().enumerate() {
        free_list(list, class_size(class));
    }
    unmap_all(large);
}

fn free_list(mut blocks: List, size: usize) {
    while let Some(ptr) = blocks.pop() {
        RESERVED.fetch_sub(size as isize, Relaxed);
        // SAFETY: blocks in the lists of this class came from `take_small` with this size, and nobody uses them.
        unsafe { system::free(ptr, size) };
    }
}

fn unmap_all(spans: Vec<Span>) {
    for Span { start, len } in spans {
        RESERVED.fetch_sub(len as isize, Relaxed);
        // SAFETY: spans are made of what `system::map` gave, and nobody uses them.
        unsafe { system::unmap(start, len) };
    }
}
