//! Guesses at what somebody meant.

/// The candidate that is nearest to what was written, if any is near at all.
pub(crate) fn nearest<'c>(written: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let wanted = normalized(written);
    // About one mistake in three letters; more is another word.
    let limit = (wanted.len() / 3).clamp(1, 3);
    candidates
        .into_iter()
        .map(|candidate| (distance(&wanted, &normalized(candidate)), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Spelling habits (`match_labels`, `Match-Labels`) are no mistakes of letters.
fn normalized(name: &str) -> Vec<char> {
    name.chars().filter(|c| !matches!(c, '_' | '-')).flat_map(char::to_lowercase).take(64).collect()
}

/// How many letters must be inserted, removed, replaced or swapped with their neighbour.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replace = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replace.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before_last[j - 2] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_meant() {
        let fields = ["hosts", "gateways", "http", "exportTo", "matchLabels"];
        assert_eq!(nearest("host", fields), Some("hosts"));
        assert_eq!(nearest("hsots", fields), Some("hosts"));
        assert_eq!(nearest("match_labels", fields), Some("matchLabels"));
        assert_eq!(nearest("exportto", fields), Some("exportTo"));
        assert_eq!(nearest("retries", fields), None);
        assert_eq!(nearest("", fields), None);
    }
}
