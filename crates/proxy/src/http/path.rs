//! Paths as they are routed. The decision is `traffic`'s, so that `explain` makes the same one.

use outrigger_traffic::HttpManager;
pub use outrigger_traffic::Normalized;

/// Normalizes a path, as far as the manager says; the query stays as it is.
pub fn normalize(manager: &HttpManager, path_and_query: &[u8]) -> Normalized {
    manager.normalized_path(path_and_query)
}
