//! balance: to come.
