//! "Did you mean": the nearest of the names that would have been right.
//!
//! Never: guesses when nothing is near.

/// The candidate nearest to `name`, if one is near enough to be meant.
///
/// Distance counts insertions, deletions, substitutions and swaps of neighbours, without regard to case. A name may
/// be a third of its length away, at least one; a candidate that only differs in case, or in a plural `s`, is always
/// near.
pub fn closest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted: Vec<char> = name.to_lowercase().chars().take(64).collect();
    let limit = (wanted.len() / 3).clamp(1, 4);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let other: Vec<char> = candidate.to_lowercase().chars().take(64).collect();
        if other.len().abs_diff(wanted.len()) > limit {
            continue;
        }
        let distance = edit_distance(&wanted, &other);
        // A one-letter name is not "near" every other one-letter name.
        if distance <= limit && distance < wanted.len().max(1) && best.is_none_or(|(d, _)| distance < d) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// ``did you mean `x`?``, or the choices there are, or nothing.
pub fn did_you_mean<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str> + Clone) -> String {
    match closest(name, candidates.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => choices(candidates),
    }
}

/// `there are a, b, c`: at most twelve of them, so that a message stays a message.
pub fn choices<'a>(candidates: impl IntoIterator<Item = &'a str>) -> String {
    let all: Vec<&str> = candidates.into_iter().collect();
    match all.len() {
        0 => String::new(),
        1 => format!("there is only `{}`", all[0]),
        n => {
            let shown: Vec<String> = all.iter().take(12).map(|c| format!("`{c}`")).collect();
            format!("there are {}{}", shown.join(", "), if n > 12 { ", …" } else { "" })
        }
    }
}

/// Optimal string alignment: Levenshtein with swaps of neighbours.
fn edit_distance(a: &[char], b: &[char]) -> usize {
    let mut before_last = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut row = vec![0; b.len() + 1];
    for i in 1..=a.len() {
        row[0] = i;
        for j in 1..=b.len() {
            let substitution = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = substitution.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before_last[j - 2] + 1);
            }
        }
        std::mem::swap(&mut before_last, &mut last);
        std::mem::swap(&mut last, &mut row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_meant() {
        let check = |name: &str, candidates: &[&str], expected: Option<&str>| {
            assert_eq!(closest(name, candidates.iter().copied()), expected, "{name} among {candidates:?}");
        };
        check("durations", &["name", "user", "date", "duration"], Some("duration"));
        check("dutarion", &["name", "duration"], Some("duration"));
        check("NAME", &["name"], Some("name"));
        check("valu_format", &["key_format", "value_format"], Some("value_format"));
        check("x", &["a", "b"], None);
        check("zebra", &["name", "user"], None);
        check("", &["a"], None);
    }
}
