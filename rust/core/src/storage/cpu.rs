//! A block of main memory: from the caching allocator, or borrowed from an owner outside.

use std::any::Any;
use std::ptr::NonNull;

use super::alloc;
use crate::error::{Error, Result};

pub(super) struct Block {
    ptr: NonNull<u8>,
    bytes: usize,
    /// Set for foreign memory, which is not ours to release.
    owner: Option<Box<dyn Any + Send + Sync>>,
}

// SAFETY: a block is plain memory; who may read or write it when is the contract of `Storage`.
unsafe impl Send for Block {}
// SAFETY: as above.
unsafe impl Sync for Block {}

impl Block {
    pub fn allocate(bytes: usize) -> Result<Block> {
        let ptr = alloc::allocate(bytes).ok_or(Error::Memory { op: "empty", bytes })?;
        Ok(Block { ptr, bytes, owner: None })
    }

    pub fn zeroed(bytes: usize) -> Result<Block> {
        let ptr = alloc::allocate_zeroed(bytes).ok_or(Error::Memory { op: "zeros", bytes })?;
        Ok(Block { ptr, bytes, owner: None })
    }

    pub fn foreign(ptr: NonNull<u8>, bytes: usize, owner: Box<dyn Any + Send + Sync>) -> Block {
        Block { ptr, bytes, owner: Some(owner) }
    }

    #[inline]
    pub fn ptr(&self) -> *mut u8 {
        self.ptr.as_ptr()
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.bytes
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        if self.owner.is_none() {
            // SAFETY: the pointer came from `alloc` with this size and is released once.
            unsafe { alloc::release(self.ptr, self.bytes) };
        }
    }
}
