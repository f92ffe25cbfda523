//! Response flags: why the proxy itself answered or closed, in Envoy's words. The one place that
//! spells them; access log, metrics and `explain` read it.

use std::fmt;

macro_rules! flags {
    ($($(#[$doc:meta])* $name:ident = $short:literal, $long:literal;)*) => {
        /// Why the proxy itself answered or closed. In Envoy's order, in which logs list them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ResponseFlag {
            $($(#[$doc])* $name,)*
        }

        impl ResponseFlag {
            /// All, in order.
            pub const ALL: &'static [ResponseFlag] = &[$(ResponseFlag::$name,)*];

            /// The name in logs and metrics, e.g. `UH`.
            pub const fn short(self) -> &'static str {
                match self { $(ResponseFlag::$name => $short,)* }
            }

            /// The name in long, e.g. `NoHealthyUpstream`.
            pub const fn long(self) -> &'static str {
                match self { $(ResponseFlag::$name => $long,)* }
            }
        }
    };
}

flags! {
    /// No healthy endpoint in the cluster; 503.
    NoHealthyUpstream = "UH", "NoHealthyUpstream";
    /// The upstream took longer than allowed; 504.
    UpstreamRequestTimeout = "UT", "UpstreamRequestTimeout";
    /// The proxy reset the stream; 503.
    LocalReset = "LR", "LocalReset";
    /// The upstream reset the stream; 503.
    UpstreamRemoteReset = "UR", "UpstreamRemoteReset";
    /// No connection to the upstream; 503.
    UpstreamConnectionFailure = "UF", "UpstreamConnectionFailure";
    /// The upstream's connection ended; 503.
    UpstreamConnectionTermination = "UC", "UpstreamConnectionTermination";
    /// A limit of the cluster is reached; 503.
    UpstreamOverflow = "UO", "UpstreamOverflow";
    /// No route, virtual host or filter chain; 404 for requests.
    NoRouteFound = "NR", "NoRouteFound";
    /// A fault was injected: delay.
    DelayInjected = "DI", "DelayInjected";
    /// A fault was injected: abort.
    FaultInjected = "FI", "FaultInjected";
    /// Refused by a rate limit; 429.
    RateLimited = "RL", "RateLimited";
    /// Refused by an external authorizer.
    UnauthorizedExternalService = "UAEX", "UnauthorizedExternalService";
    /// The rate limit service failed.
    RateLimitServiceError = "RLSE", "RateLimitServiceError";
    /// The client went away.
    DownstreamConnectionTermination = "DC", "DownstreamConnectionTermination";
    /// No retry or connection attempt is left.
    UpstreamRetryLimitExceeded = "URX", "UpstreamRetryLimitExceeded";
    /// The stream carried nothing for too long; 408 or 504.
    StreamIdleTimeout = "SI", "StreamIdleTimeout";
    /// A header had an invalid value; 400.
    InvalidEnvoyRequestHeaders = "IH", "InvalidEnvoyRequestHeaders";
    /// The client broke the protocol; 400.
    DownstreamProtocolError = "DPE", "DownstreamProtocolError";
    /// The stream lived too long.
    UpstreamMaxStreamDurationReached = "UMSDR", "UpstreamMaxStreamDurationReached";
    /// No filter configuration was there in time.
    NoFilterConfigFound = "NFCF", "NoFilterConfigFound";
    /// The connection lived too long.
    DurationTimeout = "DT", "DurationTimeout";
    /// The upstream broke the protocol; 502.
    UpstreamProtocolError = "UPE", "UpstreamProtocolError";
    /// The route's cluster does not exist; 503.
    NoClusterFound = "NC", "NoClusterFound";
    /// The proxy is overloaded.
    OverloadManagerTerminated = "OM", "OverloadManagerTerminated";
    /// The upstream's name could not be resolved.
    DnsResolutionFailed = "DF", "DnsResolutionFailed";
    /// The client's stream was reset by it.
    DownstreamRemoteReset = "DR", "DownstreamRemoteReset";
}

impl fmt::Display for ResponseFlag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.short())
    }
}

/// A set of flags; shown as logs do: `UF,URX`, or `-` if empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ResponseFlags(u32);

impl ResponseFlags {
    /// None.
    pub const NONE: ResponseFlags = ResponseFlags(0);

    /// Adds one.
    pub fn set(&mut self, flag: ResponseFlag) {
        self.0 |= 1 << flag as u32;
    }

    /// Whether it is in.
    pub fn has(self, flag: ResponseFlag) -> bool {
        self.0 & (1 << flag as u32) != 0
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those that are in, in order.
    pub fn iter(self) -> impl Iterator<Item = ResponseFlag> {
        ResponseFlag::ALL.iter().copied().filter(move |flag| self.has(*flag))
    }

    /// As logs write it, without a copy unless there are several.
    pub fn text(self) -> std::borrow::Cow<'static, str> {
        let mut flags = self.iter();
        match (flags.next(), flags.next()) {
            (None, _) => "-".into(),
            (Some(one), None) => one.short().into(),
            _ => self.to_string().into(),
        }
    }
}

impl From<ResponseFlag> for ResponseFlags {
    fn from(flag: ResponseFlag) -> Self {
        ResponseFlags(1 << flag as u32)
    }
}

impl fmt::Display for ResponseFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("-");
        }
        for (n, flag) in self.iter().enumerate() {
            if n > 0 {
                f.write_str(",")?;
            }
            f.write_str(flag.short())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_logged_in_order_and_none_is_a_dash() {
        let mut flags = ResponseFlags::NONE;
        assert_eq!(flags.text(), "-");
        flags.set(ResponseFlag::UpstreamRetryLimitExceeded);
        flags.set(ResponseFlag::UpstreamConnectionFailure);
        assert_eq!(flags.text(), "UF,URX");
        assert!(ResponseFlag::ALL.len() <= 32);
    }
}
