//! `FILE_CHECK`: what the number in a file says of a server, and of its weight.
//!
//! The number times the check's weight is added to the server's; -2^31 and below takes the server out. With weight 0 a number
//! other than 0 takes it out, and nothing is added. What is no number, or not there, counts as 0, as with virtual routers.

use super::Outcome;
use crate::model::{FileContent, FileProbe};

/// From here down the server is out.
const DOWN: i64 = i32::MIN as i64;
/// ... and this is the most that is added.
const MOST: i64 = i32::MAX as i64;

/// What is in the file says this.
#[must_use]
pub fn outcome(probe: &FileProbe, content: &FileContent) -> Outcome {
    let number = match content {
        FileContent::Number(number) => (*number).clamp(DOWN, MOST),
        FileContent::Missing | FileContent::Unreadable(_) | FileContent::NotANumber(_) => 0,
    };
    if probe.weight == 0 {
        return if (number == 0) == probe.reverse { Outcome::TakenOut } else { Outcome::Adds(0) };
    }
    let product = number * i64::from(probe.weight) * if probe.reverse { -1 } else { 1 };
    if product <= DOWN {
        return Outcome::TakenOut;
    }
    Outcome::Adds(i32::try_from(product).unwrap_or(i32::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn says(weight: i32, reverse: bool, content: &FileContent) -> Outcome {
        outcome(&FileProbe { file: "load".to_owned(), weight, reverse }, content)
    }

    /// As keepalived 2.2.7 was seen to do it.
    #[test]
    fn a_number_adds_to_the_weight_or_takes_the_server_out() {
        let number = |number| FileContent::Number(number);
        for (weight, reverse, content, expected) in [
            (1, false, number(5), Outcome::Adds(5)),
            (3, false, number(5), Outcome::Adds(15)),
            (-2, false, number(5), Outcome::Adds(-10)),
            (7, true, number(5), Outcome::Adds(-35)),
            (255, false, number(-3), Outcome::Adds(-765)),
            (1, false, number(2_147_483_648), Outcome::Adds(i32::MAX)),
            (i32::MAX, false, number(5), Outcome::Adds(i32::MAX)),
            (i32::MAX, false, number(-3), Outcome::TakenOut),
            (1, false, number(-2_147_483_647), Outcome::Adds(-2_147_483_647)),
            (1, false, number(-2_147_483_648), Outcome::TakenOut),
            (1, false, number(i64::MIN), Outcome::TakenOut),
            (1, true, number(i64::MIN), Outcome::Adds(i32::MAX)),
            (-2, false, number(i64::MIN), Outcome::Adds(i32::MAX)),
            (-2, false, number(i64::MAX), Outcome::TakenOut),
            (1, false, FileContent::Missing, Outcome::Adds(0)),
            (1, false, FileContent::NotANumber("abc".to_owned()), Outcome::Adds(0)),
            (1, false, FileContent::Unreadable("no".to_owned()), Outcome::Adds(0)),
            (0, false, number(0), Outcome::Adds(0)),
            (0, false, number(-1), Outcome::TakenOut),
            (0, true, number(0), Outcome::TakenOut),
            (0, true, number(4), Outcome::Adds(0)),
            (0, true, FileContent::Missing, Outcome::TakenOut),
        ] {
            assert_eq!(says(weight, reverse, &content), expected, "{weight} {reverse} {content:?}");
        }
    }

    proptest! {
        #[test]
        fn any_number_has_a_meaning(weight in -i32::MAX..=i32::MAX, reverse: bool, number: i64) {
            let outcome = says(weight, reverse, &FileContent::Number(number));
            if let Outcome::Adds(added) = outcome {
                prop_assert!(added > i32::MIN);
            } else {
                prop_assert_eq!(outcome, Outcome::TakenOut);
            }
        }
    }
}
