//! What saving and loading ask of a tensor's bytes and of the system.

use pyo3::prelude::*;

use crate::args::Arg;
use crate::border::{call, raise};
use crate::tensor::convert::bytes;

/// The CRC-32 of a contiguous tensor's bytes, as a zip archive has it.
#[pyfunction]
pub fn crc32(py: Python<'_>, data: Arg) -> PyResult<u32> {
    let t = data.0.contiguous().map_err(raise)?;
    let bytes = bytes(&t).map_err(raise)?;
    call(py, bytes.len(), || Ok(crc32fast::hash(bytes)))
}

/// Let the system begin to bring a part of an open file to the disk, without waiting: a later `fsync` waits for less.
/// Where a system knows no such call, nothing happens.
#[pyfunction]
pub fn start_writing(py: Python<'_>, file: i32, begin: i64, size: i64) -> PyResult<()> {
    call(py, usize::MAX, || {
        #[cfg(target_os = "linux")]
        // SAFETY: a system call on numbers alone. It is only a hint, so nobody is told of what it cannot do.
        unsafe {
            libc::sync_file_range(file, begin, size, libc::SYNC_FILE_RANGE_WRITE);
        }
        #[cfg(not(target_os = "linux"))]
        let _ = (file, begin, size);
        Ok(())
    })
}
