//! Which interfaces this host has.

use std::collections::BTreeSet;
use std::io;

use nix::net::if_::if_nameindex;

/// Their names, in the network namespace of this process. Other names of an interface (`altname`) are not among them: the
/// daemon goes by the names that the kernel tells with each link.
///
/// # Errors
///
/// As the kernel says, or no memory.
pub fn names() -> io::Result<BTreeSet<String>> {
    Ok(if_nameindex()?.iter().map(|interface| interface.name().to_string_lossy().into_owned()).collect())
}
