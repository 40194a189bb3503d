//! The allocator: classes, reuse, content, other threads, absurd sizes, fork.

#![allow(clippy::unwrap_used)]

use super::*;

/// Run `f` in a forked child: there no other test uses the allocator at the same time.
#[cfg(all(unix, not(miri)))]
fn in_child(f: impl FnOnce()) {
    // SAFETY: the child runs `f` and leaves with `_exit`; the alarm makes a hang a failure.
    let status = unsafe {
        let pid = libc::fork();
        if pid == 0 {
            libc::alarm(30);
            let passed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)).is_ok();
            libc::_exit(i32::from(!passed));
        }
        let mut status = 0;
        assert_eq!(libc::waitpid(pid, &mut status, 0), pid);
        status
    };
    assert_eq!(status, 0, "the child failed");
}

#[test]
fn classes_are_tight_and_ordered() {
    let mut last = (0, 0);
    for bytes in 0..=SMALL {
        let (class, size) = small_class(bytes);
        assert!(size >= bytes && size.is_multiple_of(ALIGN) && class < CLASSES);
        assert!(bytes <= 256 || size * 4 <= bytes * 5 + 256, "{bytes} -> {size}");
        assert!(class == last.0 || (class == last.0 + 1 && size > last.1));
        assert_eq!(class_size(class), size);
        last = (class, size);
    }
    assert_eq!(last, (CLASSES - 1, SMALL));
    for bytes in [SMALL + 1, (2 << 20) - 1, 2 << 20, (2 << 20) + 1, 100_000_001] {
        let size = large_size(bytes).unwrap();
        assert!(size >= bytes && size * 8 <= bytes * 9 + (1 << 20) && size.is_multiple_of(1 << 16));
        assert_eq!(large_size(size), Some(size));
    }
}

#[test]
fn blocks_are_aligned_distinct_and_come_back() {
    #[cfg(all(unix, not(miri)))]
    in_child(|| check_blocks(true));
    check_blocks(false);
}

fn check_blocks(alone: bool) {
    for bytes in [0, 1, 63, 64, 65, 1000, 4096, 100_000, SMALL, SMALL + 1, 3 << 20, 40 << 20] {
        let a = allocate(bytes).unwrap();
        let b = allocate(bytes).unwrap();
        assert!([a, b].iter().all(|p| (p.as_ptr() as usize).is_multiple_of(ALIGN)));
        assert!((a.as_ptr() as usize).abs_diff(b.as_ptr() as usize) >= bytes.max(1));
        // SAFETY: both blocks have `bytes` bytes.
        unsafe {
            a.as_ptr().write_bytes(1, bytes);
            b.as_ptr().write_bytes(2, bytes);
            assert!(bytes == 0 || (a.read() == 1 && a.add(bytes - 1).read() == 1));
            release(a, bytes);
            let c = allocate(bytes).unwrap();
            assert!(c == a || !alone, "{bytes}: the last free block is taken first");
            release(b, bytes);
            release(c, bytes);
        }
    }
}

#[test]
fn zeroed_blocks_are_zero_even_when_used_before() {
    for bytes in [5, 4000, SMALL, 5 << 20] {
        for _ in 0..2 {
            let a = allocate_zeroed(bytes).unwrap();
            // SAFETY: the block has `bytes` bytes, all of them set.
            unsafe {
                assert!(std::slice::from_raw_parts(a.as_ptr(), bytes).iter().all(|&x| x == 0));
                a.as_ptr().write_bytes(0xff, bytes);
                release(a, bytes);
            }
        }
    }
}

#[test]
fn absurd_sizes_are_refused() {
    assert!(allocate(usize::MAX).is_none());
    assert!(allocate(isize::MAX as usize).is_none());
    assert!(cfg!(miri) || allocate(10 << 40).is_none());
    assert!(cfg!(miri) || allocate_zeroed(1 << 50).is_none());
}

#[cfg(all(unix, not(miri)))]
#[test]
fn the_counters_follow() {
    in_child(|| {
        let before = stats().allocated;
        let small: Vec<_> = (0..1000).map(|_| allocate(1000).unwrap()).collect();
        let large = allocate(64 << 20).unwrap();
        let now = stats();
        assert_eq!(now.allocated - before, 1000 * 1024 + (64 << 20));
        assert!(now.peak >= now.allocated && now.reserved >= now.allocated);
        // SAFETY: each block is released once, with its size.
        unsafe {
            small.into_iter().for_each(|p| release(p, 1000));
            release(large, 64 << 20);
        }
        assert_eq!(stats().allocated, before);
        let held = stats().reserved;
        empty_cache();
        assert!(stats().reserved <= held - (64 << 20) - 1000 * 1024);
    });
}

#[cfg(all(unix, not(miri)))]
#[test]
fn what_is_kept_is_limited() {
    in_child(|| {
        // One after the other, each of a class of its own, 10 GiB in all. Threads of the parent left up to 128 MiB.
        for i in 0..64 {
            let bytes = (33 << 20) + (i << 22);
            let p = allocate(bytes).unwrap();
            // SAFETY: just allocated.
            unsafe { release(p, bytes) };
            let now = stats();
            assert!(now.reserved <= most_held(now), "{now:?}");
        }
    });
}

/// What may be in use and kept at a time; the fork left up to 128 MiB with threads that are not there.
#[cfg(all(unix, not(miri)))]
fn most_held(now: Stats) -> usize {
    (256 << 20).max(now.peak / 8 * 9) + (128 << 20)
}

#[cfg(all(unix, not(miri)))]
#[test]
fn what_is_kept_goes_before_more_is_asked_for() {
    in_child(|| {
        // Three times half a GiB, in blocks that grow: none fits where one was before.
        for round in 1..4usize {
            let bytes = (9 << 20) * round * round;
            let blocks: Vec<_> = (0..(512 << 20) / bytes).map(|_| allocate(bytes).unwrap()).collect();
            let now = stats();
            assert!(now.reserved <= most_held(now), "{now:?}");
            // SAFETY: each block is released once, with its size.
            blocks.into_iter().for_each(|p| unsafe { release(p, bytes) });
        }
    });
}

#[cfg(all(unix, not(miri)))]
#[test]
fn a_large_block_is_cut_and_made_whole_again() {
    in_child(|| {
        let mut held = 0;
        for round in 0..3 {
            for (count, bytes) in [(1, 230 << 20), (20, 11 << 20)] {
                let blocks: Vec<_> = (0..count).map(|_| allocate(bytes).unwrap()).collect();
                held = if round == 0 { stats().reserved } else { held };
                assert!(stats().reserved <= held, "{:?}", stats());
                // SAFETY: each block is released once, with its size.
                blocks.into_iter().for_each(|p| unsafe { release(p, bytes) });
            }
        }
    });
}

#[test]
fn threads_exchange_blocks() {
    let rounds = if cfg!(miri) { 3 } else { 200 };
    let (send, receive) = std::sync::mpsc::sync_channel::<(usize, usize)>(16);
    std::thread::scope(|s| {
        s.spawn(move || {
            for (address, bytes) in receive {
                let p = NonNull::new(std::ptr::with_exposed_provenance_mut::<u8>(address)).unwrap();
                // SAFETY: the sender gave the block up.
                unsafe {
                    assert_eq!(p.add(bytes - 1).read(), bytes as u8);
                    release(p, bytes);
                }
            }
        });
        for i in 0..rounds * 10 {
            let bytes = 1 + i * 7919 % 3_000_000;
            let p = allocate(bytes).unwrap();
            // SAFETY: the last byte of the block.
            unsafe { p.add(bytes - 1).write(bytes as u8) };
            send.send((p.as_ptr().expose_provenance(), bytes)).unwrap();
        }
        drop(send);
    });
}

#[cfg(all(unix, not(miri)))]
#[test]
fn a_forked_child_can_allocate() {
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|s| {
        s.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let p = allocate(2 << 20).unwrap();
                // SAFETY: just allocated.
                unsafe { release(p, 2 << 20) };
            }
        });
        for _ in 0..50 {
            in_child(|| {
                for bytes in [100, 3 << 20, 3 << 20, 70_000] {
                    let p = allocate(bytes).unwrap();
                    // SAFETY: released once, with its size.
                    unsafe {
                        p.write(1);
                        release(p, bytes);
                    }
                }
            });
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}
