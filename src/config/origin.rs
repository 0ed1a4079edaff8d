//! Where text came from that does not stand where it counts: through which variable, and by which `include`.
//!
//! A word out of a variable lies in the variable's definition; that is its [`Span`]. The origin, which the span names, is the
//! variable's use. The use may lie in another definition and have an origin of its own, and so on up to a line that was
//! written as it is. A remark is shown at one place of this chain, and the others are shown with it.

use super::diagnostic::{Diagnostic, Label, Part};
use super::source::{Files, Span};

/// A chain of definitions or includes is shown as far as this.
const MOST_SHOWN: usize = 4;

/// One use of a variable.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    /// `$NAME` or `${NAME}`, where it stands.
    used: Span,
    name: Box<str>,
    /// The definition has several lines: rather a template than a value.
    template: bool,
}

impl Files {
    /// A stretch of a definition, as it came through a use of its variable.
    pub(super) fn through(&mut self, defined: Span, used: Span, name: &str, template: bool) -> Span {
        match defined.file.with_origin(self.origins.len() + 1) {
            Some(file) => {
                self.origins.push(Origin { used, name: name.into(), template });
                Span { file, ..defined }
            }
            // Past a million uses only the last of them is told.
            None => used,
        }
    }

    fn origin(&self, span: Span) -> Option<&Origin> {
        (span.file.origin() as usize).checked_sub(1).and_then(|index| self.origins.get(index))
    }

    /// The variable's use that a stretch came through.
    pub(super) fn used(&self, span: Span) -> Option<Span> {
        self.origin(span).map(|origin| origin.used)
    }

    fn plain(span: Span) -> Span {
        Span { file: span.file.with_origin(0).unwrap_or(span.file), ..span }
    }

    /// Where a reader would look: the use of a value, the text of a template; and what else is to be shown.
    fn traced(&self, span: Span) -> (Span, Vec<Label>) {
        let mut chain = Vec::new();
        let mut at = span;
        while let (Some(origin), true) = (self.origin(at), chain.len() < 64) {
            chain.push((at, origin));
            at = origin.used;
        }
        let mut labels = Vec::new();
        let mut inside = false;
        // From the line that was written as it is, inwards.
        for (defined, origin) in chain.iter().rev() {
            if origin.template && !inside {
                labels.push((at, format!("`${}` is used here", origin.name)));
                at = *defined;
            } else {
                inside = true;
                labels.push((*defined, format!("came through `${}`, defined here", origin.name)));
            }
        }
        let labels = labels.into_iter().take(MOST_SHOWN);
        (
            Self::plain(at),
            labels.map(|(span, text)| Label { span: Self::plain(span), text, part: Part::Variable }).collect(),
        )
    }

    /// A remark as it is shown: at places that were written, with the way that the text took from there.
    pub(super) fn shown_at(&self, mut diagnostic: Diagnostic) -> Diagnostic {
        for label in &mut diagnostic.secondary {
            label.span = self.traced(label.span).0;
        }
        let Some(primary) = &mut diagnostic.primary else { return diagnostic };
        let (place, way) = self.traced(primary.span);
        primary.span = place;
        let mut file = place.file;
        diagnostic.secondary.extend(way);
        for _ in 0..MOST_SHOWN {
            let Some(by) = self.included(file) else { break };
            let by = self.traced(by).0;
            let text = "included from here".to_owned();
            diagnostic.secondary.push(Label { span: by, text, part: Part::Include });
            file = by.file;
        }
        diagnostic
    }
}
