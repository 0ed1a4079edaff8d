//! Words of `global_defs`.

mod host;
mod ipvs;
mod mail;
mod process;
mod router;

use super::{Keyword, Place, idle, ours, soon, yes};

pub(super) const GLOBAL: &[&[Keyword]] =
    &[mail::MAIL, process::PROCESS, router::ROUTER, router::ANNOUNCEMENTS, host::HOST, ipvs::IPVS];
