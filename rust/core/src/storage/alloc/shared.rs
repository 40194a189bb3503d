//! What all threads share: the overflow of their lists, the free large blocks, and the count of bytes.
//!
//! One spin lock guards it. It is held across a fork (`fork.rs`).
//! Kept blocks are limited to 256 MiB, or more when the program once used more: what is in use and what is kept
//! together stay below 5/4 of the most that was ever in use. Above that the large block kept longest goes first.

use super::{CLASSES, Fresh, List, Stats, class_size, system};
use std::cell::UnsafeCell;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering::*};

/// Bytes that may always be kept.
const KEEP: usize = 256 << 20;

/// Bytes in use, as far as the threads reported them.
static LIVE: AtomicIsize = AtomicIsize::new(0);
static PEAK: AtomicIsize = AtomicIsize::new(0);
/// Bytes obtained from the system and not returned.
static RESERVED: AtomicIsize = AtomicIsize::new(0);

struct Kept {
    small: [List; CLASSES],
    /// Free large blocks and their sizes, the one kept longest first.
    large: Vec<(usize, NonNull<u8>)>,
    bytes: usize,
}

struct Shared {
    taken: AtomicBool,
    kept: UnsafeCell<Kept>,
}

// SAFETY: `kept` is reached only through `with`, which holds the lock.
unsafe impl Sync for Shared {}

static SHARED: Shared = Shared {
    taken: AtomicBool::new(false),
    kept: UnsafeCell::new(Kept { small: [List::EMPTY; CLASSES], large: Vec::new(), bytes: 0 }),
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

/// How many bytes may be kept now.
fn most_kept() -> usize {
    let Stats { allocated, peak, .. } = stats();
    KEEP.max((peak + peak / 4).saturating_sub(allocated))
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
        while kept.bytes + size <= most_kept()
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

/// A large block, kept or new.
pub(super) fn take_large(size: usize) -> Option<Fresh> {
    let kept = with(|kept| {
        let i = kept.large.iter().rposition(|&(s, _)| s == size)?;
        kept.bytes -= size;
        Some(kept.large.remove(i).1)
    });
    let fresh = match kept {
        Some(ptr) => Fresh { ptr, zero: false },
        None => {
            let ptr = system::map(size).or_else(|| {
                empty();
                system::map(size)
            })?;
            RESERVED.fetch_add(size as isize, Relaxed);
            Fresh { ptr, zero: true }
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
    let surplus: Vec<_> = with(|kept| {
        kept.large.push((size, ptr));
        kept.bytes += size;
        let most = most_kept();
        let mut n = 0;
        while kept.bytes > most && n < kept.large.len() {
            kept.bytes -= kept.large[n].0;
            n += 1;
        }
        kept.large.drain(..n).collect()
    });
    unmap_all(surplus);
}

/// Give everything kept here back to the system.
pub(super) fn empty() {
    let (small, large) = with(|kept| {
        kept.bytes = 0;
        (std::mem::replace(&mut kept.small, [List::EMPTY; CLASSES]), std::mem::take(&mut kept.large))
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

fn unmap_all(blocks: Vec<(usize, NonNull<u8>)>) {
    for (size, ptr) in blocks {
        RESERVED.fetch_sub(size as isize, Relaxed);
        // SAFETY: large blocks came from `system::map` with this size, and nobody uses them.
        unsafe { system::unmap(ptr, size) };
    }
}
