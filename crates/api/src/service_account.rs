//! ServiceAccount (v1). It has no `spec`: its fields stand at the top of the object.

use crate::schema::message;

message! {
    /// What a ServiceAccount holds.
    pub struct ServiceAccountSpec {
        unread {
            secrets,
            image_pull_secrets,
            automount_service_account_token,
        }
    }
}
