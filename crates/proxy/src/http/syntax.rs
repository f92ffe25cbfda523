//! What text may stand where in a message, whichever HTTP it is spoken in, and how it is refused.

use thiserror::Error;

use super::names::Known;

/// Most header fields that a parser has room for; configured limits are at most this.
pub const MAX_HEADERS: usize = outrigger_traffic::MOST_REQUEST_HEADERS;

/// Why a head or body is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Malformed {
    /// Not HTTP/1, or not allowed in it; the text is Envoy's response code detail where it has one.
    #[error("{0}")]
    Syntax(&'static str),
    /// A transfer coding that is not served.
    #[error("http1.invalid_transfer_encoding")]
    TransferCoding,
    /// The head has too many bytes or fields.
    #[error("{0}")]
    TooLarge(&'static str),
    /// HTTP/1.0 where it is not accepted.
    #[error("low_version")]
    Version,
}

impl Malformed {
    /// The status that a client is answered with.
    pub fn status(self) -> u16 {
        match self {
            Malformed::Syntax(_) => 400,
            Malformed::TransferCoding => 501,
            Malformed::TooLarge(_) => 431,
            Malformed::Version => 426,
        }
    }
}

/// What a reader allows.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Most bytes of a head.
    pub bytes: usize,
    /// Most fields.
    pub fields: usize,
    /// Whether HTTP/1.0 is accepted.
    pub http_10: bool,
}

/// Whether these bytes may stand as a path with query: a slash and visible ASCII without `#`.
pub fn is_valid_path(path: &[u8]) -> bool {
    path.first() == Some(&b'/') && path.iter().all(|b| (b'!'..=b'~').contains(b) && *b != b'#')
}

/// Whether these bytes may stand as a host with an optional port: the characters of RFC 3986's
/// reg-name and IP-literal, without user information and commas. An empty host is allowed.
pub fn is_valid_authority(authority: &[u8]) -> bool {
    authority.iter().all(|b| {
        b.is_ascii_alphanumeric()
            || matches!(
                b,
                b'-' | b'.'
                    | b'_'
                    | b'~'
                    | b':'
                    | b'['
                    | b']'
                    | b'%'
                    | b'!'
                    | b'$'
                    | b'&'
                    | b'\''
                    | b'('
                    | b')'
                    | b'*'
                    | b'+'
                    | b';'
                    | b'='
            )
    })
}

/// Trailers must not change framing, routing or who the sender is (RFC 9110, 6.5.1).
pub fn is_allowed_trailer(known: Known, name: &[u8]) -> bool {
    !(known.is_hop_by_hop()
        || matches!(
            known,
            Known::Host | Known::ContentLength | Known::Trailer | Known::Expect | Known::Cookie
        )
        || matches!(name, b"authorization" | b"set-cookie" | b"content-encoding" | b"content-type"))
}

/// A content-length: digits only, no sign, no list, within 64 bits.
pub fn parse_length(value: &[u8]) -> Option<u64> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}
