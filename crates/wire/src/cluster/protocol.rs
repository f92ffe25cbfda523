//! Which HTTP is spoken to a cluster.

use std::collections::HashMap;

use outrigger_proto::envoy::extensions::upstreams::http::v3::HttpProtocolOptions;
use outrigger_proto::envoy::extensions::upstreams::http::v3::http_protocol_options::explicit_http_config::ProtocolConfig;
use outrigger_proto::envoy::extensions::upstreams::http::v3::http_protocol_options::{
    ExplicitHttpConfig, UpstreamProtocolOptions, UseDownstreamHttpConfig,
};
use outrigger_proto::google::protobuf::Any;
use outrigger_proto::prost::Name;
use outrigger_traffic::UpstreamProtocol;

use crate::at::{At, Fault, unset};
use crate::protocol_options::{self as options, Common};

pub(super) struct Http {
    pub protocol: UpstreamProtocol,
    pub common: Common,
}

pub(super) fn read(extensions: HashMap<String, Any>, at: &At<'_>) -> Result<Http, Fault> {
    let at = at.field("typed_extension_protocol_options");
    let mut message = HttpProtocolOptions::default();
    for (name, any) in &extensions {
        if *name != HttpProtocolOptions::full_name() {
            return Err(at.field(name).refuse("it is not supported"));
        }
        message = at.field(name).unpack(any)?;
    }
    let name = HttpProtocolOptions::full_name();
    let at = at.field(&name);
    let HttpProtocolOptions {
        common_http_protocol_options,
        upstream_http_protocol_options,
        http_filters,
        header_validation_config,
        outlier_detection,
        request_mirror_policies,
        hash_policy,
        retry_policy,
        upstream_protocol_options,
    } = message;
    unset!(at, upstream_http_protocol_options, http_filters, header_validation_config);
    unset!(at, outlier_detection, request_mirror_policies, hash_policy, retry_policy);
    let protocol = match upstream_protocol_options {
        None => UpstreamProtocol::Http1,
        Some(UpstreamProtocolOptions::ExplicitHttpConfig(config)) => {
            explicit(config, &at.field("explicit_http_config"))?
        }
        Some(UpstreamProtocolOptions::UseDownstreamProtocolConfig(config)) => {
            downstream(config, &at.field("use_downstream_protocol_config"))?
        }
        Some(UpstreamProtocolOptions::AutoConfig(_)) => {
            return Err(at.field("auto_config").refuse("it is not supported"));
        }
    };
    let common =
        options::read_common(common_http_protocol_options, &at.field("common_http_protocol_options"))?;
    Ok(Http { protocol, common })
}

fn explicit(config: ExplicitHttpConfig, at: &At<'_>) -> Result<UpstreamProtocol, Fault> {
    let ExplicitHttpConfig { protocol_config } = config;
    match at.required("protocol_config", protocol_config)? {
        ProtocolConfig::HttpProtocolOptions(http1) => {
            options::http1(Some(http1), &at.field("http_protocol_options"))?;
            Ok(UpstreamProtocol::Http1)
        }
        ProtocolConfig::Http2ProtocolOptions(http2) => {
            let max_concurrent_streams = options::http2(Some(http2), &at.field("http2_protocol_options"))?;
            Ok(UpstreamProtocol::Http2 { max_concurrent_streams })
        }
        ProtocolConfig::Http3ProtocolOptions(_) => {
            Err(at.field("http3_protocol_options").refuse("HTTP/3 is not supported"))
        }
    }
}

fn downstream(config: UseDownstreamHttpConfig, at: &At<'_>) -> Result<UpstreamProtocol, Fault> {
    let UseDownstreamHttpConfig { http_protocol_options, http2_protocol_options, http3_protocol_options } =
        config;
    unset!(at, http3_protocol_options);
    options::http1(http_protocol_options, &at.field("http_protocol_options"))?;
    let streams = options::http2(http2_protocol_options, &at.field("http2_protocol_options"))?;
    at.field("http2_protocol_options").unset("max_concurrent_streams", &streams)?;
    Ok(UpstreamProtocol::Downstream)
}
