//! A whole dump.

/// The rows of a dump that ended cleanly: the kernel sent DONE with code 0, never flagged an interruption, and lost nothing.
///
/// There is no other way to come by a value of this type, so whoever holds one holds the whole table as the kernel walked it.
/// That is not quite the same as the whole table at one instant. IPVS keeps no sequence number: a destination that is added or
/// removed *while* its list is dumped shifts the others, so that a row can be missed or come twice without any flag. Act on a
/// difference only when two dumps agree.
///
/// Rows come in the kernel's order, which is no order to rely on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dump<T> {
    rows: Vec<T>,
}

impl<T> Dump<T> {
    pub(crate) fn of_clean_rows(rows: Vec<T>) -> Self {
        Self { rows }
    }

    /// The rows.
    #[must_use]
    pub fn rows(&self) -> &[T] {
        &self.rows
    }

    /// The rows, to be kept.
    #[must_use]
    pub fn into_rows(self) -> Vec<T> {
        self.rows
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none. For destinations that is also what the kernel says of a service that is not there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The rows, one after the other.
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.rows.iter()
    }
}

impl<T> IntoIterator for Dump<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;
    fn into_iter(self) -> Self::IntoIter {
        self.rows.into_iter()
    }
}

impl<'a, T> IntoIterator for &'a Dump<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
