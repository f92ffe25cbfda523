//! Why a request or connection ended as it did, in Envoy's letters; access logs and the
//! `response_flags` label of metrics print them.

use std::fmt;

/// A set of response flags. (envoy: source/common/stream_info/utility.h)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct ResponseFlags(u32);

macro_rules! flags {
    ($($(#[$doc:meta])* $name:ident = $bit:literal, $long:literal;)*) => {
        impl ResponseFlags {
            $($(#[$doc])* pub const $name: ResponseFlags = ResponseFlags(1 << $bit);)*

            const ALL: &'static [(ResponseFlags, &'static str, &'static str)] =
                &[$((ResponseFlags::$name, stringify!($name), $long)),*];
        }
    };
}

// In the order in which Envoy prints them.
flags! {
    /// No healthy host in the cluster.
    UH = 0, "NoHealthyUpstream";
    /// Connecting to the upstream failed.
    UF = 1, "UpstreamConnectionFailure";
    /// A limit of the cluster was reached.
    UO = 2, "UpstreamOverflow";
    /// No route or filter chain.
    NR = 3, "NoRouteFound";
    /// The limit of retries or connect attempts was reached.
    URX = 4, "UpstreamRetryLimitExceeded";
    /// The route's cluster does not exist.
    NC = 5, "NoClusterFound";
    /// Ended for its age.
    DT = 6, "DurationTimeout";
    /// The client ended the connection.
    DC = 7, "DownstreamConnectionTermination";
    /// Reset by this side.
    LR = 8, "LocalReset";
    /// The upstream did not answer in time.
    UT = 9, "UpstreamRequestTimeout";
    /// Reset by the upstream.
    UR = 10, "UpstreamRemoteReset";
    /// The upstream closed the connection.
    UC = 11, "UpstreamConnectionTermination";
    /// The client broke the protocol.
    DPE = 12, "DownstreamProtocolError";
    /// The upstream broke the protocol.
    UPE = 13, "UpstreamProtocolError";
    /// Nothing was carried for too long.
    SI = 14, "StreamIdleTimeout";
    /// The stream would have lasted too long.
    UMSDR = 15, "UpstreamMaxStreamDurationReached";
    /// Reset by the client.
    DR = 16, "DownstreamRemoteReset";
}

impl ResponseFlags {
    /// None: the upstream's answer was passed on.
    pub const NONE: ResponseFlags = ResponseFlags(0);

    /// Both sets.
    #[must_use]
    pub const fn with(self, other: ResponseFlags) -> ResponseFlags {
        ResponseFlags(self.0 | other.0)
    }

    /// Adds a flag.
    pub fn set(&mut self, other: ResponseFlags) {
        self.0 |= other.0;
    }

    /// Whether all of `other` are set.
    pub const fn has(self, other: ResponseFlags) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether no flag is set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Envoy's long names, for `%RESPONSE_FLAGS_LONG%`.
    pub fn long(self) -> String {
        let names: Vec<&str> =
            Self::ALL.iter().filter(|(flag, ..)| self.has(*flag)).map(|(.., long)| *long).collect();
        if names.is_empty() { "-".to_owned() } else { names.join(",") }
    }
}

impl fmt::Display for ResponseFlags {
    /// `-`, or short names joined by commas.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("-");
        }
        let mut separator = "";
        for (flag, short, _) in Self::ALL {
            if self.has(*flag) {
                f.write_str(separator)?;
                f.write_str(short)?;
                separator = ",";
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::ResponseFlags;

    #[test]
    fn flags_print_as_envoy_prints_them() {
        assert_eq!(ResponseFlags::NONE.to_string(), "-");
        assert_eq!(ResponseFlags::UF.with(ResponseFlags::URX).to_string(), "UF,URX");
        assert_eq!(ResponseFlags::DC.long(), "DownstreamConnectionTermination");
        assert_eq!(ResponseFlags::NONE.long(), "-");
    }
}
