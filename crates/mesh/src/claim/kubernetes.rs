//! What a Service says.

use std::net::IpAddr;
use std::sync::Arc;

use outrigger_api::{IntOrString, Object, ServicePort as ApiPort, ServiceSpec, ServiceType};
use outrigger_base::{AppProtocol, Code, Diagnostic, Host, Kind, ResourceKey};

use super::{Allot, Claim, Claims, Context};
use crate::binding::{Binding, Family, Reach, TargetPort};
use crate::order::Precedence;
use crate::service::{Registry, Resolution, Service, ServicePort, VirtualAddress, Visibility};
use crate::workload::of_host;

/// Visibility of a Service, in the words of `exportTo`, separated by commas.
const EXPORT_TO: &str = "networking.istio.io/exportTo";

/// The claim of a Service on `name.namespace.svc.domain`.
pub(crate) fn claim_of_service(object: &Object<ServiceSpec>, context: &mut Context<'_>) -> Claims {
    let (meta, spec) = (&object.meta, &object.spec);
    let origin = ResourceKey::new(Kind::SERVICE, meta.namespace.clone(), meta.name.clone());
    let mut findings = Vec::new();
    let mut complain = |field: &str, message: String| {
        let finding = Diagnostic::error(Code::INVALID, message);
        findings.push(finding.with_object(origin.clone()).with_field(field));
    };
    let name = format!("{}.{}.svc.{}", meta.name, meta.namespace, context.config.domain);
    let host = match Host::parse(&name) {
        Ok(host) => host,
        Err(error) => {
            complain("metadata.name", format!("'{name}' cannot be a host: {error}"));
            return Claims { claims: Vec::new(), findings };
        }
    };
    let form = Form::of(spec);
    let addresses = if form == Form::Virtual { addresses(spec, &mut complain) } else { Vec::new() };
    let external_name = if form == Form::External { external_name(spec, &mut complain) } else { None };
    let binding = binding(&origin, spec, form, &ports(&spec.ports));
    let inline = external_name
        .iter()
        .map(|target| Arc::new(of_host(origin.clone(), target, context.surroundings)))
        .collect();
    let service = Service {
        host,
        namespace: meta.namespace.clone(),
        registry: Registry::Kubernetes,
        name: meta.name.clone(),
        created: meta.creation_timestamp,
        ports: ports(&spec.ports),
        resolution: form.resolution(),
        mesh_external: false,
        addresses,
        headless: form == Form::Headless,
        external_name,
        selector: binding.selector.clone(),
        visibility: visibility(object, context),
        labels: meta.labels.clone(),
        subject_alt_names: Vec::new(),
        origins: vec![origin.clone()],
        bindings: vec![binding],
    };
    let allot =
        if form == Form::Virtual && service.addresses.is_empty() { allot(spec) } else { Allot::NOTHING };
    Claims { claims: vec![Claim { precedence: Precedence::of(meta), service, allot, inline }], findings }
}

/// The three things that go by the name of Service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// One at an address of its own.
    Virtual,
    /// Only a name for its pods.
    Headless,
    /// Another name for a host.
    External,
}

impl Form {
    fn of(spec: &ServiceSpec) -> Form {
        let mut written = spec.cluster_ip.iter().chain(&spec.cluster_ips);
        if spec.service_type == Some(ServiceType::ExternalName) {
            Form::External
        } else if written.any(|ip| ip.eq_ignore_ascii_case("none")) {
            Form::Headless
        } else {
            Form::Virtual
        }
    }

    fn resolution(self) -> Resolution {
        match self {
            Form::Virtual => Resolution::Static,
            Form::Headless => Resolution::None,
            Form::External => Resolution::Dns,
        }
    }
}

fn allot(spec: &ServiceSpec) -> Allot {
    let families = families(spec);
    let wants = |family| families.is_empty() || families.contains(&family);
    Allot { v4: wants(Family::V4), v6: wants(Family::V6) }
}

fn binding(origin: &ResourceKey, spec: &ServiceSpec, form: Form, ports: &[ServicePort]) -> Binding {
    let selects = form != Form::External && !spec.selector.is_empty();
    Binding {
        origin: origin.clone(),
        selector: selects.then(|| spec.selector.clone()),
        reach: Reach {
            pods: form != Form::External,
            // A WorkloadEntry answers for a Service only at a virtual address
            // (istio: kube/controller/controller.go, "ClientSideLB").
            entries: form == Form::Virtual,
            named_entries: false,
        },
        ports: ports.iter().map(ServicePort::bound).collect(),
        publish_not_ready: spec.publish_not_ready_addresses.unwrap_or(false),
        families: families(spec),
    }
}

fn external_name(spec: &ServiceSpec, complain: &mut impl FnMut(&str, String)) -> Option<Host> {
    let written = spec.external_name.as_deref().unwrap_or("");
    match Host::parse(written) {
        Ok(host) if !host.is_wildcard() => Some(host),
        Ok(_) => {
            complain("spec.externalName", format!("'{written}' stands for many hosts"));
            None
        }
        Err(error) => {
            complain("spec.externalName", format!("'{written}' is no host: {error}"));
            None
        }
    }
}

fn addresses(spec: &ServiceSpec, complain: &mut impl FnMut(&str, String)) -> Vec<VirtualAddress> {
    let first = spec.cluster_ip.iter().map(|ip| (ip, "spec.clusterIP".to_string()));
    let rest = spec.cluster_ips.iter().enumerate().map(|(n, ip)| (ip, format!("spec.clusterIPs[{n}]")));
    let mut addresses: Vec<VirtualAddress> = Vec::new();
    for (text, field) in first.chain(rest).filter(|(text, _)| !text.is_empty()) {
        let Ok(address) = text.parse::<IpAddr>() else {
            complain(&field, format!("'{text}' is no address"));
            continue;
        };
        let address = VirtualAddress::single(address, false);
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    addresses
}

fn families(spec: &ServiceSpec) -> Vec<Family> {
    let read = |name: &Arc<str>| match &**name {
        "IPv4" => Some(Family::V4),
        "IPv6" => Some(Family::V6),
        _ => None,
    };
    spec.ip_families.iter().filter_map(read).collect()
}

/// A number may be used once per transport; the mesh carries TCP only, so that one stays.
fn ports(written: &[ApiPort]) -> Vec<ServicePort> {
    let mut ports: Vec<ServicePort> = Vec::new();
    for port in written.iter().filter(|port| port.port > 0) {
        let name = port.name.clone().unwrap_or_default();
        let transport = port.protocol.as_deref().unwrap_or("TCP");
        let protocol =
            AppProtocol::of_service_port(transport, port.app_protocol.as_deref(), &name, port.port);
        let target = match &port.target_port {
            None | Some(IntOrString::Int(0)) => TargetPort::Number(port.port),
            Some(IntOrString::Int(number)) => TargetPort::Number(*number),
            Some(IntOrString::String(name)) => TargetPort::Name(name.clone()),
        };
        let port = ServicePort { number: port.port, name, protocol, target };
        match ports.iter_mut().find(|known| known.number == port.number) {
            None => ports.push(port),
            Some(known) if known.protocol == AppProtocol::Udp => *known = port,
            Some(_) => {}
        }
    }
    ports
}

fn visibility(object: &Object<ServiceSpec>, context: &Context<'_>) -> Visibility {
    let written = object.meta.annotations.get(EXPORT_TO).map_or("", |list| list);
    let list: Vec<Arc<str>> =
        written.split(',').map(str::trim).filter(|w| !w.is_empty()).map(Arc::from).collect();
    Visibility::parse(&list, &context.config.default_service_export_to, &object.meta.namespace)
}
