//! Aligned columns.

use super::Style;

/// Space between columns.
const GAP: &str = "  ";

/// Rows of text under headings. `painted` is the column whose cells are coloured as status words.
pub fn table(style: Style, headings: &[&str], rows: &[Vec<String>], painted: Option<usize>) -> String {
    let widths: Vec<usize> = (0..headings.len())
        .map(|c| {
            rows.iter().filter_map(|r| r.get(c)).map(|cell| width(cell)).chain([width(headings[c])]).max().unwrap_or(0)
        })
        .collect();
    let mut out = line(headings.iter().map(|h| (*h).to_string()), &widths, |_, cell| style.dim(&cell));
    for row in rows {
        out.push_str(&line(
            row.iter().cloned(),
            &widths,
            |c, cell| if Some(c) == painted { style.status(&cell) } else { cell },
        ));
    }
    out
}

/// `name  value` lines, names padded to one width.
pub fn fields(style: Style, indent: &str, rows: &[(String, String)]) -> String {
    let name_width = rows.iter().map(|(n, _)| width(n)).max().unwrap_or(0);
    let line = |(name, value): &(String, String)| {
        let padded = pad(name, name_width);
        format!("{indent}{}{GAP}{value}", style.dim(&padded)).trim_end().to_string() + "\n"
    };
    rows.iter().map(line).collect()
}

fn line(cells: impl Iterator<Item = String>, widths: &[usize], paint: impl Fn(usize, String) -> String) -> String {
    let cells: Vec<String> = cells.collect();
    let last = cells.len().saturating_sub(1);
    let painted = cells.into_iter().enumerate().map(|(c, cell)| {
        let cell = if c == last { cell } else { pad(&cell, widths.get(c).copied().unwrap_or(0)) };
        paint(c, cell)
    });
    painted.collect::<Vec<_>>().join(GAP).trim_end().to_string() + "\n"
}

fn width(text: &str) -> usize {
    text.chars().count()
}

fn pad(text: &str, to: usize) -> String {
    format!("{text}{}", " ".repeat(to.saturating_sub(width(text))))
}
