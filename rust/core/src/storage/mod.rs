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
    /// How many there would be: the meta device has no memory.
    Absent(usize),
    /// The memory of another storage under a version of its own.
    Of(Storage),
}

impl Storage {
    /// Uninitialised memory (zeroed where the allocator gives it so).
    pub fn empty(bytes: usize, device: Device) -> Result<Storage> {
        Self::made(bytes, device, cpu::Block::allocate)
    }

    pub fn zeroed(bytes: usize, device: Device) -> Result<Storage> {
        Self::made(bytes, device, cpu::Block::zeroed)
    }

    #[inline]
    fn made(bytes: usize, device: Device, block: impl Fn(usize) -> Result<cpu::Block>) -> Result<Storage> {
        let held = match device {
            Device::Cpu => Bytes::Own(block(bytes)?),
            Device::Meta => Bytes::Absent(bytes),
        };
        Ok(Self::of(held, device))
    }

    /// Memory that somebody else owns, a NumPy array say; `owner` is dropped with the last handle.
    ///
    /// # Safety
    /// `ptr` must stay valid for reads and writes of `bytes` bytes as long as `owner` lives.
    pub unsafe fn foreign(ptr: NonNull<u8>, bytes: usize, owner: Box<dyn Any + Send + Sync>) -> Storage {
        Self::of(Bytes::Own(cpu::Block::foreign(ptr, bytes, owner)), Device::Cpu)
    }

    fn of(bytes: Bytes, device: Device) -> Storage {
        Storage(Arc::new(Inner { bytes, device, version: AtomicU32::new(0) }))
    }

    /// The same memory under another version counter: what `Tensor.data` writes, autograd does not see.
    pub fn unversioned(&self) -> Storage {
        Self::of(Bytes::Of(Storage(self.root().clone())), self.device())
    }

    fn root(&self) -> &Arc<Inner> {
        match &self.0.bytes {
            Bytes::Own(_) | Bytes::Absent(_) => &self.0,
            Bytes::Of(other) => other.root(),
        }
    }

    #[inline]
    pub fn device(&self) -> Device {
        self.0.device
    }

    #[inline]
    pub fn len(&self) -> usize {
        match &self.0.bytes {
            Bytes::Own(block) => block.len(),
            Bytes::Absent(bytes) => *bytes,
            Bytes::Of(other) => other.len(),
        }
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first byte. Reading or writing through it is the caller's unsafe act.
    ///
    /// # Panics
    /// On the meta device, where no pointer would be one to memory: ops ask `has_data` before.
    #[inline]
    pub fn ptr(&self) -> *mut u8 {
        match &self.0.bytes {
            Bytes::Own(block) => block.ptr(),
            Bytes::Absent(_) => panic!("a meta tensor has no memory"),
            Bytes::Of(other) => other.ptr(),
        }
    }

    /// Whether there is memory.
    #[inline]
    pub fn has_data(&self) -> bool {
        self.0.device != Device::Meta
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
        Arc::strong_count(&self.0) == 1 && !matches!(self.0.bytes, Bytes::Of(_))
    }
}

impl std::fmt::Debug for Storage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Storage({} bytes on {})", self.len(), self.device())
    }
}
