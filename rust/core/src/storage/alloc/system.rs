//! Blocks from the operating system: small ones from malloc, large ones as mappings of their own with huge pages.

use super::ALIGN;
use std::alloc::{Layout, alloc as heap_alloc, dealloc};
use std::ptr::NonNull;

fn layout(bytes: usize) -> Option<Layout> {
    Layout::from_size_align(bytes, ALIGN).ok()
}

/// A block of the heap; `bytes` is not zero.
pub(super) fn alloc(bytes: usize) -> Option<NonNull<u8>> {
    // SAFETY: the size is not zero.
    NonNull::new(unsafe { heap_alloc(layout(bytes)?) })
}

/// # Safety
/// `ptr` came from `alloc(bytes)`.
pub(super) unsafe fn free(ptr: NonNull<u8>, bytes: usize) {
    if let Some(layout) = layout(bytes) {
        // SAFETY: the caller's promise.
        unsafe { dealloc(ptr.as_ptr(), layout) };
    }
}

#[cfg(all(unix, not(miri)))]
pub(super) use unix::{map, unmap};

#[cfg(all(unix, not(miri)))]
mod unix {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    const HUGE: usize = 2 << 20;
    /// Room for the stagger of `colour`: a whole page on every system, used or not.
    const STAGGER: usize = 1 << 16;
    /// Above this a request is compared with the memory of the machine first.
    const DOUBTFUL: usize = 1 << 30;

    /// Blocks that all start at the same place of a page fall into the same cache sets, and a store to one delays
    /// loads from another. So each starts some cache lines after the last.
    fn colour() -> usize {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        NEXT.fetch_add(1, Relaxed) % 16 * 256
    }

    /// A block of `bytes` zeros, or `None` if the machine has not that much.
    pub(in super::super) fn map(bytes: usize) -> Option<NonNull<u8>> {
        if bytes > DOUBTFUL && machine_memory().is_some_and(|most| bytes > most) {
            return None;
        }
        let span = bytes.checked_add(STAGGER)?;
        let wide = span.checked_add(HUGE)?;
        // SAFETY: a new private mapping at an address of the system's choice.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                wide,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANON,
                -1,
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return None;
        }
        let start = start.cast::<u8>();
        let head = start.align_offset(HUGE);
        // SAFETY: `head < HUGE`, so the block and what is cut off on both sides lie in the mapping, and all three are
        // whole pages: `bytes` is a multiple of 64 KiB at least.
        unsafe {
            let base = start.add(head);
            if head > 0 {
                libc::munmap(start.cast(), head);
            }
            libc::munmap(base.add(span).cast(), HUGE - head);
            #[cfg(target_os = "linux")]
            libc::madvise(base.cast(), span, libc::MADV_HUGEPAGE);
            NonNull::new(base.add(colour()))
        }
    }

    /// # Safety
    /// `ptr` came from `map(bytes)`.
    pub(in super::super) unsafe fn unmap(ptr: NonNull<u8>, bytes: usize) {
        let within = ptr.as_ptr() as usize % HUGE;
        // SAFETY: the mapping starts at the multiple of `HUGE` below the block, and the caller gives it up.
        unsafe { libc::munmap(ptr.as_ptr().sub(within).cast(), bytes + STAGGER) };
    }

    /// Main memory and swap, where the system says.
    fn machine_memory() -> Option<usize> {
        #[cfg(target_os = "linux")]
        {
            // SAFETY: a struct of integers, for which zero is a value; the call fills it in.
            let info = unsafe {
                let mut info: libc::sysinfo = std::mem::zeroed();
                (libc::sysinfo(&mut info) == 0).then_some(info)
            }?;
            let pages = (info.totalram as usize).saturating_add(info.totalswap as usize);
            Some(pages.saturating_mul(info.mem_unit as usize))
        }
        #[cfg(not(target_os = "linux"))]
        None
    }
}

/// A block of `bytes` zeros.
#[cfg(not(all(unix, not(miri))))]
pub(super) fn map(bytes: usize) -> Option<NonNull<u8>> {
    // SAFETY: the size is not zero.
    NonNull::new(unsafe { std::alloc::alloc_zeroed(layout(bytes)?) })
}

/// # Safety
/// `ptr` came from `map(bytes)`.
#[cfg(not(all(unix, not(miri))))]
pub(super) unsafe fn unmap(ptr: NonNull<u8>, bytes: usize) {
    // SAFETY: the caller's promise.
    unsafe { free(ptr, bytes) };
}
