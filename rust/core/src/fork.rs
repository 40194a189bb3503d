//! What happens at a fork. A lock that any thread may hold is taken before it and given back on both sides, so that a
//! child never finds one taken by a thread it does not have; the pool, whose threads stay behind, is forgotten there.

use crate::storage::alloc;
use crate::{parallel, random};

/// The generator first: who draws may allocate.
extern "C" fn before() {
    random::hold();
    alloc::lock();
}

extern "C" fn after() {
    alloc::unlock();
    random::release();
}

extern "C" fn in_child() {
    after();
    parallel::forget_workers();
}

/// Runs when the program or the extension module is loaded: registered later, it could miss a fork under way.
#[used]
#[cfg_attr(target_os = "linux", unsafe(link_section = ".init_array"))]
#[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__mod_init_func"))]
static AT_FORK: extern "C" fn() = {
    extern "C" fn register() {
        // SAFETY: the handlers take and give back locks of this crate, and store to an atomic.
        unsafe { libc::pthread_atfork(Some(before), Some(after), Some(in_child)) };
    }
    register
};
