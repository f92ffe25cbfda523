//! The native proxy takes everything.

use outrigger_base::{Kind, ResourceKey};
use outrigger_traffic::ServiceRef;

use super::fixture::{Fixture, service, virtual_service, workload};
use super::goldens;
use crate::{Bundle, Compiled};

fn refused(bundle: &Bundle) -> Vec<String> {
    let mut refused = Vec::new();
    let mut note =
        |result: Result<(), outrigger_wire::Refused>| refused.extend(result.err().map(|e| e.to_string()));
    let each = |part: &std::sync::Arc<crate::Resources>,
                read: &dyn Fn(&Compiled) -> Result<(), outrigger_wire::Refused>| {
        part.values().map(|body| read(body)).collect::<Vec<_>>()
    };
    each(&bundle.listeners, &|c| outrigger_wire::listener(&c.body).map(drop)).into_iter().for_each(&mut note);
    each(&bundle.routes, &|c| outrigger_wire::route(&c.body).map(drop)).into_iter().for_each(&mut note);
    each(&bundle.clusters, &|c| outrigger_wire::cluster(&c.body).map(drop)).into_iter().for_each(&mut note);
    each(&bundle.endpoints, &|c| outrigger_wire::endpoints(&c.body).map(drop))
        .into_iter()
        .for_each(&mut note);
    refused
}

#[test]
fn the_native_proxy_refuses_nothing() {
    for folder in goldens::folders() {
        let fixture = goldens::fixture(&folder);
        for (name, proxy) in goldens::proxies() {
            assert_eq!(refused(&fixture.sent(&proxy).bundle), Vec::<String>::new(), "{folder:?} {name}");
        }
    }
}

#[test]
fn the_native_proxy_knows_where_everything_comes_from() {
    let yaml = service("web", "10.96.0.1", "http", 80)
        + &workload("a", "web", "10.0.0.1", "v1")
        + &virtual_service("r", "", "  hosts: [web]\n  http: [{route: [{destination: {host: web}}]}]");
    let bundle = Fixture::new(&yaml).sidecar().bundle;
    let name = "outbound|80||web.default.svc.cluster.local";
    let (cluster, _) = outrigger_wire::cluster(&bundle.clusters[name].body).unwrap();
    assert_eq!(cluster.origins, *bundle.clusters[name].origins);
    assert_eq!(
        cluster.services,
        [ServiceRef {
            host: "web.default.svc.cluster.local".into(),
            name: "web".into(),
            namespace: "default".into()
        }]
    );
    let (of, endpoints) = outrigger_wire::endpoints(&bundle.endpoints[name].body).unwrap();
    assert_eq!(&*of, name);
    let workload = &endpoints.endpoints()[0].workload;
    assert_eq!(workload.origin, Some(ResourceKey::new(Kind::WORKLOAD_ENTRY, "default", "a")));
    assert_eq!((&*workload.canonical_name, &*workload.canonical_revision), ("web", "v1"));
    let routes = outrigger_wire::route(&bundle.routes["80"].body).unwrap();
    let host =
        routes.virtual_hosts().iter().find(|host| &*host.name == "web.default.svc.cluster.local:80").unwrap();
    let rule = ResourceKey::new(Kind::VIRTUAL_SERVICE, "default", "r");
    assert_eq!(host.origins[0], rule);
    assert_eq!(host.routes[0].origins, [rule]);
    let outbound = outrigger_wire::listener(&bundle.listeners["virtualOutbound"].body).unwrap();
    assert!(outbound.restores_original_dst && outbound.hands_off && outbound.bind);
    assert!(!outrigger_wire::listener(&bundle.listeners["0.0.0.0_80"].body).unwrap().bind);
}
