//! How many threads this process should use: what the scheduler allows, or what the user says.

/// `TENSORRS_NUM_THREADS`, or the least of the CPUs this process may run on and the CPU quota of its control group.
pub(super) fn default_threads() -> usize {
    if let Some(n) = std::env::var("TENSORRS_NUM_THREADS").ok().and_then(|s| s.trim().parse::<usize>().ok()) {
        return n;
    }
    let n = cpus().unwrap_or_else(|| std::thread::available_parallelism().map_or(1, |n| n.get()));
    quota().map_or(n, |q| n.min(q))
}

/// The CPUs in the affinity mask.
#[cfg(all(target_os = "linux", not(miri)))]
fn cpus() -> Option<usize> {
    // SAFETY: a set of bits, for which zero is a value; the call writes no more than its size.
    let (set, ok) = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        let ok = libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &mut set);
        (set, ok)
    };
    // SAFETY: only reads the set.
    (ok == 0).then(|| unsafe { libc::CPU_COUNT(&set) } as usize).filter(|&n| n > 0)
}

#[cfg(not(all(target_os = "linux", not(miri))))]
fn cpus() -> Option<usize> {
    None
}

/// The CPU time the control groups of this process grant it, in CPUs, rounded up: the least on the way to the root.
fn quota() -> Option<usize> {
    if !cfg!(target_os = "linux") || cfg!(miri) {
        return None;
    }
    let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    groups.lines().filter_map(group_quota).min()
}

/// The quota of one line of `/proc/self/cgroup`: `0::/path` (version 2) or `4:cpu,cpuacct:/path` (version 1).
fn group_quota(line: &str) -> Option<usize> {
    let (_, rest) = line.split_once(':')?;
    let (controllers, path) = rest.split_once(':')?;
    let (mount, second) = match controllers {
        "" => ("/sys/fs/cgroup", true),
        c if c.split(',').any(|c| c == "cpu") => ("/sys/fs/cgroup/cpu", false),
        _ => return None,
    };
    // Inside a container the path is often that of the host: the directories that are not there are passed over.
    let ancestors = std::path::Path::new(path.trim_start_matches('/')).ancestors();
    ancestors
        .filter_map(|dir| {
            let dir = std::path::Path::new(mount).join(dir);
            let read = |name: &str| std::fs::read_to_string(dir.join(name)).ok();
            if second {
                parse_quota(&read("cpu.max")?)
            } else {
                parse_quota(&format!(
                    "{} {}",
                    read("cpu.cfs_quota_us")?.trim(),
                    read("cpu.cfs_period_us")?.trim()
                ))
            }
        })
        .min()
}

/// `quota period` in microseconds; `max` or a negative quota is none.
fn parse_quota(text: &str) -> Option<usize> {
    let mut words = text.split_whitespace();
    let quota: u64 = words.next()?.parse().ok()?;
    let period: u64 = words.next()?.parse().ok().filter(|&p| p > 0)?;
    Some(quota.div_ceil(period).max(1) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_are_rounded_up() {
        assert_eq!(parse_quota("150000 100000\n"), Some(2));
        assert_eq!(parse_quota("100000 100000\n"), Some(1));
        assert_eq!(parse_quota("1000 100000\n"), Some(1));
        assert_eq!(parse_quota("max 100000\n"), None);
        assert_eq!(parse_quota("-1 100000"), None);
        assert_eq!(parse_quota(""), None);
    }

    #[test]
    fn other_controllers_have_no_quota() {
        assert_eq!(group_quota("7:memory:/x"), None);
        assert_eq!(group_quota("nonsense"), None);
    }

    #[test]
    fn there_is_at_least_one_cpu() {
        assert!(default_threads() >= 1);
        assert!(quota().is_none_or(|q| q >= 1));
    }
}
