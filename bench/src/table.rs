//! A Markdown table that grows by columns, and how figures are written in it.

use std::fmt;

/// Rows by name; each column is filled from top to bottom.
#[derive(Debug)]
pub struct Table {
    corner: String,
    columns: Vec<String>,
    /// The column that is filled.
    at: usize,
    /// A row's name, and its figure in each column so far.
    rows: Vec<(String, Vec<String>)>,
}

impl Table {
    pub fn new(corner: &str) -> Self {
        Self { corner: corner.to_owned(), columns: Vec::new(), at: 0, rows: Vec::new() }
    }

    /// Begins a column, and fills it from now on.
    pub fn column(&mut self, title: &str) {
        self.at = self.columns.len();
        self.columns.push(title.to_owned());
    }

    /// Fills the column of this title from now on.
    pub fn select(&mut self, title: &str) {
        self.at = self.columns.iter().position(|column| column == title).unwrap_or(self.at);
    }

    /// Writes a figure into the column that is filled.
    pub fn put(&mut self, row: &str, figure: String) {
        let at = self.rows.iter().position(|(name, _)| name == row).unwrap_or_else(|| {
            self.rows.push((row.to_owned(), Vec::new()));
            self.rows.len() - 1
        });
        let figures = &mut self.rows[at].1;
        figures.resize(self.columns.len(), String::new());
        figures[self.at] = figure;
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| {} | {} |", self.corner, self.columns.join(" | "))?;
        writeln!(f, "|---|{}", "---:|".repeat(self.columns.len()))?;
        for (name, figures) in &self.rows {
            writeln!(f, "| {name} | {} |", figures.join(" | "))?;
        }
        Ok(())
    }
}

/// The middle value; of an even number, the upper of the two.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A time of a request or a sync.
pub fn micros(us: f64) -> String {
    if us >= 10_000.0 { format!("{:.1} ms", us / 1e3) } else { format!("{us:.0} µs") }
}

/// A rate with three digits that mean something.
pub fn rate(per_second: f64) -> String {
    match per_second {
        large if large >= 1e6 => format!("{:.2} M/s", large / 1e6),
        middle if middle >= 1e4 => format!("{:.0} k/s", middle / 1e3),
        middle if middle >= 1e3 => format!("{:.1} k/s", middle / 1e3),
        small => format!("{small:.0} /s"),
    }
}
