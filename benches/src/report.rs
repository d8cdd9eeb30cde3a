//! The table.

use std::time::Duration;

#[derive(Default)]
pub struct Report {
    rows: Vec<[String; 5]>,
}

impl Report {
    /// One figure: what, measured, the baseline of the same run, the target, and whether it is met.
    pub fn row(&mut self, what: &str, measured: String, baseline: String, target: &str, met: bool) {
        let verdict = if met { "met" } else { "MISSED" };
        eprintln!("{what}: {measured} ({baseline}; target {target}) {verdict}");
        self.rows.push([what.into(), measured, baseline, target.into(), verdict.into()]);
    }

    pub fn print(&self) {
        println!("| figure | measured | baseline of the same run | target | |");
        println!("|---|---|---|---|---|");
        for row in &self.rows {
            println!("| {} |", row.join(" | "));
        }
    }
}

/// Latencies of one series.
pub struct Series(Vec<Duration>);

impl Series {
    pub fn new(mut samples: Vec<Duration>) -> Self {
        samples.sort();
        Self(samples)
    }
    pub fn quantile(&self, q: f64) -> Duration {
        // Indexes are small: the loss of precision is none.
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let at = ((self.0.len().saturating_sub(1)) as f64 * q) as usize;
        self.0.get(at).copied().unwrap_or_default()
    }
}

pub fn per_second(count: u64, took: Duration) -> f64 {
    #[allow(clippy::cast_precision_loss)]
    let count = count as f64;
    count / took.as_secs_f64()
}
