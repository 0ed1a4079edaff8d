//! Checks of web servers.

use crate::model::{Expression, HttpVersion, Identity};

/// See [`crate::model::HttpProbe`].
#[derive(Debug, Default, Clone)]
pub(in crate::config) struct HttpDraft {
    pub(in crate::config) version: Option<HttpVersion>,
    pub(in crate::config) host: Option<String>,
    pub(in crate::config) tls: Option<HttpTlsDraft>,
    /// What holds for pages that say nothing of it.
    pub(in crate::config) orderly_close: bool,
    pub(in crate::config) pages: Vec<PageDraft>,
}

/// See [`crate::model::Tls`].
#[derive(Debug, Default, Clone)]
pub(in crate::config) struct HttpTlsDraft {
    pub(in crate::config) server_name: Option<String>,
    pub(in crate::config) named_by_host: bool,
    pub(in crate::config) verify: bool,
    pub(in crate::config) authorities: Option<String>,
    pub(in crate::config) identity: Option<Identity>,
}

/// See [`crate::model::Page`].
#[derive(Debug, Default, Clone)]
pub(in crate::config) struct PageDraft {
    pub(in crate::config) path: Option<String>,
    pub(in crate::config) host: Option<String>,
    pub(in crate::config) statuses: Vec<(u16, u16)>,
    pub(in crate::config) digest: Option<[u8; 16]>,
    /// One that can be done.
    pub(in crate::config) expression: Option<Box<Expression>>,
    pub(in crate::config) orderly_close: Option<bool>,
}
