//! How requests prove who sends them. A closed list: each kind has its own conformance test.

use super::{Extract, Request};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Every string is a template unless it says otherwise.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Auth {
    None,
    /// `Authorization: Bearer …`
    Bearer {
        token: String,
    },
    Basic {
        username: String,
        password: String,
    },
    Header {
        /// Not a template.
        name: String,
        value: String,
    },
    Query {
        /// Not a template.
        name: String,
        value: String,
    },
    #[serde(rename = "oauth2_client_credentials")]
    OAuth2ClientCredentials(ClientCredentials),
    #[serde(rename = "oauth2_refresh_token")]
    OAuth2RefreshToken(RefreshToken),
    JwtBearer(JwtBearer),
    Session(SessionLogin),
    AwsSigv4(AwsSigv4),
    Hmac(Hmac),
    Mtls(Mtls),
}

/// RFC 6749 section 4.4.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientCredentials {
    pub token_url: String,
    pub client_id: String,
    pub client_secret: String,
    #[serde(default)]
    pub scope: Option<String>,
    /// How the client proves itself; HTTP basic where not given.
    #[serde(default)]
    pub client_auth: ClientAuth,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    #[default]
    Basic,
    Body,
}

/// RFC 6749 section 6. A rotated refresh token is kept on the worker and replaces the setting.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RefreshToken {
    pub token_url: String,
    pub client_id: String,
    #[serde(default)]
    pub client_secret: Option<String>,
    pub refresh_token: String,
    #[serde(default)]
    pub scope: Option<String>,
    #[serde(default)]
    pub client_auth: ClientAuth,
}

/// A JSON Web Token signed with the instance's key: sent as bearer, or (with `token_url`) exchanged for a token, RFC 7523.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JwtBearer {
    pub algorithm: JwtAlgorithm,
    /// PEM (PKCS#8).
    pub private_key: String,
    #[serde(default)]
    pub key_id: Option<String>,
    pub issuer: String,
    #[serde(default)]
    pub subject: Option<String>,
    #[serde(default)]
    pub audience: Option<String>,
    /// Duration; not a template. Ten minutes where not given.
    #[serde(default)]
    pub lifetime: Option<String>,
    /// More claims.
    #[serde(default)]
    pub claims: IndexMap<String, String>,
    #[serde(default)]
    pub token_url: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum JwtAlgorithm {
    RS256,
    ES256,
    #[serde(rename = "EdDSA")]
    EdDsa,
}

/// Log in first; what the answer gives is sent with every request, and again after `auth_failed`, once.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionLogin {
    /// Steps in order. Each may use what the steps before it extracted, as `session.NAME`.
    pub steps: Vec<LoginStep>,
    /// Sent with every request; may use `session.NAME`.
    pub headers: IndexMap<String, String>,
    /// Duration after which to log in anew; not a template. An hour where not given.
    #[serde(default)]
    pub lifetime: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginStep {
    pub request: Request,
    /// Into `session.NAME`.
    #[serde(default)]
    pub extract: IndexMap<String, Extract>,
    /// Response headers into `session.NAME`: name of the header. `set-cookie` gives `name=value` of each cookie, joined.
    #[serde(default)]
    pub headers: IndexMap<String, String>,
}

/// AWS Signature Version 4.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AwsSigv4 {
    pub access_key_id: String,
    pub secret_access_key: String,
    #[serde(default)]
    pub session_token: Option<String>,
    pub region: String,
    pub service: String,
}

/// A keyed hash over parts of the request.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hmac {
    pub algorithm: HmacAlgorithm,
    pub key: String,
    /// How the key is written; as it is, where not given.
    #[serde(default)]
    pub key_encoding: KeyEncoding,
    pub encoding: SignatureEncoding,
    /// What is signed. May use `request.method`, `request.path` (with query), `request.body`, `request.body_sha256` (hex),
    /// `request.timestamp` (Unix seconds), `request.timestamp_ms` and `request.nonce`.
    pub message: String,
    /// May use `signature` and everything `message` may.
    pub headers: IndexMap<String, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HmacAlgorithm {
    Sha1,
    Sha256,
    Sha512,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyEncoding {
    #[default]
    Text,
    Hex,
    Base64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignatureEncoding {
    Hex,
    Base64,
}

/// TLS client certificate, PEM.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mtls {
    pub certificate: String,
    pub private_key: String,
    /// Certificate authority of the server, where it is not a public one.
    #[serde(default)]
    pub ca: Option<String>,
}
