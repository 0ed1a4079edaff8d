//! ctl: to come.
