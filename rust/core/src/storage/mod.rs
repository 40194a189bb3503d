//! Memory that tensors share: bytes on a device, and a version that every write moves.

pub mod alloc;
mod cpu;

use std::any::Any;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::Result;

/// Where a storage lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Device {
    Cpu,
    /// Shapes and dtypes without data.
    Meta,
}

impl std::fmt::Display for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Device::Cpu => "cpu",
            Device::Meta => "meta",
        })
    }
}

/// Shared, untyped, mutable bytes. Two tensors alias when they hold the same storage.
///
/// As in PyTorch, nothing stops two threads from writing the same storage; a race gives wrong numbers, never a wild
/// pointer, because the block neither moves nor shrinks while a handle to it lives.
#[derive(Clone)]
pub struct Storage(Arc<Inner>);

struct Inner {
    bytes: Bytes,
    device: Device,
    version: AtomicU32,
}

enum Bytes {
    Own(cpu::Block),
    /// The memory of another storage under a version of its own.
    Of(Storage),
}

impl Storage {
    /// Uninitialised memory (zeroed where the allocator gives it so).
    pub fn empty(bytes: usize, device: Device) -> Result<Storage> {
        let held = if device == Device::Meta { 0 } else { bytes };
        Ok(Self::of(cpu::Block::allocate(held)?, device))
    }

    pub fn zeroed(bytes: usize, device: Device) -> Result<Storage> {
        let held = if device == Device::Meta { 0 } else { bytes };
        Ok(Self::of(cpu::Block::zeroed(held)?, device))
    }

    /// Memory that somebody else owns, a NumPy array say; `owner` is dropped with the last handle.
    ///
    /// # Safety
    /// `ptr` must stay valid for reads and writes of `bytes` bytes as long as `owner` lives.
    pub unsafe fn foreign(ptr: NonNull<u8>, bytes: usize, owner: Box<dyn Any + Send + Sync>) -> Storage {
        Self::of(cpu::Block::foreign(ptr, bytes, owner), Device::Cpu)
    }

    fn of(block: cpu::Block, device: Device) -> Storage {
        Storage(Arc::new(Inner { bytes: Bytes::Own(block), device, version: AtomicU32::new(0) }))
    }

    /// The same memory under another version counter: what `Tensor.data` writes, autograd does not see.
    pub fn unversioned(&self) -> Storage {
        let bytes = Bytes::Of(Storage(self.root().clone()));
        Storage(Arc::new(Inner { bytes, device: self.device(), version: AtomicU32::new(0) }))
    }

    fn root(&self) -> &Arc<Inner> {
        match &self.0.bytes {
            Bytes::Own(_) => &self.0,
            Bytes::Of(other) => other.root(),
        }
    }

    #[inline]
    fn block(&self) -> &cpu::Block {
        match &self.0.bytes {
            Bytes::Own(block) => block,
            Bytes::Of(other) => other.block(),
        }
    }

    #[inline]
    pub fn device(&self) -> Device {
        self.0.device
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.block().len()
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first byte. Reading or writing through it is the caller's unsafe act.
    #[inline]
    pub fn ptr(&self) -> *mut u8 {
        self.block().ptr()
    }

    /// How many writes there were. A saved tensor remembers it and `backward` compares.
    #[inline]
    pub fn version(&self) -> u32 {
        self.0.version.load(Ordering::Relaxed)
    }

    #[inline]
    pub fn bump(&self) {
        self.0.version.fetch_add(1, Ordering::Relaxed);
    }

    /// For `unsafe_preserve_version_counter`: writes that autograd shall not see.
    pub fn set_version(&self, version: u32) {
        self.0.version.store(version, Ordering::Relaxed);
    }

    #[inline]
    pub fn same(&self, other: &Storage) -> bool {
        Arc::ptr_eq(self.root(), other.root())
    }

    /// Whether this handle is the only one: its memory may be reused in place.
    pub fn is_unique(&self) -> bool {
        Arc::strong_count(&self.0) == 1 && matches!(self.0.bytes, Bytes::Own(_))
    }
}

impl std::fmt::Debug for Storage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Storage({} bytes on {})", self.len(), self.device())
    }
}
