//! What a ServiceEntry says, host by host.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use outrigger_api::{EntryResolution, Location, Object, ServiceEntry, ServiceEntryPort};
use outrigger_base::{AppProtocol, Code, Diagnostic, Host, Kind, ResourceKey, Selector};

use super::{Allot, Claim, Claims, Context};
use crate::binding::{Binding, Reach, TargetPort};
use crate::order::Precedence;
use crate::place::EndpointAddress;
use crate::service::{Registry, Resolution, Service, ServicePort, VirtualAddress, Visibility};
use crate::workload::{Workload, of_host, of_inline};

/// The claims of a ServiceEntry, one for each of its hosts. They differ in the host alone, and in what
/// follows from it.
pub(crate) fn claims_of_entry(object: &Object<ServiceEntry>, context: &mut Context<'_>) -> Claims {
    let (meta, spec) = (&object.meta, &object.spec);
    let mut reader = Reader::new(object);
    let resolution = resolution(spec.resolution);
    let hosts = reader.hosts();
    let selector = reader.selector(resolution);
    let listed = reader.listed(resolution, context);
    let ports = reader.ports();
    let addresses = reader.addresses(resolution);
    let default = &context.config.default_service_export_to;
    let visibility = Visibility::parse(&spec.export_to, default, &meta.namespace);
    let mut claims = Vec::new();
    for host in hosts {
        let inline = reader.itself(&host, resolution, context).unwrap_or_else(|| listed.clone());
        let service = Service {
            name: host.shared(),
            host,
            namespace: meta.namespace.clone(),
            registry: Registry::ServiceEntry,
            created: meta.creation_timestamp,
            ports: ports.clone(),
            resolution,
            mesh_external: spec.location != Some(Location::MeshInternal),
            addresses: addresses.clone(),
            headless: false,
            external_name: None,
            selector: selector.clone(),
            visibility: visibility.clone(),
            labels: meta.labels.clone(),
            subject_alt_names: spec.subject_alt_names.clone(),
            origins: vec![reader.key.clone()],
            bindings: vec![binding(&reader.key, selector.clone(), resolution, &ports)],
        };
        claims.push(Claim { precedence: Precedence::of(meta), allot: allot(&service), service, inline });
    }
    Claims { claims, findings: reader.findings }
}

/// An address stands for one name whose endpoints are known. Where the caller's own destination is
/// the endpoint, an address of ours would lead nowhere.
fn allot(service: &Service) -> Allot {
    let one_name = !service.host.is_wildcard() && service.host.as_str().parse::<IpAddr>().is_err();
    if one_name && has_endpoints(service.resolution) && service.addresses.is_empty() {
        Allot::BOTH
    } else {
        Allot::NOTHING
    }
}

fn resolution(written: Option<EntryResolution>) -> Resolution {
    match written {
        None | Some(EntryResolution::None) => Resolution::None,
        Some(EntryResolution::Static) => Resolution::Static,
        Some(EntryResolution::Dns) => Resolution::Dns,
        Some(EntryResolution::DnsRoundRobin) => Resolution::DnsRoundRobin,
        Some(EntryResolution::DynamicDns) => Resolution::DynamicDns,
    }
}

/// Whether endpoints of this resolution are known here at all.
fn has_endpoints(resolution: Resolution) -> bool {
    !matches!(resolution, Resolution::None | Resolution::DynamicDns)
}

fn binding(
    origin: &ResourceKey,
    selector: Option<Selector>,
    resolution: Resolution,
    ports: &[ServicePort],
) -> Binding {
    Binding {
        origin: origin.clone(),
        selector,
        // (istio: serviceentry/conversion.go, `DNSServiceEntryOnly`.)
        reach: Reach { pods: true, entries: true, named_entries: resolution.resolves_names() },
        ports: ports.iter().map(ServicePort::bound).collect(),
        publish_not_ready: false,
        families: Vec::new(),
    }
}

/// Reads the parts of one entry and notes what is wrong with them.
struct Reader<'a> {
    object: &'a Object<ServiceEntry>,
    key: ResourceKey,
    findings: Vec<Diagnostic>,
}

impl<'a> Reader<'a> {
    fn new(object: &'a Object<ServiceEntry>) -> Reader<'a> {
        let meta = &object.meta;
        let key = ResourceKey::new(Kind::SERVICE_ENTRY, meta.namespace.clone(), meta.name.clone());
        Reader { object, key, findings: Vec::new() }
    }

    fn note(&mut self, finding: Diagnostic, field: impl Into<String>) {
        self.findings.push(finding.with_object(self.key.clone()).with_field(field));
    }

    fn complain(&mut self, field: impl Into<String>, message: String) {
        self.note(Diagnostic::error(Code::INVALID, message), field);
    }

    fn unreachable(&mut self, field: &str, message: &str, advice: &str) {
        self.note(Diagnostic::warning(Code::UNREACHABLE, message).with_advice(advice), field);
    }

    fn hosts(&mut self) -> Vec<Host> {
        let mut hosts = Vec::new();
        for (n, name) in self.object.spec.hosts.iter().enumerate() {
            match Host::parse(name) {
                Ok(host) if !hosts.contains(&host) => hosts.push(host),
                Ok(host) => {
                    let finding = Diagnostic::warning(Code::CONFLICT, format!("'{host}' is written twice"));
                    self.note(finding, format!("spec.hosts[{n}]"));
                }
                Err(error) => {
                    self.complain(format!("spec.hosts[{n}]"), format!("'{name}' is no host: {error}"))
                }
            }
        }
        hosts
    }

    fn selector(&mut self, resolution: Resolution) -> Option<Selector> {
        let selector = self.object.spec.workload_selector.as_ref()?;
        if has_endpoints(resolution) {
            return Some(selector.labels.clone());
        }
        let word = if resolution == Resolution::None { "NONE" } else { "DYNAMIC_DNS" };
        self.unreachable(
            "spec.workloadSelector",
            &format!(
                "with resolution {word} callers choose the endpoint, so selecting workloads has no effect"
            ),
            "use resolution STATIC",
        );
        None
    }

    fn listed(&mut self, resolution: Resolution, context: &mut Context<'_>) -> Arc<[Arc<Workload>]> {
        let object = self.object;
        let endpoints = &object.spec.endpoints;
        if endpoints.is_empty() {
            return Arc::default();
        }
        if object.spec.workload_selector.is_some() {
            self.unreachable(
                "spec.endpoints",
                "endpoints are ignored beside a workloadSelector",
                "keep one of the two",
            );
            return Arc::default();
        }
        if !has_endpoints(resolution) {
            self.unreachable(
                "spec.endpoints",
                "endpoints are ignored: with this resolution callers choose the endpoint",
                "use resolution STATIC or DNS",
            );
            return Arc::default();
        }
        let mut listed = Vec::new();
        for (n, endpoint) in endpoints.iter().enumerate() {
            let workload =
                of_inline(self.key.clone(), &object.meta, endpoint, context.surroundings, context.pools);
            let field = format!("spec.endpoints[{n}].address");
            match &workload.address {
                Some(EndpointAddress::Name(name)) if !resolution.resolves_names() => self.complain(
                    field,
                    format!("'{name}' is a name, which only the resolutions DNS and DNS_ROUND_ROBIN resolve"),
                ),
                Some(EndpointAddress::Unix(_)) if resolution.resolves_names() => {
                    self.complain(field, "a Unix socket needs resolution STATIC".into());
                }
                _ => listed.push(Arc::new(workload)),
            }
        }
        listed.into()
    }

    /// The host as its own endpoint, if names are resolved and no others are named.
    fn itself(
        &mut self,
        host: &Host,
        resolution: Resolution,
        context: &Context<'_>,
    ) -> Option<Arc<[Arc<Workload>]>> {
        let spec = &self.object.spec;
        let named_others = !spec.endpoints.is_empty() || spec.workload_selector.is_some();
        if named_others || !resolution.resolves_names() {
            return None;
        }
        if host.is_wildcard() {
            self.complain("spec.hosts", format!("there is no one name to resolve behind '{host}'"));
            return None;
        }
        Some(Arc::from([Arc::new(of_host(self.key.clone(), host, context.surroundings))]))
    }

    fn ports(&mut self) -> Vec<ServicePort> {
        let mut ports: Vec<ServicePort> = Vec::new();
        for (n, port) in self.object.spec.ports.iter().enumerate().filter(|(_, port)| port.number > 0) {
            if ports.iter().any(|known| known.number == port.number) {
                let message = format!("port {} is written twice; the first counts", port.number);
                self.note(Diagnostic::warning(Code::CONFLICT, message), format!("spec.ports[{n}].number"));
            } else {
                ports.push(service_port(port));
            }
        }
        ports
    }

    fn addresses(&mut self, resolution: Resolution) -> Vec<VirtualAddress> {
        let mut addresses = Vec::new();
        for (n, text) in self.object.spec.addresses.iter().enumerate() {
            let field = format!("spec.addresses[{n}]");
            match parse_address(text) {
                None => self.complain(field, format!("'{text}' is neither an address nor a range")),
                Some(address)
                    if !address.is_single()
                        && !matches!(resolution, Resolution::None | Resolution::Static) =>
                {
                    self.complain(field, "a range needs resolution NONE or STATIC".into());
                }
                Some(address) if addresses.contains(&address) => {}
                Some(address) => addresses.push(address),
            }
        }
        addresses
    }
}

/// The protocol comes from the field for it alone; the port's name says nothing.
fn service_port(port: &ServiceEntryPort) -> ServicePort {
    ServicePort {
        number: port.number,
        name: port.name.clone(),
        protocol: AppProtocol::parse(port.protocol.as_deref().unwrap_or("")),
        target: TargetPort::Number(port.target_port.filter(|port| *port > 0).unwrap_or(port.number)),
    }
}

/// An address or a range; bits behind the prefix are cleared.
fn parse_address(text: &str) -> Option<VirtualAddress> {
    let Some((address, prefix)) = text.split_once('/') else {
        return Some(VirtualAddress::single(text.parse().ok()?, false));
    };
    let (address, prefix): (IpAddr, u8) = (address.parse().ok()?, prefix.parse().ok()?);
    let address = match address {
        IpAddr::V4(v4) => {
            let unused = 32u32.checked_sub(prefix.into())?;
            let mask = u32::MAX.checked_shl(unused).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from(u32::from(v4) & mask))
        }
        IpAddr::V6(v6) => {
            let unused = 128u32.checked_sub(prefix.into())?;
            let mask = u128::MAX.checked_shl(unused).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from(u128::from(v6) & mask))
        }
    };
    Some(VirtualAddress { address, prefix, allotted: false })
}
