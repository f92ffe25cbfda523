//! Where a request goes: what the caller's resolver makes of the host.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use outrigger_base::{Host, ResourceKey};
use outrigger_mesh::Service;

use crate::explanation::{Rejected, Stage, Step};
use crate::origin::Vantage;
use crate::scene::Scene;

/// Addresses outside of every mesh (RFC 5737 and RFC 3849, for documentation), for names that the
/// world's DNS may know.
const ELSEWHERE_V4: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1));
const ELSEWHERE_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 1));

/// What a host stands for.
pub(crate) enum Destination {
    /// These addresses, of which callers take any.
    Addresses(Vec<IpAddr>),
    /// Somewhere outside; the address only stands for it.
    Elsewhere(IpAddr),
    /// A service of the mesh that has no address now.
    Nowhere,
    /// A name of the mesh that nobody has. Resolving it fails; the address stands for the one that a
    /// caller would have to know by itself.
    Unknown(IpAddr),
}

pub(crate) fn resolve(scene: &Scene<'_>, vantage: &Vantage, host: &str) -> (Destination, Step) {
    if let Ok(ip) = host.parse::<IpAddr>() {
        let step = Step::new(Stage::Name, Some(ip.to_string()), "it is an address");
        return (Destination::Addresses(vec![ip]), step);
    }
    if host.eq_ignore_ascii_case("localhost") {
        let ip = if vantage.ip().is_ipv6() { Ipv6Addr::LOCALHOST.into() } else { Ipv4Addr::LOCALHOST.into() };
        let step = Step::new(Stage::Name, Some(format!("{ip}")), "it is the caller's own host");
        return (Destination::Addresses(vec![ip]), step);
    }
    let mut rejected = Vec::new();
    for candidate in search(scene, vantage, host) {
        if let Some(addresses) = scene.names.get(&candidate) {
            let mut step = found(scene, vantage, &candidate, addresses).instead_of(rejected);
            if candidate.as_str() != host.to_ascii_lowercase() {
                step.why = format!("{host} means {candidate}; {}", step.why);
            }
            return (Destination::Addresses(usable(vantage, addresses)), step);
        }
        let service = scene.mesh.service(&candidate, &vantage.proxy.namespace);
        if let Some(service) = service.filter(|service| service.external_name.is_some()) {
            let why = format!("{candidate} stands for a host that the mesh has no address for");
            let elsewhere = elsewhere(vantage);
            let step = Step::new(Stage::Name, Some(elsewhere.to_string()), why).by(&service.origins);
            return (Destination::Elsewhere(elsewhere), step.instead_of(rejected));
        }
        if let Some(service) = service.filter(|service| service.headless) {
            let why =
                format!("{candidate} is headless and has no ready endpoint, so its name has no address");
            let step = Step::new(Stage::Name, None, why).by(&service.origins).instead_of(rejected);
            return (Destination::Nowhere, step);
        }
        let why = "the mesh has no such name".to_string();
        rejected.push(Rejected { candidate: candidate.to_string(), why });
    }
    let inside = !host.trim_end_matches('.').contains('.')
        || host.trim_end_matches('.').ends_with(&format!(".{}", scene.domain()));
    if inside && let Some(rule) = named_by_rule(scene, vantage, host) {
        let elsewhere = elsewhere(vantage);
        let why = format!(
            "no service has the name, though {rule} speaks about it; resolving it fails unless callers know an \
             address themselves, for which {elsewhere} stands"
        );
        let step = Step::new(Stage::Name, Some(elsewhere.to_string()), why).by(&[rule]).instead_of(rejected);
        return (Destination::Elsewhere(elsewhere), step);
    }
    if inside {
        let elsewhere = elsewhere(vantage);
        let why = format!(
            "{host} is a name of the mesh that nobody has; resolving it fails unless callers know an address \
             themselves, for which {elsewhere} stands"
        );
        let step = Step::new(Stage::Name, Some(elsewhere.to_string()), why).instead_of(rejected);
        return (Destination::Unknown(elsewhere), step);
    }
    let elsewhere = elsewhere(vantage);
    let why = format!(
        "the mesh has no address for {host}; the world's DNS is taken to know one, and {elsewhere} stands for it"
    );
    let step = Step::new(Stage::Name, Some(elsewhere.to_string()), why).instead_of(rejected);
    (Destination::Elsewhere(elsewhere), step)
}

/// The VirtualService for sidecars that decides about a name which no service has.
fn named_by_rule(scene: &Scene<'_>, vantage: &Vantage, host: &str) -> Option<ResourceKey> {
    let names = search(scene, vantage, host);
    let rules = scene.mesh.virtual_services.iter();
    rules
        .filter(|rule| rule.gateways.iter().any(|gateway| &**gateway == "mesh"))
        .filter(|rule| rule.visibility.includes(&rule.key.namespace, &vantage.proxy.namespace))
        .find(|rule| rule.hosts.iter().any(|host| names.contains(host)))
        .map(|rule| rule.key.clone())
}

/// Callers use addresses of their own families.
fn usable(vantage: &Vantage, addresses: &[IpAddr]) -> Vec<IpAddr> {
    let families: Vec<bool> = match &vantage.proxy.ips[..] {
        [] => vec![true],
        ips => ips.iter().map(IpAddr::is_ipv4).collect(),
    };
    let own: Vec<IpAddr> = addresses.iter().copied().filter(|ip| families.contains(&ip.is_ipv4())).collect();
    if own.is_empty() { addresses.to_vec() } else { own }
}

fn elsewhere(vantage: &Vantage) -> IpAddr {
    if vantage.ip().is_ipv6() { ELSEWHERE_V6 } else { ELSEWHERE_V4 }
}

/// The names that a resolver tries, as in a pod: below the namespace, `svc` and the domain, then as it
/// stands. A trailing dot says that it stands for itself.
pub(crate) fn search(scene: &Scene<'_>, vantage: &Vantage, host: &str) -> Vec<Host> {
    let domain = scene.domain();
    let mut names = Vec::new();
    if !host.ends_with('.') {
        names.push(format!("{host}.{}.svc.{domain}", vantage.proxy.namespace));
        names.push(format!("{host}.svc.{domain}"));
        names.push(format!("{host}.{domain}"));
    }
    names.push(host.to_string());
    names.iter().filter_map(|name| Host::parse(name).ok()).filter(|name| !name.is_wildcard()).collect()
}

fn found(scene: &Scene<'_>, vantage: &Vantage, host: &Host, addresses: &[IpAddr]) -> Step {
    let list = addresses.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(", ");
    let service = scene.mesh.service(host, &vantage.proxy.namespace);
    let service = service.or_else(|| scene.mesh.services.of_host(host).first());
    let why = match service {
        Some(service) if service.headless => {
            "the service is headless: its name means its endpoints".to_string()
        }
        Some(service) if is_allotted(service) => "the mesh allotted it a virtual address".to_string(),
        Some(service) if service.external_name.is_some() => "it stands for another host".to_string(),
        Some(_) => "it is the address of the service".to_string(),
        None => "it is an endpoint of a headless service".to_string(),
    };
    let origins: &[ResourceKey] = service.map_or(&[], |service| &service.origins);
    Step::new(Stage::Name, Some(list), why).by(origins)
}

fn is_allotted(service: &Service) -> bool {
    service.addresses.iter().any(|address| address.allotted)
}
