//! Memory of this process that is not needed any more goes back to the machine.
//!
//! Owns one setting of the C library's allocator. A runner works on pictures of some megabytes in several threads, now and then.

/// From which size on a block is mapped for itself, and unmapped when it is freed, in bytes.
pub const LARGE_BLOCK: i32 = 1 << 20;

/// Has the allocator give large blocks back as soon as they are freed.
///
/// glibc raises the size from which it does so to that of the largest block that was ever freed (`M_MMAP_THRESHOLD` in
/// mallopt(3)), and keeps twice as much in each thread's arena: one decoded picture a thread, and a runner with eight
/// accounts has 50 MB more than it uses. Naming the size ends that. Nothing on other C libraries, whose allocators do
/// no such thing.
pub fn large_blocks_go_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        #[expect(
            unsafe_code,
            reason = "mallopt is a C function without a safe wrapper; it takes two numbers, touches no memory of ours, and may be called at any time"
        )]
        let taken = unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE_BLOCK) } == 1;
        if !taken {
            tracing::debug!("the allocator does not take a size of large blocks");
        }
    }
}

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    #![expect(
        clippy::panic,
        clippy::unwrap_used,
        clippy::print_stdout,
        reason = "what can not be set up ends the test; the child answers on stdout"
    )]
    use std::process::Command;
    use std::sync::Barrier;

    use super::*;

    const ASKED: &str = "DEED_TEST_MEMORY";
    const THREADS: usize = 8;

    /// What of this process is in memory, in kB.
    fn resident() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }

    /// Two pictures at once, three times, in each of the threads, which all live on; then what is still held.
    fn after_pictures() -> u64 {
        let (done, measured) = (Barrier::new(THREADS + 1), Barrier::new(THREADS + 1));
        std::thread::scope(|threads| {
            for _ in 0..THREADS {
                threads.spawn(|| {
                    for round in 0..3_u8 {
                        let pictures = [vec![round + 1; 4 << 20], vec![round + 1; 4 << 20]];
                        assert!(
                            std::hint::black_box(&pictures).iter().all(|picture| picture.last() == Some(&(round + 1)))
                        );
                    }
                    done.wait();
                    measured.wait();
                });
            }
            done.wait();
            let held = resident();
            measured.wait();
            held
        })
    }

    // Run by itself, in a process each: what is measured is the whole process's.
    #[test]
    fn what_threads_freed_of_pictures_goes_back() {
        if let Ok(how) = std::env::var(ASKED) {
            if how == "settled" {
                large_blocks_go_back();
            }
            println!("held: {} kB", after_pictures());
            return;
        }
        let held = |how: &str| -> u64 {
            let mut child = Command::new(std::env::current_exe().unwrap());
            child.args(["--exact", "memory::tests::what_threads_freed_of_pictures_goes_back", "--nocapture"]);
            let said = String::from_utf8(child.env(ASKED, how).output().unwrap().stdout).unwrap();
            let held = said.split_once("held: ").and_then(|(_, rest)| rest.split_once(" kB")).map(|(kb, _)| kb.parse());
            held.unwrap_or_else(|| panic!("{said}")).unwrap()
        };
        let (settled, left_alone) = (held("settled"), held("left alone"));
        assert!(settled + 20_000 < left_alone, "{settled} kB are held, {left_alone} kB without the setting");
    }
}
