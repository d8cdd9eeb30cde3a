//! AWS Signature Version 4 in the headers, over the whole request.

use super::{
    AuthError,
    clock::ServerClock,
    header::header_name,
    scope::{Scope, header_value},
};
use crate::{Outgoing, Secret};
use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
        UriPathNormalizationMode, sign,
    },
    sign::v4::SigningParams,
};
use if_manifest::plan;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

const SESSION_TOKEN: &str = "x-amz-security-token";
/// What a signature adds; of an earlier one they are taken away first.
const OURS: [&str; 4] = ["authorization", "x-amz-date", SESSION_TOKEN, "x-amz-content-sha256"];

pub(super) struct Sigv4 {
    access_key_id: Secret,
    secret_access_key: Secret,
    session_token: Option<Secret>,
    region: Secret,
    service: Secret,
    clock: Arc<ServerClock>,
}

impl Sigv4 {
    pub fn new(scope: &Scope, spec: &plan::AwsSigv4, clock: Arc<ServerClock>) -> Result<Self, AuthError> {
        Ok(Self {
            access_key_id: scope.needed("access_key_id", &spec.access_key_id)?,
            secret_access_key: scope.needed("secret_access_key", &spec.secret_access_key)?,
            session_token: scope.optional(spec.session_token.as_ref())?,
            region: scope.needed("region", &spec.region)?,
            service: scope.needed("service", &spec.service)?,
            clock,
        })
    }

    pub fn apply(&self, request: &mut Outgoing) -> Result<(), AuthError> {
        for name in OURS {
            request.headers.remove(name);
        }
        // A space as `+` is a form's habit; the signature is over `%20`.
        if let Some(query) = request.url.query().filter(|q| q.contains('+')) {
            let query = query.replace('+', "%20");
            request.url.set_query(Some(&query));
        }
        // The library tells a tracing subscriber what it signs, and that holds the session token.
        let quiet = tracing::Dispatch::none();
        let added = tracing::dispatcher::with_default(&quiet, || self.signature(request))?;
        for (name, value) in added {
            request.headers.insert(name, value);
        }
        Ok(())
    }

    fn signature(&self, request: &Outgoing) -> Result<Vec<(HeaderName, HeaderValue)>, AuthError> {
        let wrong = |what: &str| AuthError::Settings(format!("the request cannot be signed: {what}"));
        let token = self.session_token.as_ref().map(|t| t.expose().to_string());
        let (id, key) = (self.access_key_id.expose(), self.secret_access_key.expose());
        let identity = Credentials::new(id, key, token, None, "instance").into();
        let now = UNIX_EPOCH + Duration::from_micros(u64::try_from(self.clock.now_us()).unwrap_or_default());
        let params = SigningParams::builder()
            .identity(&identity)
            .region(self.region.expose())
            .name(self.service.expose())
            .time(now)
            .settings(self.settings())
            .build()
            .map_err(|_| wrong("a parameter is missing"))?
            .into();
        let mut headers = Vec::with_capacity(request.headers.len());
        for (name, value) in &request.headers {
            let text = value.to_str().map_err(|_| wrong(&format!("header {name} is not ASCII")))?;
            headers.push((name.as_str(), text));
        }
        let body = SignableBody::Bytes(&request.body);
        let signable = SignableRequest::new(request.method.as_str(), request.url.as_str(), headers.into_iter(), body)
            .map_err(|_| wrong("its URL is none AWS knows"))?;
        let signed = sign(signable, &params).map_err(|_| wrong("the library refused it"))?;
        let checked = |(name, text): (&str, &str)| -> Result<_, AuthError> {
            let mut value = header_value(name, text)?;
            let name = header_name(name)?;
            value.set_sensitive(name == AUTHORIZATION || name == SESSION_TOKEN);
            Ok((name, value))
        };
        signed.output().headers().map(checked).collect()
    }

    /// S3 takes the path as it is and wants the hash of the body in a header; the others have it in the signature only.
    fn settings(&self) -> SigningSettings {
        let mut settings = SigningSettings::default();
        if self.service.expose() == "s3" {
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        settings
    }
}
