//! Percentiles of what was measured, all of it kept.

use std::time::Duration;

/// Times in microseconds.
#[derive(Clone, Default)]
pub struct Times(Vec<u32>);

impl Times {
    /// Adds one.
    pub fn add(&mut self, time: Duration) {
        self.0.push(u32::try_from(time.as_micros()).unwrap_or(u32::MAX));
    }

    /// Adds all of another.
    pub fn append(&mut self, other: &Self) {
        self.0.extend_from_slice(&other.0);
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The time that so many thousandths stay within, in milliseconds; the longest for 1,000.
    pub fn within(&mut self, thousandths: usize) -> f64 {
        self.0.sort_unstable();
        let Some(last) = self.0.len().checked_sub(1) else { return f64::NAN };
        let place = (self.0.len() * thousandths).div_ceil(1000).saturating_sub(1).min(last);
        f64::from(self.0[place]) / 1000.0
    }

    /// p50, p99, p99.9 and the longest, as cells of a table.
    pub fn cells(&mut self) -> String {
        let [p50, p99, p999, longest] = [500, 990, 999, 1000].map(|thousandths| self.within(thousandths));
        format!("{p50:.2} | {p99:.2} | {p999:.2} | {longest:.1}")
    }
}
