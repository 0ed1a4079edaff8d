//! Where a thread leaves its news for whoever listens to several kinds of them at one inbox.
//!
//! The threads do not know of each other's messages, nor of the one that they are wrapped in: that is done on the way, and
//! costs no thread of its own.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::Sender;

/// The way to an inbox, for messages of one kind. Sending never waits.
pub struct Outbox<T>(Arc<dyn Fn(T) -> bool + Send + Sync>);

impl<T: Send + 'static> Outbox<T> {
    /// Messages arrive as what `wrap` makes of them.
    #[must_use]
    pub fn to<Message: Send + 'static>(inbox: &Sender<Message>, wrap: fn(T) -> Message) -> Self {
        let inbox = inbox.clone();
        Self(Arc::new(move |message| inbox.send(wrap(message)).is_ok()))
    }
}

impl<T> Outbox<T> {
    /// Leaves a message; `false` where nobody will ever read it.
    pub fn send(&self, message: T) -> bool {
        (self.0)(message)
    }
}

impl<T: Send + 'static> From<Sender<T>> for Outbox<T> {
    fn from(inbox: Sender<T>) -> Self {
        Self::to(&inbox, |message| message)
    }
}

impl<T> Clone for Outbox<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> fmt::Debug for Outbox<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outbox")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn messages_of_two_kinds_meet_in_order_and_a_closed_inbox_is_told() {
        let (sender, inbox) = channel::<String>();
        let numbers: Outbox<u8> = Outbox::to(&sender, |number| number.to_string());
        let words = Outbox::from(sender);
        assert!(numbers.send(7) && words.clone().send("seven".to_owned()));
        assert_eq!(inbox.try_iter().collect::<Vec<_>>(), ["7", "seven"]);
        drop(inbox);
        assert!(!numbers.send(8) && !words.send("eight".to_owned()));
    }
}
