//! Where a cluster's endpoints come from.

use std::time::Duration;

use outrigger_proto::envoy::config::cluster::v3::cluster::{
    ClusterDiscoveryType, DiscoveryType, DnsLookupFamily, EdsClusterConfig,
};
use outrigger_proto::envoy::config::endpoint::v3::ClusterLoadAssignment;
use outrigger_proto::google::protobuf;
use outrigger_traffic::{Discovery, DnsFamily, DnsOptions, DnsTarget, EndpointSet};

use crate::at::{At, Fault};
use crate::endpoint;
use crate::values::ads;

/// Envoy's default (Cluster.dns_refresh_rate).
const DNS_REFRESH: Duration = Duration::from_secs(5);

/// The fields of a cluster about DNS.
pub(super) struct Dns {
    pub refresh: Option<protobuf::Duration>,
    pub respect_ttl: bool,
    pub family: i32,
}

pub(super) fn read(
    kind: Option<ClusterDiscoveryType>,
    name: &str,
    eds: Option<EdsClusterConfig>,
    assignment: Option<ClusterLoadAssignment>,
    dns: Dns,
    at: &At<'_>,
) -> Result<(Discovery, EndpointSet), Fault> {
    let kind = match kind {
        None => DiscoveryType::Static,
        Some(ClusterDiscoveryType::Type(kind)) => at.variant("type", kind)?,
        Some(ClusterDiscoveryType::ClusterType(_)) => {
            return Err(at.field("cluster_type").refuse("it is not supported"));
        }
    };
    let at_assignment = at.field("load_assignment");
    if kind != DiscoveryType::Eds {
        at.unset("eds_cluster_config", &eds)?;
    }
    if matches!(kind, DiscoveryType::Eds | DiscoveryType::OriginalDst) {
        at.unset("load_assignment", &assignment)?;
    }
    let none = EndpointSet::default();
    match kind {
        DiscoveryType::Static => {
            // Without an assignment there is no endpoint: a black hole.
            let (_, endpoints) = endpoint::read(assignment.unwrap_or_default(), &at_assignment)?;
            Ok((Discovery::Static, endpoints))
        }
        DiscoveryType::Eds => Ok((eds_name(at.required("eds_cluster_config", eds)?, name, at)?, none)),
        DiscoveryType::OriginalDst => Ok((Discovery::OriginalDst, none)),
        DiscoveryType::StrictDns => Ok((Discovery::StrictDns(options(assignment, dns, at)?), none)),
        DiscoveryType::LogicalDns => {
            let options = options(assignment, dns, at)?;
            if options.targets.len() != 1 {
                return Err(at_assignment.refuse("clusters of type LOGICAL_DNS have exactly one endpoint"));
            }
            Ok((Discovery::LogicalDns(options), none))
        }
    }
}

fn eds_name(config: EdsClusterConfig, cluster: &str, at: &At<'_>) -> Result<Discovery, Fault> {
    let at = at.field("eds_cluster_config");
    let EdsClusterConfig { eds_config, service_name } = config;
    ads(eds_config, &at)?;
    Ok(Discovery::Eds(if service_name.is_empty() { cluster.into() } else { service_name.into() }))
}

fn options(assignment: Option<ClusterLoadAssignment>, dns: Dns, at: &At<'_>) -> Result<DnsOptions, Fault> {
    let mut targets = Vec::new();
    let assignment = at.required("load_assignment", assignment)?;
    // Health is for endpoints that someone watches; names are resolved in any case.
    endpoint::visit(assignment, &at.field("load_assignment"), |place, at| {
        if place.host.is_empty() {
            return Err(at.refuse("it must not be empty"));
        }
        targets.push(DnsTarget {
            host: place.host.into(),
            port: place.port,
            weight: place.weight,
            priority: place.priority,
            locality: place.locality,
            workload: place.workload,
        });
        Ok(())
    })?;
    let refresh = at.duration("dns_refresh_rate", dns.refresh)?.unwrap_or(DNS_REFRESH);
    if refresh < Duration::from_millis(1) {
        return Err(at.field("dns_refresh_rate").refuse("it must be at least 1 ms"));
    }
    Ok(DnsOptions {
        targets,
        refresh,
        respect_ttl: dns.respect_ttl,
        family: match at.variant("dns_lookup_family", dns.family)? {
            DnsLookupFamily::Auto => DnsFamily::Auto,
            DnsLookupFamily::V4Only => DnsFamily::V4Only,
            DnsLookupFamily::V6Only => DnsFamily::V6Only,
            DnsLookupFamily::V4Preferred => DnsFamily::V4Preferred,
            DnsLookupFamily::All => DnsFamily::All,
        },
    })
}
