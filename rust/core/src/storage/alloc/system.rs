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

/// Spans start at multiples of this, and so do their lengths: a whole page on every system, used or not.
pub(super) const GRAIN: usize = 1 << 16;
/// Whether a span may be given back in pieces, or together with the next.
pub(super) const DIVISIBLE: bool = cfg!(all(unix, not(miri)));
/// What a span is rounded up to where it may be cut.
pub(super) const HUGE: usize = 2 << 20;

#[cfg(all(unix, not(miri)))]
pub(super) use unix::{map, unmap};

#[cfg(all(unix, not(miri)))]
mod unix {
    use super::*;

    /// Above this a request is compared with the memory of the machine first.
    const DOUBTFUL: usize = 1 << 30;

    /// A span of `bytes` zeros, or `None` if the machine has not that much.
    pub(in super::super) fn map(bytes: usize) -> Option<NonNull<u8>> {
        if bytes > DOUBTFUL && machine_memory().is_some_and(|most| bytes > most) {
            return None;
        }
        let wide = bytes.checked_add(HUGE)?;
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
        // SAFETY: `head < HUGE`, so the span and what is cut off on both sides lie in the mapping, and all three are
        // whole pages: `bytes` is a multiple of `GRAIN`.
        unsafe {
            let base = start.add(head);
            if head > 0 {
                libc::munmap(start.cast(), head);
            }
            libc::munmap(base.add(bytes).cast(), HUGE - head);
            #[cfg(target_os = "linux")]
            libc::madvise(base.cast(), bytes, libc::MADV_HUGEPAGE);
            NonNull::new(base)
        }
    }

    /// # Safety
    /// The `bytes` from `start` on came from `map`, in one call or in several, and nobody uses them.
    pub(in super::super) unsafe fn unmap(start: NonNull<u8>, bytes: usize) {
        // SAFETY: the caller's promise.
        unsafe { libc::munmap(start.as_ptr().cast(), bytes) };
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

/// A span of `bytes` zeros.
#[cfg(not(all(unix, not(miri))))]
pub(super) fn map(bytes: usize) -> Option<NonNull<u8>> {
    // SAFETY: the size is not zero.
    NonNull::new(unsafe { std::alloc::alloc_zeroed(Layout::from_size_align(bytes, GRAIN).ok()?) })
}

/// # Safety
/// `start` came from `map(bytes)`, and nobody uses the span.
#[cfg(not(all(unix, not(miri))))]
pub(super) unsafe fn unmap(start: NonNull<u8>, bytes: usize) {
    if let Ok(layout) = Layout::from_size_align(bytes, GRAIN) {
        // SAFETY: the caller's promise.
        unsafe { dealloc(start.as_ptr(), layout) };
    }
}
