//! Any bytes as a web server's answer to a check, however they are cut, and as expressions to hold pages against.
//!
//! What an answer means may not depend on where the network cut it; an expression is ready, or told with its place.
#![no_main]

use ipvsd::check::http::Answer;
use ipvsd::model::{Expression, ExpressionOptions, Page};
use ipvsd::pattern::Pattern;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((cut, answer)) = bytes.split_first() else { return };
    let expression = Expression { pattern: "a+$".to_owned(), ..Expression::default() };
    let Ok(pattern) = Pattern::new(&expression) else { return };
    let pages = [
        Page::default(),
        Page { digest: Some([0; 16]), ..Page::default() },
        Page { expression: Some(Box::new(expression)), ..Page::default() },
        Page { orderly_close: true, ..Page::default() },
    ];
    let piece = usize::from(*cut).max(1);
    for page in &pages {
        let pattern = page.expression.as_ref().map(|_| &pattern);
        let mut whole = Answer::new();
        let at_once = whole.read(page, pattern, answer).unwrap_or_else(|| whole.ended(page, pattern, true));
        let mut cut = Answer::new();
        let pieces = answer.chunks(piece).find_map(|piece| cut.read(page, pattern, piece));
        let pieces = pieces.unwrap_or_else(|| cut.ended(page, pattern, true));
        assert_eq!(at_once, pieces, "cut into pieces of {piece}");
    }
    if let Ok(text) = std::str::from_utf8(answer) {
        let options = ExpressionOptions { utf: *cut & 1 != 0, extended: *cut & 2 != 0, ..ExpressionOptions::default() };
        if let Err(problem) = Pattern::new(&Expression { pattern: text.to_owned(), options, ..Expression::default() }) {
            assert!(text.get(problem.at.clone()).is_some(), "{problem:?}");
        }
    }
});
