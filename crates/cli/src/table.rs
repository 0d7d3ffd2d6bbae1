//! Tables for people: columns as wide as what is in them, two spaces between.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthStr;

use crate::failure::Failure;
use crate::output::{plain, print_styled};

const HEAD: Style = Style::new().bold();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default();
pub(crate) const CARE: Style = AnsiColor::Yellow.on_default();
pub(crate) const ASIDE: Style = AnsiColor::Cyan.on_default();
pub(crate) const FAINT: Style = Style::new().dimmed();

/// One value of a table.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    pub(crate) fn plain(text: &str) -> Self {
        Self::styled(text, Style::new())
    }

    pub(crate) fn styled(text: &str, style: Style) -> Self {
        Self { text: plain(text), style }
    }

    pub(crate) fn number(number: i64) -> Self {
        Self::plain(&number.to_string())
    }

    /// Of a list, as much as fits into a column.
    pub(crate) fn list<'a>(items: impl Iterator<Item = &'a str>) -> Self {
        const WIDTH_MAX: usize = 60;
        let items: Vec<_> = items.collect();
        let mut text = String::new();
        for (index, item) in items.iter().enumerate() {
            let gap = if index == 0 { "" } else { ", " };
            if index > 0 && text.width() + gap.len() + item.width() > WIDTH_MAX {
                let _ = write!(text, ", and {} more", items.len() - index);
                break;
            }
            text.push_str(gap);
            text.push_str(item);
        }
        Self::plain(&text)
    }
}

/// Rows under a head.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<Cell>>,
}

impl Table {
    pub(crate) fn new(columns: &[&str]) -> Self {
        Self { rows: vec![columns.iter().map(|name| Cell::styled(name, HEAD)).collect()] }
    }

    pub(crate) fn add(&mut self, row: Vec<Cell>) {
        self.rows.push(row);
    }

    pub(crate) fn print(&self) -> Result<(), Failure> {
        print_styled(&self.text(""))
    }

    /// Every line behind a margin.
    pub(crate) fn text(&self, margin: &str) -> String {
        let columns = self.rows[0].len();
        let width = |column: usize| self.rows.iter().map(|row| row[column].text.width()).max();
        let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
        let mut text = String::new();
        for row in &self.rows {
            let last = row.iter().rposition(|cell| !cell.text.is_empty()).unwrap_or(0);
            text.push_str(margin);
            for (column, Cell { text: value, style }) in row[..=last].iter().enumerate() {
                let pad = if column == last { 0 } else { widths[column] - value.width() + 2 };
                let _ = write!(text, "{style}{value}{style:#}{:pad$}", "");
            }
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_people_see() {
        let mut table = Table::new(&["ID", "NAME", "NOTE"]);
        table.add(vec![Cell::plain("a"), Cell::plain("屋根"), Cell::plain("x")]);
        table.add(vec![Cell::plain("long"), Cell::plain("b\x1b[2J"), Cell::plain("")]);
        let text = anstream::adapter::strip_str(&table.text("  ")).to_string();
        assert_eq!(text, "  ID    NAME   NOTE\n  a     屋根   x\n  long  b [2J\n");
    }

    #[test]
    fn a_long_list_says_how_much_is_left_out() {
        let ids: Vec<String> = (0..30).map(|n| format!("stage-{n}")).collect();
        let cell = Cell::list(ids.iter().map(String::as_str));
        assert!(cell.text.ends_with("stage-5, and 24 more"), "{}", cell.text);
        assert_eq!(Cell::list(["a", "b"].into_iter()).text, "a, b");
    }
}
