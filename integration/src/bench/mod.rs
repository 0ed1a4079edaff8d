//! Benchmarks: what is measured goes into one [`Report`], which prints as a table and writes as JSON, the same for every
//! benchmark that there will be.
//!
//! Contenders run in turn within one round, and rounds repeat, so that a machine whose speed drifts slows all alike; what
//! counts are ratios of medians from one run.

pub mod check;
pub mod checks;
pub mod failover;
pub mod floor;
pub mod program;

use std::fmt::Write as _;
use std::fs;

use serde::Serialize;

/// All figures of one run of one benchmark.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Name of the benchmark.
    pub bench: String,
    /// The machine: kernel, processors.
    pub machine: String,
    /// Figures.
    pub rows: Vec<Row>,
    /// What single runs gave, with all that was seen beside them, where a benchmark keeps that.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub samples: Vec<serde_json::Value>,
}

/// One figure of one contender.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// Contender.
    pub who: String,
    /// What was measured.
    pub metric: String,
    /// Median of the runs.
    pub median: f64,
    /// Least.
    pub min: f64,
    /// Of a hundred runs, 99 were no more than this (nearest rank; with fewer than a hundred runs, the most).
    pub p99: f64,
    /// Most.
    pub max: f64,
    /// Unit of these.
    pub unit: String,
    /// Number of runs.
    pub runs: usize,
}

impl Report {
    /// An empty report about this machine.
    #[must_use]
    pub fn new(bench: &str) -> Self {
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        let machine = format!("Linux {}, {cpus} processor{}", kernel.trim(), if cpus == 1 { "" } else { "s" });
        Self { bench: bench.to_owned(), machine, rows: Vec::new(), samples: Vec::new() }
    }

    /// Adds a figure from its samples.
    pub fn add(&mut self, who: &str, metric: &str, unit: &str, mut samples: Vec<f64>) {
        if samples.is_empty() {
            return;
        }
        samples.sort_by(f64::total_cmp);
        let middle = samples.len() / 2;
        let median =
            if samples.len() % 2 == 1 { samples[middle] } else { (samples[middle - 1] + samples[middle]) / 2.0 };
        self.rows.push(Row {
            who: who.to_owned(),
            metric: metric.to_owned(),
            median,
            min: samples[0],
            p99: samples[(samples.len() * 99).div_ceil(100) - 1],
            max: samples[samples.len() - 1],
            unit: unit.to_owned(),
            runs: samples.len(),
        });
    }

    /// Keeps a single run.
    ///
    /// # Panics
    /// When it cannot be told in JSON.
    pub fn keep(&mut self, sample: &impl Serialize) {
        self.samples.push(serde_json::to_value(sample).expect("a sample is plain data"));
    }

    /// The median of one figure.
    #[must_use]
    pub fn median(&self, who: &str, metric: &str) -> Option<f64> {
        self.rows.iter().find(|row| row.who == who && row.metric == metric).map(|row| row.median)
    }

    /// As a table; figures of one metric stand together, each with its ratio to the least of them.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = format!("{} on {}\n", self.bench, self.machine);
        let width = self.rows.iter().map(|row| row.who.len()).max().unwrap_or(0).max(28);
        let mut metrics: Vec<&str> = Vec::new();
        for row in &self.rows {
            if !metrics.contains(&row.metric.as_str()) {
                metrics.push(&row.metric);
            }
        }
        for metric in metrics {
            let rows: Vec<_> = self.rows.iter().filter(|row| row.metric == metric).collect();
            let least = rows.iter().map(|row| row.median).fold(f64::INFINITY, f64::min);
            writeln!(text, "\n{metric}").unwrap();
            writeln!(
                text,
                "  {:<width$} {:>10} {:>10} {:>10} {:>10} {:<6} {:>7} {:>5}",
                "", "median", "min", "p99", "max", "unit", "ratio", "runs"
            )
            .unwrap();
            for row in rows {
                let ratio = if least > 0.0 { format!("{:.1}x", row.median / least) } else { "-".to_owned() };
                writeln!(
                    text,
                    "  {:<width$} {:>10.4} {:>10.4} {:>10.4} {:>10.4} {:<6} {:>7} {:>5}",
                    row.who, row.median, row.min, row.p99, row.max, row.unit, ratio, row.runs
                )
                .unwrap();
            }
        }
        text
    }
}
