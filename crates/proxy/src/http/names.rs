//! Header names that the proxy itself reads or writes. A name is classified once, when it is parsed;
//! looking a known header up is then a scan over small numbers.

use crate::options::{HEADER_PEER_METADATA, HEADER_PEER_METADATA_ID};

macro_rules! names {
    ($($id:ident = $name:expr;)*) => {
        /// A header name that the proxy knows.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Known { $($id,)* /// Any other `x-envoy-*`.
            EnvoyOther, /// Any other name.
            Other }

        impl Known {
            /// The name in lower case; empty for the two that stand for many.
            pub const fn name(self) -> &'static str {
                match self { $(Known::$id => $name,)* Known::EnvoyOther | Known::Other => "" }
            }

            const ALL: &'static [Known] = &[$(Known::$id),*];
        }
    };
}

names! {
    Host = "host";
    Connection = "connection";
    KeepAlive = "keep-alive";
    ProxyConnection = "proxy-connection";
    Te = "te";
    Trailer = "trailer";
    TransferEncoding = "transfer-encoding";
    Upgrade = "upgrade";
    Http2Settings = "http2-settings";
    ContentLength = "content-length";
    ContentType = "content-type";
    Expect = "expect";
    Cookie = "cookie";
    Date = "date";
    Server = "server";
    Location = "location";
    GrpcStatus = "grpc-status";
    GrpcMessage = "grpc-message";
    ForwardedClientCert = "x-forwarded-client-cert";
    ForwardedFor = "x-forwarded-for";
    ForwardedProto = "x-forwarded-proto";
    ForwardedHost = "x-forwarded-host";
    RequestId = "x-request-id";
    AttemptCount = "x-envoy-attempt-count";
    ExpectedTimeout = "x-envoy-expected-rq-timeout-ms";
    ExternalAddress = "x-envoy-external-address";
    OriginalPath = "x-envoy-original-path";
    Overloaded = "x-envoy-overloaded";
    RateLimited = "x-envoy-ratelimited";
    ServiceTime = "x-envoy-upstream-service-time";
    PeerMetadata = HEADER_PEER_METADATA;
    PeerMetadataId = HEADER_PEER_METADATA_ID;
}

impl Known {
    /// Classifies a lower-case name.
    pub fn of(name: &[u8]) -> Known {
        // One table slot per length keeps this to a few comparisons; see `BY_LENGTH`.
        let Some(candidates) = BY_LENGTH.get(name.len()) else {
            return Known::rest(name);
        };
        for known in candidates.iter().map_while(|slot| *slot) {
            if known.name().as_bytes() == name {
                return known;
            }
        }
        Known::rest(name)
    }

    fn rest(name: &[u8]) -> Known {
        if name.starts_with(b"x-envoy-") { Known::EnvoyOther } else { Known::Other }
    }

    /// Whether the name begins with `x-envoy-`.
    pub fn is_envoy(self) -> bool {
        self == Known::EnvoyOther || self.name().starts_with("x-envoy-")
    }

    /// Headers that describe one connection only (RFC 9110, 7.6.1); they are never passed on.
    pub fn is_hop_by_hop(self) -> bool {
        matches!(
            self,
            Known::Connection
                | Known::KeepAlive
                | Known::ProxyConnection
                | Known::Te
                | Known::TransferEncoding
                | Known::Upgrade
                | Known::Http2Settings
        )
    }
}

const LONGEST: usize = 33;
const PER_LENGTH: usize = 6;

/// Known names by their length.
static BY_LENGTH: [[Option<Known>; PER_LENGTH]; LONGEST] = {
    let mut table = [[None; PER_LENGTH]; LONGEST];
    let mut at = 0;
    while at < Known::ALL.len() {
        let length = Known::ALL[at].name().len();
        let mut slot = 0;
        while table[length][slot].is_some() {
            slot += 1;
        }
        table[length][slot] = Some(Known::ALL[at]);
        at += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::Known;

    #[test]
    fn every_known_name_is_found() {
        for known in Known::ALL {
            assert_eq!(Known::of(known.name().as_bytes()), *known);
        }
    }

    #[test]
    fn other_names_are_told_apart() {
        assert_eq!(Known::of(b"x-envoy-retry-on"), Known::EnvoyOther);
        assert_eq!(Known::of(b"accept"), Known::Other);
        assert_eq!(Known::of(b""), Known::Other);
        assert_eq!(Known::of(&[b'a'; 500]), Known::Other);
        assert!(Known::of(b"x-envoy-retry-on").is_envoy());
        assert!(Known::AttemptCount.is_envoy() && Known::PeerMetadata.is_envoy());
        assert!(!Known::RequestId.is_envoy());
    }
}
