//! A health check of one web server: which pages to ask for, and what to expect of each.

use std::fmt;

use super::Connect;

/// Requests to a web server, one after another, each over a connection of its own: all must be answered well.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HttpProbe {
    /// Whom to call. The timeout is that of each page.
    pub connect: Connect,
    /// Speak TLS first.
    pub tls: Option<Tls>,
    /// `virtualhost`: the `Host` field; the target's address and port unless said otherwise.
    pub host: Option<String>,
    /// `http_protocol`.
    pub version: HttpVersion,
    /// `url`: what is asked for, in this order; never empty.
    pub pages: Vec<Page>,
}

impl HttpProbe {
    /// `GET /` over HTTP/1.1, well with any status from 200 to 299.
    #[must_use]
    pub fn new(connect: Connect) -> Self {
        Self { connect, tls: None, host: None, version: HttpVersion::V1_1, pages: vec![Page::default()] }
    }

    /// The host that a page is asked of, if one is named.
    #[must_use]
    pub fn host_of<'p>(&'p self, page: &'p Page) -> Option<&'p str> {
        page.host.as_deref().or(self.host.as_deref())
    }
}

/// The version that a request speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HttpVersion {
    /// `1.0`, `1.0C`.
    V1_0,
    /// `1.1`.
    V1_1,
}

/// One page, and what is expected of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Page {
    /// `path`: the request's target, with its query.
    pub path: String,
    /// `virtualhost` of the page itself.
    pub host: Option<String>,
    /// `status_code`: statuses that count as well, inclusive ranges; never empty.
    pub statuses: Vec<(u16, u16)>,
    /// `digest`: the MD5 sum of the page.
    pub digest: Option<[u8; 16]>,
    /// `regex`: what must be in the page, or must not.
    pub expression: Option<Box<Expression>>,
    /// `tls_compliant`: the page must end with TLS's own farewell (RFC 8446, section 6.1), and not with the connection.
    pub orderly_close: bool,
}

impl Default for Page {
    fn default() -> Self {
        Self {
            path: "/".to_owned(),
            host: None,
            statuses: vec![(200, 299)],
            digest: None,
            expression: None,
            orderly_close: false,
        }
    }
}

impl Page {
    /// A status counts as well.
    #[must_use]
    pub fn expects(&self, status: u16) -> bool {
        self.statuses.iter().any(|(least, most)| (*least..=*most).contains(&status))
    }

    /// Whether something is expected of the page itself, and not only that it comes.
    #[must_use]
    pub fn wants_body(&self) -> bool {
        self.digest.is_some() || self.expression.is_some() || self.orderly_close
    }
}

/// A regular expression, and where a page must match it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Expression {
    /// `regex`: as PCRE2 writes it.
    pub pattern: String,
    /// `regex_options`.
    pub options: ExpressionOptions,
    /// `regex_no_match`: the page must not match.
    pub unwanted: bool,
    /// `regex_min_offset`: a match begins at this byte of the page at the earliest.
    pub least_offset: u32,
    /// `regex_max_offset`: a match begins at this byte of the page at the latest.
    pub most_offset: Option<u32>,
}

impl Expression {
    /// A match would have to begin before the place at which it may begin at the earliest.
    #[must_use]
    pub fn has_no_place(&self) -> bool {
        self.most_offset.is_some_and(|most| most < self.least_offset)
    }
}

/// Options of an expression, by PCRE2's names; those that change nothing about what matches are not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ExpressionOptions {
    /// Letters of either case are the same.
    pub caseless: bool,
    /// `$` does not match before a newline that ends the page.
    pub dollar_endonly: bool,
    /// `.` matches a newline too.
    pub dotall: bool,
    /// Blanks and comments in the pattern do not count.
    pub extended: bool,
    /// A match begins in the first line.
    pub firstline: bool,
    /// `^` and `$` match at each line.
    pub multiline: bool,
    /// `\d`, `\w` and the like go by Unicode.
    pub ucp: bool,
    /// Quantifiers are lazy unless marked.
    pub ungreedy: bool,
    /// Pattern and page are UTF-8, and `.` is a character.
    pub utf: bool,
}

impl ExpressionOptions {
    /// The names of those that are set, in the order of the alphabet.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let Self { caseless, dollar_endonly, dotall, extended, firstline, multiline, ucp, ungreedy, utf } = self;
        [
            ("caseless", caseless),
            ("dollar_endonly", dollar_endonly),
            ("dotall", dotall),
            ("extended", extended),
            ("firstline", firstline),
            ("multiline", multiline),
            ("ucp", ucp),
            ("ungreedy", ungreedy),
            ("utf", utf),
        ]
        .into_iter()
        .filter(|(_, set)| *set)
        .map(|(name, _)| name)
    }

    /// All names.
    pub fn all_names() -> impl Iterator<Item = &'static str> {
        Self {
            caseless: true,
            dollar_endonly: true,
            dotall: true,
            extended: true,
            firstline: true,
            multiline: true,
            ucp: true,
            ungreedy: true,
            utf: true,
        }
        .names()
    }

    /// The option of a name; none: it is not one of these.
    pub fn by_name(&mut self, name: &str) -> Option<&mut bool> {
        Some(match name {
            "caseless" => &mut self.caseless,
            "dollar_endonly" => &mut self.dollar_endonly,
            "dotall" => &mut self.dotall,
            "extended" => &mut self.extended,
            "firstline" => &mut self.firstline,
            "multiline" => &mut self.multiline,
            "ucp" => &mut self.ucp,
            "ungreedy" => &mut self.ungreedy,
            "utf" => &mut self.utf,
            _ => return None,
        })
    }
}

/// TLS as a client: versions 1.2 and 1.3.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Tls {
    /// `sni_name`: the server's name, told to it and, with `verify`, looked for in its certificate.
    pub server_name: Option<String>,
    /// `enable_sni`: where there is no `server_name`, it is the host that a page is asked of, if that is a name. Otherwise
    /// no name is told, and the certificate must be for the target's address.
    pub named_by_host: bool,
    /// The certificate must be valid. Without it any server that speaks TLS will do, as with keepalived.
    pub verify: bool,
    /// A PEM file with the authorities that count, in place of the host's own.
    pub authorities: Option<String>,
    /// `SSL`: who we are, should the server ask.
    pub identity: Option<Box<Identity>>,
}

/// A client's certificate.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Identity {
    /// `certificate`: a PEM file with the certificate, and those that lead from it to the authority.
    pub certificate: String,
    /// `key`: a PEM file with the key; the same file unless said otherwise.
    pub key: Option<String>,
    /// `password`: what the key is encrypted with.
    pub password: Option<String>,
}

impl fmt::Debug for Identity {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("certificate", &self.certificate)
            .field("key", &self.key)
            .field("password", &self.password.as_ref().map(|_| "..."))
            .finish()
    }
}
