//! The native proxy takes everything.

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
