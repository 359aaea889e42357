//! Times, CPU and memory, read from `/proc`.

/// What one round used.
pub struct Usage {
    pub ms: Vec<f64>,
    pub wall_s: f64,
    pub cpu_s: f64,
    pub chromium_s: f64,
    pub rss_mb: f64,
    pub pss_mb: f64,
}

pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

pub fn p95(values: &[f64]) -> f64 {
    quantile(values, 0.95)
}

fn quantile(values: &[f64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = (q * (sorted.len() as f64 - 1.0)).round();
    sorted[place as usize]
}

/// CPU seconds of this process so far, all threads. A tick is 10 ms on every Linux that Rust runs on.
pub fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, rest) = stat.rsplit_once(')').unwrap();
    let fields: Vec<_> = rest.split_whitespace().collect();
    let ticks: f64 = [11, 12].iter().map(|i| fields[*i].parse::<f64>().unwrap()).sum();
    ticks / 100.0
}

/// CPU seconds of every process of a group so far, those that ended and were waited for included.
pub fn group_cpu_s(group: i32) -> f64 {
    let of = |pid: &str| -> Option<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (_, rest) = stat.rsplit_once(')')?;
        let fields: Vec<_> = rest.split_whitespace().collect();
        (fields[2] == group.to_string()).then(|| (11..=14).filter_map(|i| fields[i].parse::<f64>().ok()).sum())
    };
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries.filter_map(|e| of(e.file_name().to_str()?)).sum::<f64>() / 100.0
}

/// Resident memory of this process.
pub fn rss_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1_024.0
}

/// Proportional memory of every process of a group.
pub fn pss_mb(group: i32) -> f64 {
    let of = |pid: &str| -> Option<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (_, rest) = stat.rsplit_once(')')?;
        (rest.split_whitespace().nth(2)? == group.to_string()).then_some(())?;
        let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
        let line = rollup.lines().find(|l| l.starts_with("Pss:"))?;
        line.split_whitespace().nth(1)?.parse::<f64>().ok()
    };
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries.filter_map(|e| of(e.file_name().to_str()?)).sum::<f64>() / 1_024.0
}
