//! The two response messages of `envoy.service.discovery.v3`, reduced to what is used, with bodies as
//! shared bytes: the generated types would copy each body for each client.
//!
//! [`Response`] is only ever written, by hand; [`DeltaResponse`] is only ever read, by prost.
//! A test holds both against the generated types.

use std::sync::Arc;

use bytes::{BufMut, Bytes};
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint, key_len};

use crate::resource::Resource;

/// Which form of the protocol a stream speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Sotw,
    Delta,
}

/// `DiscoveryResponse` or `DeltaDiscoveryResponse`.
#[derive(Debug, Clone)]
pub(crate) struct Response {
    pub form: Form,
    pub type_url: Arc<str>,
    pub version: u64,
    pub nonce: u64,
    pub resources: Arc<[Arc<Resource>]>,
    pub removed: Arc<[Arc<str>]>,
}

/// Field numbers of both messages; they agree where both have the field.
mod field {
    pub const VERSION: u32 = 1;
    pub const RESOURCES: u32 = 2;
    pub const TYPE_URL: u32 = 4;
    pub const NONCE: u32 = 5;
    pub const REMOVED: u32 = 6;

    pub const RESOURCE_VERSION: u32 = 1;
    pub const RESOURCE_BODY: u32 = 2;
    pub const RESOURCE_NAME: u32 = 3;

    pub const ANY_TYPE_URL: u32 = 1;
    pub const ANY_VALUE: u32 = 2;
}

impl Response {
    pub fn encoded_len(&self) -> usize {
        let resources: usize =
            self.resources.iter().map(|r| block_len(field::RESOURCES, self.resource_len(r))).sum();
        let removed: usize = self.removed.iter().map(|name| block_len(field::REMOVED, name.len())).sum();
        block_len(field::VERSION, decimal_len(self.version))
            + block_len(field::TYPE_URL, self.type_url.len())
            + block_len(field::NONCE, decimal_len(self.nonce))
            + resources
            + removed
    }

    pub fn encode(&self, buffer: &mut impl BufMut) {
        put_block(field::VERSION, self.version.to_string().as_bytes(), buffer);
        for resource in self.resources.iter() {
            open_block(field::RESOURCES, self.resource_len(resource), buffer);
            match self.form {
                Form::Sotw => self.put_any(resource, buffer),
                Form::Delta => {
                    put_block(field::RESOURCE_VERSION, resource.version.as_bytes(), buffer);
                    open_block(field::RESOURCE_BODY, self.any_len(resource), buffer);
                    self.put_any(resource, buffer);
                    put_block(field::RESOURCE_NAME, resource.name.as_bytes(), buffer);
                }
            }
        }
        put_block(field::TYPE_URL, self.type_url.as_bytes(), buffer);
        put_block(field::NONCE, self.nonce.to_string().as_bytes(), buffer);
        for name in self.removed.iter() {
            put_block(field::REMOVED, name.as_bytes(), buffer);
        }
    }

    fn resource_len(&self, resource: &Resource) -> usize {
        match self.form {
            Form::Sotw => self.any_len(resource),
            Form::Delta => {
                block_len(field::RESOURCE_VERSION, resource.version.len())
                    + block_len(field::RESOURCE_BODY, self.any_len(resource))
                    + block_len(field::RESOURCE_NAME, resource.name.len())
            }
        }
    }

    fn any_len(&self, resource: &Resource) -> usize {
        block_len(field::ANY_TYPE_URL, self.type_url.len()) + block_len(field::ANY_VALUE, resource.body.len())
    }

    fn put_any(&self, resource: &Resource, buffer: &mut impl BufMut) {
        put_block(field::ANY_TYPE_URL, self.type_url.as_bytes(), buffer);
        put_block(field::ANY_VALUE, &resource.body, buffer);
    }
}

/// The length of a length-delimited field with this many bytes inside.
fn block_len(tag: u32, inside: usize) -> usize {
    key_len(tag) + encoded_len_varint(inside as u64) + inside
}

fn open_block(tag: u32, inside: usize, buffer: &mut impl BufMut) {
    encode_key(tag, WireType::LengthDelimited, buffer);
    encode_varint(inside as u64, buffer);
}

fn put_block(tag: u32, bytes: &[u8], buffer: &mut impl BufMut) {
    open_block(tag, bytes.len(), buffer);
    buffer.put_slice(bytes);
}

fn decimal_len(number: u64) -> usize {
    number.checked_ilog10().unwrap_or(0) as usize + 1
}

/// `DeltaDiscoveryResponse` as the client reads it.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct DeltaResponse {
    #[prost(string, tag = "1")]
    pub system_version_info: String,
    #[prost(message, repeated, tag = "2")]
    pub resources: Vec<DeltaResource>,
    #[prost(string, tag = "4")]
    pub type_url: String,
    #[prost(string, tag = "5")]
    pub nonce: String,
    #[prost(string, repeated, tag = "6")]
    pub removed_resources: Vec<String>,
}

/// `Resource` of a [`DeltaResponse`].
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct DeltaResource {
    #[prost(string, tag = "1")]
    pub version: String,
    #[prost(message, optional, tag = "2")]
    pub resource: Option<AnyBytes>,
    #[prost(string, tag = "3")]
    pub name: String,
}

/// `google.protobuf.Any` with a shared body.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct AnyBytes {
    #[prost(string, tag = "1")]
    pub type_url: String,
    #[prost(bytes = "bytes", tag = "2")]
    pub value: Bytes,
}

#[cfg(test)]
mod tests {
    use outrigger_proto::envoy::service::discovery::v3::{DeltaDiscoveryResponse, DiscoveryResponse};
    use prost::Message;

    use super::*;

    fn response(form: Form) -> Response {
        let resource = |name: &str, size: usize| {
            Arc::new(Resource {
                name: name.into(),
                version: format!("v-{name}").into(),
                body: vec![7; size].into(),
                needs: None,
            })
        };
        Response {
            form,
            type_url: "type.googleapis.com/a.B".into(),
            version: 1000,
            nonce: 9,
            resources: [resource("one", 3), resource("two", 300), resource("empty", 0)].into(),
            removed: ["gone".into(), "".into()].into(),
        }
    }

    fn encode(response: &Response) -> Vec<u8> {
        let mut bytes = Vec::new();
        response.encode(&mut bytes);
        assert_eq!(bytes.len(), response.encoded_len());
        bytes
    }

    #[test]
    fn a_state_of_the_world_response_reads_as_the_generated_message() {
        let mut sotw = response(Form::Sotw);
        sotw.removed = [].into();
        let read = DiscoveryResponse::decode(&*encode(&sotw)).unwrap();
        assert_eq!((&*read.version_info, &*read.nonce), ("1000", "9"));
        assert_eq!(read.type_url, "type.googleapis.com/a.B");
        assert_eq!(read.resources.iter().map(|any| any.value.len()).collect::<Vec<_>>(), [3, 300, 0]);
        assert!(read.resources.iter().all(|any| any.type_url == "type.googleapis.com/a.B"));
    }

    #[test]
    fn a_delta_response_reads_as_the_generated_message_and_as_ours() {
        let bytes = encode(&response(Form::Delta));
        let read = DeltaDiscoveryResponse::decode(&*bytes).unwrap();
        assert_eq!((&*read.system_version_info, &*read.nonce), ("1000", "9"));
        assert_eq!(read.removed_resources, ["gone", ""]);
        let names: Vec<_> = read.resources.iter().map(|r| (&*r.name, &*r.version)).collect();
        assert_eq!(names, [("one", "v-one"), ("two", "v-two"), ("empty", "v-empty")]);
        let ours = DeltaResponse::decode(Bytes::from(bytes)).unwrap();
        assert_eq!(ours.encode_to_vec(), read.encode_to_vec());
    }

    #[test]
    fn what_the_client_reads_shares_the_received_buffer() {
        let bytes = Bytes::from(encode(&response(Form::Delta)));
        let range = bytes.as_ptr_range();
        let read = DeltaResponse::decode(bytes).unwrap();
        let body = read.resources[1].resource.as_ref().unwrap().value.clone();
        assert!(range.contains(&body.as_ptr()));
    }
}
