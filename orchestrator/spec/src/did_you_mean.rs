//! Suggestions for words that nobody declared. Never decides that two words are the same.

/// The candidate nearest to `word`, if one is near enough to have been meant: another case or spelling of separators,
/// or an edit distance (insert, delete, replace, swap of neighbours) of at most a third of the word.
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    // A distance costs the product of both lengths; nobody misspells a word this long.
    if word.is_empty() || word.len() > 80 {
        return None;
    }
    let wanted = folded(word);
    let limit = (wanted.len().max(3) / 3).min(4);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let known = folded(candidate);
        if candidate == word || known.len() > 120 {
            continue;
        }
        let distance = distance(&wanted, &known);
        let near = distance <= limit && distance < known.len();
        if near && best.is_none_or(|(least, text)| (distance, candidate) < (least, text)) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate.to_owned())
}

/// Words of other languages and tools for ours.
const SYNONYMS: &[(&str, &str)] = &[
    ("avg", "mean"),
    ("average", "mean"),
    ("stddev", "std"),
    ("nunique", "count_distinct"),
    ("string", "str"),
    ("text", "str"),
    ("varchar", "str"),
    ("int", "i64"),
    ("integer", "i64"),
    ("bigint", "i64"),
    ("int64", "i64"),
    ("int32", "i32"),
    ("float", "f64"),
    ("double", "f64"),
    ("float64", "f64"),
    ("float32", "f32"),
    ("boolean", "bool"),
    ("timestamp", "datetime"),
    ("depends_on", "needs"),
    ("depends", "needs"),
    ("retries", "retry"),
    ("tz", "timezone"),
];

/// A hint about an unknown word: the one meant, or what there is.
pub(crate) fn suggestion<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    let candidates: Vec<&str> = candidates.into_iter().collect();
    let folded_word: String = folded(word).into_iter().collect();
    let synonym = SYNONYMS.iter().find(|(other, ours)| *other == folded_word && candidates.contains(ours));
    let meant = synonym.map(|(_, ours)| (*ours).to_owned());
    match meant.or_else(|| did_you_mean(word, candidates.iter().copied())) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None if candidates.is_empty() => "none is declared".to_owned(),
        None => format!("there {}", listing(&candidates)),
    }
}

/// "are: a, b, c" or "is only `a`"; long lists are cut.
fn listing(candidates: &[&str]) -> String {
    const SHOWN: usize = 16;
    if let [only] = candidates {
        return format!("is only `{only}`");
    }
    let shown = candidates.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    if candidates.len() > SHOWN { format!("are: {shown}, ...") } else { format!("are: {shown}") }
}

fn folded(word: &str) -> Vec<char> {
    word.chars().map(|letter| if letter == '-' { '_' } else { letter.to_ascii_lowercase() }).collect()
}

/// Optimal string alignment distance (Damerau-Levenshtein without editing a swapped pair again).
fn distance(left: &[char], right: &[char]) -> usize {
    let width = right.len() + 1;
    let mut before: Vec<usize> = vec![0; width];
    let mut last: Vec<usize> = (0..width).collect();
    for (row, letter) in left.iter().enumerate() {
        let mut current = vec![row + 1; width];
        for (column, other) in right.iter().enumerate() {
            let replaced = last[column] + usize::from(letter != other);
            let mut least = replaced.min(last[column + 1] + 1).min(current[column] + 1);
            if row > 0 && column > 0 && *letter == right[column - 1] && left[row - 1] == *other {
                least = least.min(before[column - 1] + 1);
            }
            current[column + 1] = least;
        }
        before = std::mem::replace(&mut last, current);
    }
    last[width - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 5] = ["source", "entity", "ttl", "aggregates", "latest"];

    #[test]
    fn a_swap_a_missing_and_a_wrong_letter_are_near() {
        for (word, meant) in [("suorce", "source"), ("entty", "entity"), ("agregates", "aggregates"), ("ttk", "ttl")] {
            assert_eq!(did_you_mean(word, KEYS), Some(meant.to_owned()), "{word}");
        }
    }

    #[test]
    fn case_and_separators_do_not_count() {
        assert_eq!(did_you_mean("Late-Arrival", ["late_arrival"]), Some("late_arrival".to_owned()));
    }

    #[test]
    fn a_word_like_none_of_them_has_no_suggestion() {
        assert_eq!(did_you_mean("colour", KEYS), None);
        assert_eq!(did_you_mean("x", ["y"]), None);
        assert_eq!(did_you_mean("", KEYS), None);
    }

    #[test]
    fn a_hint_lists_what_there_is_when_nothing_is_near() {
        assert_eq!(suggestion("colour", ["ttl", "latest"]), "there are: ttl, latest");
        assert_eq!(suggestion("colour", ["ttl"]), "there is only `ttl`");
        assert_eq!(suggestion("colour", []), "none is declared");
    }
}
