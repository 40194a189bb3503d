//! The allocator of CPU storages: blocks are 64-byte aligned, come uninitialised and are kept for the next tensor.
//!
//! A training step allocates the same sizes again and again; a fresh page costs the system more time than most kernels
//! spend on it. Sizes are rounded up to classes (at most a quarter more, an eighth above 1 MiB). Free blocks up to
//! 1 MiB wait in a list of the thread that freed them, without a lock, and overflow into lists shared by all threads;
//! larger blocks come from the system in huge pages and are shared at once, cut from and joined to their neighbours as
//! sizes need it (`spans`). What is kept is limited, see `shared`.
//! Any thread may release what another allocated. Under Miri every block is its own, so that it sees misuse.

use std::cell::{Cell, UnsafeCell};
use std::ptr::NonNull;

mod shared;
mod spans;

pub(crate) use shared::{lock, unlock};
mod system;

/// Blocks up to this many bytes wait in the thread's own lists.
const SMALL: usize = 1 << 20;
/// 64, 128, 192, 256, then four classes to each doubling up to `SMALL`.
const CLASSES: usize = 52;
/// Every block starts at a multiple of this.
const ALIGN: usize = 64;
/// A thread tells the others about its use in steps of this many bytes.
const REPORT: isize = 1 << 18;

/// Bytes the allocator has handed out and holds. A thread's last 256 KiB may be missing in what another thread sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// In blocks that are in use.
    pub allocated: usize,
    /// In blocks in use and in blocks kept for reuse.
    pub reserved: usize,
    /// The most that was ever in use.
    pub peak: usize,
}

/// A block of at least `bytes` bytes with any content, or `None` if the system has no such block.
#[inline]
pub fn allocate(bytes: usize) -> Option<NonNull<u8>> {
    obtain(bytes).map(|block| block.ptr)
}

/// A block of at least `bytes` bytes, the first `bytes` of them zero.
pub fn allocate_zeroed(bytes: usize) -> Option<NonNull<u8>> {
    let block = obtain(bytes)?;
    if !block.zero {
        // SAFETY: the block is ours and has at least `bytes` bytes; any byte is a value of u8.
        let content = unsafe {
            std::slice::from_raw_parts_mut(block.ptr.as_ptr().cast::<std::mem::MaybeUninit<u8>>(), bytes)
        };
        crate::parallel::rows(content, 1, 1 << 20, |_, part| part.fill(std::mem::MaybeUninit::new(0)));
    }
    Some(block.ptr)
}

/// Take a block back.
///
/// # Safety
/// `ptr` came from `allocate(bytes)` or `allocate_zeroed(bytes)` with the same `bytes`, and is not used any more.
#[inline]
pub unsafe fn release(ptr: NonNull<u8>, bytes: usize) {
    if cfg!(miri) {
        // SAFETY: the caller's promise.
        return unsafe { system::free(ptr, bytes.max(1)) };
    }
    if bytes > SMALL {
        // SAFETY: the caller's promise; large sizes were rounded when the block was obtained.
        return unsafe { shared::put_large(ptr, large_size(bytes).unwrap_or(bytes)) };
    }
    let (class, size) = small_class(bytes);
    // A thread that is ending has no list any more.
    let kept = LOCAL.try_with(|local| {
        local.report(-(size as isize));
        // SAFETY: the caller's promise.
        unsafe { local.put(class, size, ptr) };
    });
    if kept.is_err() {
        shared::report(-(size as isize));
        let mut one = List::EMPTY;
        // SAFETY: the caller's promise.
        unsafe { one.push(ptr) };
        shared::put(class, size, one);
    }
}

/// Give back to the system what this thread and the shared lists keep. Blocks that other threads keep stay theirs.
pub fn empty_cache() {
    // A thread that is ending has given its lists back already.
    let _ = LOCAL.try_with(Local::give_back);
    shared::empty();
}

/// How much memory is in use and held now.
pub fn stats() -> Stats {
    // A thread that is ending has reported already.
    let _ = LOCAL.try_with(Local::report_all);
    shared::stats()
}

/// A block that was just obtained, and whether its content is known to be zero.
struct Fresh {
    ptr: NonNull<u8>,
    zero: bool,
}

#[inline]
fn obtain(bytes: usize) -> Option<Fresh> {
    if cfg!(miri) {
        return system::alloc(bytes.max(1)).map(|ptr| Fresh { ptr, zero: false });
    }
    if bytes > SMALL {
        return shared::take_large(large_size(bytes)?);
    }
    let (class, size) = small_class(bytes);
    let ptr = LOCAL
        .try_with(|local| {
            let ptr = local.take(class, size)?;
            local.report(size as isize);
            Some(ptr)
        })
        .unwrap_or_else(|_| {
            let ptr = shared::take_small(class, size)?;
            shared::report(size as isize);
            Some(ptr)
        })?;
    Some(Fresh { ptr, zero: false })
}

/// The number and the size of the class of a block of up to `SMALL` bytes.
#[inline]
fn small_class(bytes: usize) -> (usize, usize) {
    let last = bytes.max(1) - 1;
    if last < 256 {
        return (last / 64, (last / 64 + 1) * 64);
    }
    let k = last.ilog2() as usize;
    let quarters = last >> (k - 2);
    (4 + (k - 8) * 4 + (quarters & 3), (quarters + 1) << (k - 2))
}

/// The size of the class of a larger block: eight classes to a doubling. `None` if no machine has that much.
#[inline]
fn large_size(bytes: usize) -> Option<usize> {
    if bytes > isize::MAX as usize / 2 {
        return None;
    }
    let last = bytes - 1;
    let shift = last.ilog2() - 3;
    Some(((last >> shift) + 1) << shift)
}

/// Free blocks of one class: the first bytes of each hold the address of the next.
#[derive(Clone, Copy)]
struct List {
    head: *mut u8,
    len: usize,
}

impl List {
    const EMPTY: List = List { head: std::ptr::null_mut(), len: 0 };

    /// # Safety
    /// The block is free, 8-byte aligned, has at least 8 bytes and is in no list.
    #[inline]
    unsafe fn push(&mut self, ptr: NonNull<u8>) {
        // SAFETY: the caller's promise.
        unsafe { ptr.cast::<*mut u8>().write(self.head) };
        self.head = ptr.as_ptr();
        self.len += 1;
    }

    #[inline]
    fn pop(&mut self) -> Option<NonNull<u8>> {
        let ptr = NonNull::new(self.head)?;
        // SAFETY: a block in the list holds the address of the next.
        self.head = unsafe { ptr.cast::<*mut u8>().read() };
        self.len -= 1;
        Some(ptr)
    }

    /// Move up to `n` blocks to a list of their own.
    fn split(&mut self, n: usize) -> List {
        let mut part = List::EMPTY;
        while part.len < n
            && let Some(ptr) = self.pop()
        {
            // SAFETY: the block was in this list and is in none now.
            unsafe { part.push(ptr) };
        }
        part
    }
}

/// The lists of one thread.
struct Local {
    lists: UnsafeCell<[List; CLASSES]>,
    /// Bytes taken less bytes put back since the last report.
    unreported: Cell<isize>,
}

thread_local! {
    static LOCAL: Local =
        const { Local { lists: UnsafeCell::new([List::EMPTY; CLASSES]), unreported: Cell::new(0) } };
}

impl Local {
    /// How many blocks of a class a thread keeps to itself: 256 KiB, but at least 4 and at most 256 blocks.
    #[inline]
    fn limit(size: usize) -> usize {
        ((1 << 18) / size).clamp(4, 256)
    }

    /// The list of a class. Only this thread has it, and nothing called while it is borrowed comes back here.
    #[inline]
    fn list<R>(&self, class: usize, f: impl FnOnce(&mut List) -> R) -> R {
        // SAFETY: see above; `f` calls `List` and `shared` alone.
        f(unsafe { &mut (*self.lists.get())[class] })
    }

    #[inline]
    fn take(&self, class: usize, size: usize) -> Option<NonNull<u8>> {
        self.list(class, |list| {
            list.pop().or_else(|| {
                *list = shared::take(class, size, Self::limit(size) / 2);
                list.pop().or_else(|| shared::take_small(class, size))
            })
        })
    }

    /// # Safety
    /// As for `List::push`; the block has the size of the class.
    #[inline]
    unsafe fn put(&self, class: usize, size: usize, ptr: NonNull<u8>) {
        self.list(class, |list| {
            // SAFETY: the caller's promise.
            unsafe { list.push(ptr) };
            if list.len > Self::limit(size) {
                shared::put(class, size, list.split(Self::limit(size) / 2 + 1));
            }
        });
    }

    #[inline]
    fn report(&self, change: isize) {
        let sum = self.unreported.get() + change;
        self.unreported.set(sum);
        if sum.abs() >= REPORT {
            self.report_all();
        }
    }

    #[cold]
    fn report_all(&self) {
        shared::report(self.unreported.take());
    }

    fn give_back(&self) {
        for class in 0..CLASSES {
            self.list(class, |list| {
                shared::put(class, class_size(class), std::mem::replace(list, List::EMPTY))
            });
        }
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        self.report_all();
        self.give_back();
    }
}

/// The size of a small class.
fn class_size(class: usize) -> usize {
    match class {
        0..4 => (class + 1) * 64,
        _ => (4 + class % 4 + 1) << (class / 4 + 5),
    }
}

#[cfg(test)]
mod tests;
