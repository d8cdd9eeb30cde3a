//! A key in a header of the provider's own.

use super::{
    AuthError,
    scope::{Scope, header_value},
};
use if_manifest::plan::Template;
use reqwest::header::{HeaderMap, HeaderName};

pub(super) fn headers(scope: &Scope, name: &str, value: &Template) -> Result<HeaderMap, AuthError> {
    let text = scope.needed(name, value)?;
    Ok(HeaderMap::from_iter([(header_name(name)?, header_value(name, text.expose())?)]))
}

pub(super) fn header_name(name: &str) -> Result<HeaderName, AuthError> {
    name.parse().map_err(|_| AuthError::Settings(format!("{name:?} is no name of a header")))
}
