//! Redirects and direct responses.

use outrigger_proto::envoy::config::route::v3::redirect_action::{
    PathRewriteSpecifier, RedirectResponseCode, SchemeRewriteSpecifier,
};
use outrigger_proto::envoy::config::route::v3::{DirectResponseAction, RedirectAction};
use outrigger_traffic::{DirectResponse, Redirect, RedirectPath};

use crate::at::{At, Fault, unset};
use crate::values::{inline, port};

pub(super) fn read(message: RedirectAction, at: &At<'_>) -> Result<Redirect, Fault> {
    let RedirectAction {
        host_redirect,
        port_redirect,
        response_code,
        strip_query,
        scheme_rewrite_specifier,
        path_rewrite_specifier,
    } = message;
    let (https, scheme) = match scheme_rewrite_specifier {
        None => (false, None),
        Some(SchemeRewriteSpecifier::HttpsRedirect(https)) => (https, None),
        Some(SchemeRewriteSpecifier::SchemeRedirect(scheme)) => (false, Some(scheme.into())),
    };
    let path = match path_rewrite_specifier {
        None => RedirectPath::Keep,
        Some(PathRewriteSpecifier::PathRedirect(path)) => RedirectPath::Full(path.into()),
        Some(PathRewriteSpecifier::PrefixRewrite(prefix)) => RedirectPath::Prefix(prefix.into()),
        Some(PathRewriteSpecifier::RegexRewrite(_)) => {
            return Err(at.field("regex_rewrite").refuse("it is not supported"));
        }
        Some(PathRewriteSpecifier::PathRewrite(_)) => {
            return Err(at.field("path_rewrite").refuse("it is not supported"));
        }
    };
    Ok(Redirect {
        status: match at.variant("response_code", response_code)? {
            RedirectResponseCode::MovedPermanently => 301,
            RedirectResponseCode::Found => 302,
            RedirectResponseCode::SeeOther => 303,
            RedirectResponseCode::TemporaryRedirect => 307,
            RedirectResponseCode::PermanentRedirect => 308,
        },
        scheme,
        https,
        host: (!host_redirect.is_empty()).then(|| host_redirect.into()),
        port: match port_redirect {
            0 => None,
            value => Some(port(value, &at.field("port_redirect"))?),
        },
        path,
        strip_query,
    })
}

pub(super) fn direct(
    message: DirectResponseAction,
    largest: usize,
    at: &At<'_>,
) -> Result<DirectResponse, Fault> {
    let DirectResponseAction { status, body, body_format } = message;
    unset!(at, body_format);
    let body = match body {
        Some(body) => inline(body, &at.field("body"))?,
        None => Vec::new(),
    };
    // Envoy refuses this too.
    if body.len() > largest {
        let why = format!("it has {} bytes, more than the {largest} that are allowed", body.len());
        return Err(at.field("body").refuse(why));
    }
    match u16::try_from(status) {
        Ok(status @ 200..600) => Ok(DirectResponse { status, body: body.into() }),
        _ => Err(at.field("status").refuse(format!("{status} is no final HTTP status"))),
    }
}
