//! "Did you mean".

/// No more candidates than this are looked at: a file may define a hundred thousand names and ask for as many others.
const MOST_CANDIDATES: usize = 2_000;

/// The candidate nearest to a word, if it is near enough to have been meant.
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A long word is garbage, and comparing it with all others costs quadratic time.
    if word.len() < 2 || word.len() > 64 {
        return None;
    }
    let folded = word.to_ascii_lowercase().replace('-', "_");
    let length = folded.chars().count();
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates.into_iter().take(MOST_CANDIDATES) {
        if candidate == word {
            continue;
        }
        // A third of the letters may be wrong; in short words one.
        let other = candidate.chars().count();
        let allowed = (length.max(other) / 3).clamp(1, 4);
        // Each letter too many is wrong. Most candidates are done with here, which counts where a thousand lines are wrong.
        if length.abs_diff(other) > allowed {
            continue;
        }
        let distance = strsim::damerau_levenshtein(&folded, &candidate.to_ascii_lowercase().replace('-', "_"));
        if distance <= allowed && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// The same as a sentence.
pub(super) fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(word, candidates).map(|found| format!("did you mean `{found}`?"))
}
