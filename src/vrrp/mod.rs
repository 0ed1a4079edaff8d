//! vrrp: to come.
