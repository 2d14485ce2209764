//! Rows as an aligned table, as PostgreSQL's console prints them.

use serde_json::Value;

/// The header, a line, and the rows; numbers to the right.
pub(super) fn render(names: &[&str], rows: &[Value]) -> String {
    let cells: Vec<Vec<String>> =
        rows.iter().map(|row| row.as_array().into_iter().flatten().map(cell).collect()).collect();
    let widths: Vec<usize> = names
        .iter()
        .enumerate()
        .map(|(i, name)| {
            let widest = cells.iter().filter_map(|row| row.get(i)).map(|cell| cell.chars().count()).max();
            widest.unwrap_or(0).max(name.chars().count())
        })
        .collect();
    let numeric: Vec<bool> = (0..names.len())
        .map(|i| !rows.is_empty() && rows.iter().all(|row| row[i].is_number() || row[i].is_null()))
        .collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> = cells
            .zip(&widths)
            .zip(&numeric)
            .map(
                |((text, width), numeric)| {
                    if *numeric { format!(" {text:>width$} ") } else { format!(" {text:<width$} ") }
                },
            )
            .collect();
        padded.join("|").trim_end().to_owned() + "\n"
    };
    let mut out = line(&mut names.iter().copied());
    let rule: Vec<String> = widths.iter().map(|width| "-".repeat(width + 2)).collect();
    out += &(rule.join("+") + "\n");
    for row in &cells {
        out += &line(&mut row.iter().map(String::as_str));
    }
    let rows = if cells.len() == 1 { "row" } else { "rows" };
    out + &format!("({} {rows})\n", cells.len())
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn columns_are_aligned() {
        let rows = [json!(["P1", 10]), json!(["page two", null])];
        let expected = " name     | visits \n----------+--------\n P1       |     10\n page two |\n(2 rows)\n";
        assert_eq!(super::render(&["name", "visits"], &rows), expected.replace(" visits \n", " visits\n"));
    }
}
