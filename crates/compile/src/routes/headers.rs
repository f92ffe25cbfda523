//! Changes of headers.

use outrigger_api::{HeaderOperations, Headers};
use outrigger_proto::envoy::config::core::v3::{
    HeaderValue, HeaderValueOption, header_value_option::HeaderAppendAction,
};

/// Changes as Envoy has them, in the order of names.
#[derive(Debug, Default)]
pub(super) struct Mutations {
    pub(super) add_to_request: Vec<HeaderValueOption>,
    pub(super) remove_from_request: Vec<String>,
    pub(super) add_to_response: Vec<HeaderValueOption>,
    pub(super) remove_from_response: Vec<String>,
    /// The host is no header that Envoy lets itself be told to change; it has a rewrite of its own.
    pub(super) authority: Option<String>,
}

impl Mutations {
    pub(super) fn of(headers: Option<&Headers>) -> Mutations {
        let Some(Headers { request, response }) = headers else { return Mutations::default() };
        let mut mutations = Mutations::default();
        if let Some(request) = request {
            let mut hosts = request.set.iter().chain(&request.add).filter(|(name, _)| is_authority(name));
            mutations.authority = hosts.next().map(|(_, value)| value.clone());
            mutations.add_to_request = added(request);
            mutations.remove_from_request = removed(request);
        }
        if let Some(response) = response {
            mutations.add_to_response = added(response);
            mutations.remove_from_response = removed(response);
        }
        mutations
    }

    /// Adds changes that are done after these. A host that is set already stays
    /// (istio: core/route/route.go `processDestination`).
    pub(super) fn then(&mut self, later: Mutations) {
        self.add_to_request.extend(later.add_to_request);
        self.remove_from_request.extend(later.remove_from_request);
        self.add_to_response.extend(later.add_to_response);
        self.remove_from_response.extend(later.remove_from_response);
        self.authority = self.authority.take().or(later.authority);
    }
}

fn is_authority(name: &str) -> bool {
    name.eq_ignore_ascii_case("host") || name.eq_ignore_ascii_case(":authority")
}

/// Names that Envoy does not let itself be told to change would make it refuse every route.
fn is_allowed(name: &str) -> bool {
    !name.is_empty() && !name.starts_with(':') && !is_authority(name)
}

fn added(operations: &HeaderOperations) -> Vec<HeaderValueOption> {
    let HeaderOperations { set, add, remove: _ } = operations;
    let option = |(name, value): (&String, &String), action: HeaderAppendAction| HeaderValueOption {
        header: Some(HeaderValue { key: name.clone(), value: value.clone(), ..Default::default() }),
        append_action: action.into(),
        ..Default::default()
    };
    let set = set.iter().filter(|(name, _)| is_allowed(name));
    let add = add.iter().filter(|(name, _)| is_allowed(name));
    set.map(|entry| option(entry, HeaderAppendAction::OverwriteIfExistsOrAdd))
        .chain(add.map(|entry| option(entry, HeaderAppendAction::AppendIfExistsOrAdd)))
        .collect()
}

fn removed(operations: &HeaderOperations) -> Vec<String> {
    operations.remove.iter().filter(|name| is_allowed(name)).cloned().collect()
}
