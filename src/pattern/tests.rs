use std::time::Instant;

use proptest::prelude::*;

use super::*;
use crate::model::ExpressionOptions;

fn with(pattern: &str, options: &str) -> Expression {
    let mut set = ExpressionOptions::default();
    for option in options.split_whitespace() {
        *set.by_name(option).unwrap() = true;
    }
    Expression { pattern: pattern.to_owned(), options: set, ..Expression::default() }
}

fn is_in(pattern: &str, options: &str, page: &str) -> bool {
    Pattern::new(&with(pattern, options))
        .unwrap_or_else(|problem| panic!("{pattern}: {problem:?}"))
        .is_in(page.as_bytes())
        .unwrap()
}

#[test]
fn what_both_can_say_means_the_same() {
    // Pattern, options, page, and what PCRE2 10.42 makes of it (`pcre2test`).
    let cases = [
        ("ok", "", "all ok", true),
        ("OK", "", "all ok", false),
        ("OK", "caseless", "all ok", true),
        ("^ok$", "", "ok\n", true),
        ("^ok$", "dollar_endonly", "ok\n", false),
        ("^ok$", "", "ok\n\n", false),
        ("^ok$", "", "no\nok\nno", false),
        ("^ok$", "multiline", "no\nok\nno", true),
        ("(?m)^ok$", "", "no\nok\nno", true),
        ("ok\\z", "", "ok\n", false),
        ("ok\\Z", "", "ok\n", true),
        ("a.b", "", "a\nb", false),
        ("a.b", "dotall", "a\nb", true),
        ("a b # remark", "extended", "ab", true),
        ("a # of [1\n b", "extended", "ab", true),
        ("a # of [1\n b", "extended", "a", false),
        ("\\Qa b\\E c", "extended", "a bc", true),
        ("{\"status\": ?\"ok\"}", "", "{\"status\":\"ok\"}", true),
        ("x{", "", "x{", true),
        ("x{a}", "", "x{a}", true),
        ("x{2}y", "", "xxy", true),
        ("x{2}y", "", "x{2}y", false),
        ("x{,3}y", "", "x{,3}y", true),
        ("\\<title\\>", "", "<title>", true),
        ("[a&&b]", "", "&", true),
        ("[[]", "", "[", true),
        ("[]a]", "", "]", true),
        ("[^]a]", "", "]", false),
        ("[[:digit:]]+", "", "7", true),
        ("[a~~b]", "", "~", true),
        ("\\d{3}", "", "404", true),
        ("a\\hb", "", "a\tb", true),
        ("a\\Rb", "", "a\r\nb", true),
        ("\\Qa.b\\E.", "", "axbc", false),
        ("\\Qa.b\\E.", "", "a.bc", true),
        ("\\x41\\x{42}", "", "AB", true),
        ("\\w", "utf", "\u{e9}", false),
        ("\\w", "utf ucp", "\u{e9}", true),
        ("^.$", "utf", "\u{e9}", true),
        ("^.$", "", "\u{e9}", false),
        ("^..$", "", "\u{e9}", true),
        ("\u{e9}", "", "caf\u{e9}", true),
        ("\\p{Lu}", "utf", "\u{c9}", true),
        ("b", "firstline", "a\nb", false),
        ("b", "firstline", "ab\nb", true),
        ("(?<name>a|b)+c", "", "abac", true),
        ("", "", "", true),
        ("a$|b", "", "a\n", true),
        ("[\\b]", "", "\u{8}", true),
        ("\\e", "", "\u{1b}", true),
        ("a\\vb", "", "a\nb", true),
        ("a[\\v]b", "", "a\rb", true),
        ("a\\Vb", "", "a\nb", false),
        ("a[^\\V]b", "", "a\u{c}b", true),
        ("a\\vb", "utf", "a\u{2028}b", true),
        ("a\\Rb", "utf", "a\u{2029}b", true),
        ("a\\hb", "utf", "a\u{3000}b", true),
        ("a\\Hb", "utf", "a\u{a0}b", false),
        ("a[ ,]b", "extended", "a b", true),
        ("a[#,]b", "extended", "a#b", true),
        ("a[^ ]b", "extended", "a b", false),
        ("(?x)a [ ,] b", "", "a b", true),
        ("a[ -/]b", "extended", "a+b", true),
        ("a\\hb", "extended", "a b", true),
        ("a\\sb", "extended utf", "a b", true),
        ("(?=a)a[ ,]b", "extended", "a b", true),
    ];
    for (pattern, options, page, expected) in cases {
        assert_eq!(is_in(pattern, options, page), expected, "{pattern:?} {options} in {page:?}");
    }
    for (pattern, page, expected) in [
        ("a\\vb", b"a\x85b", true),
        ("a\\Vb", b"a\x85b", false),
        ("a\\Rb", b"a\x85b", true),
        ("a\\hb", b"a\xa0b", true),
        ("a[\\h]b", b"a\xa0b", true),
        ("a\\Hb", b"a\xa0b", false),
        ("a\\Hb", b"a\x85b", true),
        ("(?=a)a\\hb", b"a\xa0b", true),
    ] {
        let found = Pattern::new(&with(pattern, "")).unwrap().is_in(page);
        assert_eq!(found, Ok(expected), "{pattern:?} in {page:?}");
    }
}

#[test]
fn what_looks_back_or_aside_means_the_same() {
    // Pattern, options, page, and what PCRE2 10.42 makes of it (`pcre2test`).
    let cases = [
        ("^(?!.*maintenance)", "dotall", "all\nis well", true),
        ("^(?!.*maintenance)", "dotall", "all\nis in maintenance", false),
        ("^(?=.*up)(?=.*ready)", "", "ready and up", true),
        ("^(?=.*up)(?=.*ready)", "", "up", false),
        ("(?<=state: )ok", "", "state: ok", true),
        ("(?<!not )ok", "", "not ok", false),
        ("(?<!not )OK", "caseless", "is ok", true),
        ("(['\"])ok\\1", "", "'ok'", true),
        ("(['\"])ok\\1", "", "'ok\"", false),
        ("(?<q>['\"])ok\\k<q>", "", "\"ok\"", true),
        ("a++a", "", "aaa", false),
        ("a++b", "", "aab", true),
        ("(?>a|ab)c", "", "abc", false),
        ("(?>a|ab)c", "", "ac", true),
        ("a(?#remark)b", "", "ab", true),
        ("(?m)^ok(?=$)", "", "no\nok\nno", true),
        ("ok(?=$)", "", "ok\n", true),
        ("ok(?=$)", "dollar_endonly", "ok\n", false),
        ("(?!\u{e9})..", "utf", "\u{e9}", false),
        ("(?=\u{e9})..$", "", "\u{e9}", true),
        ("(?=\\w).", "", "\u{e9}", false),
        ("\\d{3}(?! [A-Z])", "", "404 Not", false),
        ("(a)?(?(1)b|c)", "", "ab", true),
        ("^(a)?(?(1)b|c)$", "", "ac", false),
    ];
    for (pattern, options, page, expected) in cases {
        assert_eq!(is_in(pattern, options, page), expected, "{pattern:?} {options} in {page:?}");
    }
}

#[test]
fn pages_that_take_too_many_steps_are_given_up() {
    for (pattern, page, expected) in [
        ("^(?:(a|a)*)\\1[cd]", "a".repeat(4000), Err(Unbounded)),
        ("(?s)(?=.*(?=.*(?=.*z)))", "a\n".repeat(steps::LONGEST / 16), Err(Unbounded)),
        // As hard as these to PCRE2; but what is within a look is an automaton's, and so is told.
        ("^(?=(a+)+$)b", "a".repeat(40), Ok(false)),
        ("(?=(?:.*,){8}x)(?!y)", "a,".repeat(steps::LONGEST / 16), Ok(false)),
        ("(?s)(?<!x.*)y(?<=y.*)", "y".repeat(steps::LONGEST / 8), Ok(true)),
    ] {
        let ready = Pattern::new(&with(pattern, "")).unwrap_or_else(|problem| panic!("{pattern}: {problem:?}"));
        assert_eq!(ready.is_in(page.as_bytes()), expected, "{pattern}");
    }
    let endless = Pattern::new(&with("^(?:(a|a)*)\\1[cd]", "")).unwrap();
    assert_eq!(endless.is_in(format!("{}c", "a".repeat(4000)).as_bytes()), Ok(true));
    assert_eq!(endless.is_in("a".repeat(4000).as_bytes()), Err(Unbounded));
    let long = Pattern::new(&with("^(?!x)", "")).unwrap();
    assert_eq!(long.is_in(" ".repeat(steps::LONGEST).as_bytes()), Ok(true));
    assert_eq!(long.is_in(" ".repeat(steps::LONGEST + 1).as_bytes()), Err(Unbounded));
}

#[test]
fn what_cannot_be_done_is_told_with_its_place() {
    for (pattern, options, place, what) in [
        ("a(b", "", "(", "not closed"),
        ("a)b", "", ")", "closes nothing"),
        ("[a-", "", "[", "not closed"),
        ("{x}[z-a]", "", "z-a", "range"),
        ("*a", "", "*", "nothing before"),
        ("{\"a\"}(.)\\2", "", "\\2", "reference"),
        ("$a(?=b", "", "(?=", "look"),
        ("a(?<!b)", "ungreedy", "(?<!", "look"),
        ("xx++(?R)", "", "+", "possessive"),
        ("(?=a)[+--]", "", "(?=", "look"),
        ("(?=a)(?R)", "", "(?=", "look"),
        ("(?|a)", "", "", "group"),
        ("(?R)", "", "R", "recursion"),
        ("(?u)a", "", "u", "flag"),
        ("[\u{e9}]", "", "\u{e9}", "utf"),
        ("\\p{Lu}", "", "\\p{Lu}", "utf"),
        ("a\\", "", "\\", "backslash"),
        ("[+--]", "", "", "hyphen"),
        ("(a{1000}){1000}", "", "(a{1000}){1000}", "too much"),
    ] {
        let problem = Pattern::new(&with(pattern, options)).unwrap_err();
        assert!(problem.what.contains(what), "{pattern}: {problem:?}");
        let shown = &pattern[problem.at.clone()];
        assert!(place.is_empty() || shown == place, "{pattern}: {shown:?}, {problem:?}");
    }
    let deep = "(".repeat(10_000);
    assert!(Pattern::new(&with(&deep, "")).is_err());
}

#[test]
fn a_match_begins_where_it_may() {
    let at = |least: u32, most: Option<u32>| {
        let expression = Expression { least_offset: least, most_offset: most, ..with("ok", "") };
        Pattern::new(&expression).unwrap().is_in(b"ok 3456 ok").unwrap()
    };
    assert!(at(0, Some(0)) && at(1, None) && at(8, Some(8)) && at(3, Some(9)));
    assert!(!at(1, Some(7)) && !at(9, None) && !at(100, None));
    // It is the page's beginning, not the offset's.
    let anchored = Expression { least_offset: 8, ..with("^ok", "") };
    assert_eq!(Pattern::new(&anchored).unwrap().is_in(b"ok 3456 ok"), Ok(false));
    // The same of an expression that is tried step by step.
    let stepped = |least: u32, most: Option<u32>| {
        let expression = Expression { least_offset: least, most_offset: most, ..with("o(?=k)", "") };
        Pattern::new(&expression).unwrap().is_in(b"ok 3456 ok").unwrap()
    };
    assert!(stepped(0, Some(0)) && stepped(1, None) && stepped(8, Some(8)) && stepped(3, Some(9)));
    assert!(!stepped(1, Some(7)) && !stepped(9, None) && !stepped(100, None));
}

#[test]
fn hostile_pages_are_matched_in_time_that_grows_with_them() {
    // With PCRE2 the first takes 2^n steps, and the second has as many states as there are words of thirty letters.
    for pattern in ["^(a+)+$", "(a|a)*[cd]", "[ab]*a[ab]{30}[cd]", "(?:a[ab]{20}){3}[cd]"] {
        let pattern = Pattern::new(&with(pattern, "")).unwrap();
        let mut seed = 1_u64;
        let page: Vec<u8> = (0..256 * 1024)
            .map(|_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                if seed >> 63 == 0 { b'a' } else { b'b' }
            })
            .collect();
        let started = Instant::now();
        assert_eq!(pattern.is_in(&page), Ok(false));
        println!("{:?}", started.elapsed());
    }
}

proptest! {
    #[test]
    fn any_pattern_is_ready_or_told(pattern in "[\\\\a-c(){}\\[\\]|*+?.^$:=!<>,0-9QEbdwhRZxpku&~-]{0,24}", options in 0_u16..512, page in "[a-c\n]{0,20}") {
        let mut expression = with(&pattern, "");
        for (bit, name) in ["caseless", "dollar_endonly", "dotall", "extended", "firstline", "multiline", "ucp", "ungreedy", "utf"].iter().enumerate() {
            *expression.options.by_name(name).unwrap() = options & (1 << bit) != 0;
        }
        match Pattern::new(&expression) {
            Ok(ready) => {
                let _ = ready.is_in(page.as_bytes());
            }
            Err(problem) => {
                prop_assert!(pattern.get(problem.at.clone()).is_some(), "{:?}", problem);
            }
        }
    }
}
