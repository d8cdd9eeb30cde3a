//! `Authorization: Bearer …` with a token of the settings.

use super::{AuthError, scope};
use if_manifest::plan::Template;
use reqwest::header::{AUTHORIZATION, HeaderMap};

pub(super) fn headers(scope: &scope::Scope, token: &Template) -> Result<HeaderMap, AuthError> {
    let token = scope.needed("the token", token)?;
    Ok(HeaderMap::from_iter([(AUTHORIZATION, scope::bearer(&token)?)]))
}
