//! A table whose first column is text at the left and whose others are numbers at the right.

use std::borrow::Cow;

use super::style::{FAINT, paint};
use super::text::{cut, left, right, width};

/// The narrowest that the first column is shortened to.
const NAME_COLUMNS_MIN: usize = 12;

/// What stands between a name and how many there are of it.
pub(super) const NUMBER: &str = " ×";

/// Rows of as many cells as the header has.
#[derive(Debug)]
pub(crate) struct Table<const N: usize> {
    header: [&'static str; N],
    rows: Vec<[String; N]>,
    gap: usize,
    /// Columns that are left out.
    hidden: &'static [usize],
}

impl<const N: usize> Table<N> {
    /// With `gap` blanks between two columns.
    pub(crate) fn new(header: [&'static str; N], gap: usize) -> Self {
        Self { header, rows: Vec::new(), gap, hidden: &[] }
    }

    /// Without these columns. The first one stays.
    pub(crate) fn without(self, hidden: &'static [usize]) -> Self {
        Self { hidden, ..self }
    }

    pub(crate) fn row(&mut self, cells: [String; N]) {
        self.rows.push(cells);
    }

    /// By how many cells it is too wide for `columns_max`, when its names are shortened as far as names may be.
    pub(crate) fn excess(&self, columns_max: usize) -> usize {
        let widths = self.widths(columns_max);
        self.total(&widths).saturating_sub(columns_max)
    }

    /// At most `columns_max` wide, if cutting the names can do that. No line ends in blanks.
    pub(crate) fn render(&self, columns_max: usize) -> String {
        let widths = self.widths(columns_max);
        let mut text = paint(FAINT, self.line(&self.header, &widths));
        text.push('\n');
        for row in &self.rows {
            text.push_str(&self.line(row, &widths));
            text.push('\n');
        }
        text
    }

    fn widths(&self, columns_max: usize) -> [usize; N] {
        let mut widths = self.header.map(width);
        for row in &self.rows {
            for (wide, cell) in widths.iter_mut().zip(row) {
                *wide = (*wide).max(width(cell));
            }
        }
        let excess = self.total(&widths).saturating_sub(columns_max);
        if let Some(name) = widths.first_mut() {
            *name = name.saturating_sub(excess).max(NAME_COLUMNS_MIN.min(*name));
        }
        widths
    }

    fn total(&self, widths: &[usize; N]) -> usize {
        let shown =
            widths.iter().enumerate().filter(|(i, _)| !self.hidden.contains(i)).map(|(_, width)| width + self.gap);
        shown.sum::<usize>().saturating_sub(self.gap)
    }

    fn line<S: AsRef<str>>(&self, cells: &[S; N], widths: &[usize; N]) -> String {
        let mut line = String::new();
        for (i, (cell, columns)) in cells.iter().zip(widths).enumerate() {
            if i == 0 {
                line.push_str(&left(&shortened(cell.as_ref(), *columns), *columns));
            } else if !self.hidden.contains(&i) {
                line.push_str(&" ".repeat(self.gap));
                line.push_str(&right(cell.as_ref(), *columns));
            }
        }
        line.truncate(line.trim_end().len());
        line
    }
}

/// At most `columns` wide. How many there are of what is named (`parse ×4`) stays whole, and the name is cut before it.
fn shortened(cell: &str, columns: usize) -> Cow<'_, str> {
    if width(cell) <= columns {
        return Cow::Borrowed(cell);
    }
    let (name, number) = cell.split_at(cell.rfind(NUMBER).unwrap_or(cell.len()));
    Cow::Owned(format!("{}{number}", cut(name, columns.saturating_sub(width(number)))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table<3> {
        let mut table = Table::new(["", "in", "out"], 2);
        table.row(["parse".into(), "1,000".into(), String::new()]);
        table.row(["normalise-addresses".into(), "7".into(), "999,999".into()]);
        table
    }

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn columns_line_up_and_lines_end_in_no_blanks() {
        assert_eq!(
            plain(&table().render(100)),
            concat!(
                "                        in      out\n",
                "parse                1,000\n",
                "normalise-addresses      7  999,999\n"
            )
        );
    }

    #[test]
    fn a_column_that_is_left_out_takes_no_room() {
        let table = table().without(&[1]);
        assert_eq!(table.excess(28), 0);
        assert!(
            plain(&table.render(100))
                .starts_with("                         out\nparse\nnormalise-addresses  999,999\n")
        );
    }

    #[test]
    fn names_are_cut_first_but_not_beyond_reading() {
        assert_eq!(table().excess(30), 0);
        assert!(plain(&table().render(30)).contains("normalise-add…      7  999,999\n"));
        assert_eq!(table().excess(20), 8);
        assert!(plain(&table().render(20)).contains("normalise-a…      7  999,999\n"));
    }

    #[test]
    fn how_many_there_are_of_a_name_is_never_cut_off() {
        let mut table = table();
        table.row(["normalise-addresses ×12".into(), "7".into(), "9".into()]);
        assert!(plain(&table.render(30)).contains("normalise… ×12      7        9\n"), "{}", plain(&table.render(30)));
    }
}
