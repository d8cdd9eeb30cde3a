//! `Authorization: Basic …`, RFC 7617, in UTF-8.

use super::{
    AuthError,
    scope::{Scope, header_value},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use if_manifest::plan::Template;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use zeroize::Zeroizing;

pub(super) fn headers(scope: &Scope, username: &Template, password: &Template) -> Result<HeaderMap, AuthError> {
    let (username, password) = (scope.needed("the user name", username)?, scope.text(password)?);
    if username.expose().contains(':') {
        return Err(AuthError::Settings(format!("the user name of {} holds a colon", scope.plan.spec.id)));
    }
    Ok(HeaderMap::from_iter([(AUTHORIZATION, value(username.expose(), password.expose())?)]))
}

pub(super) fn value(username: &str, password: &str) -> Result<HeaderValue, AuthError> {
    let pair = Zeroizing::new(format!("{username}:{password}"));
    let text = Zeroizing::new(format!("Basic {}", *Zeroizing::new(STANDARD.encode(pair.as_bytes()))));
    header_value("user name and password", &text)
}
