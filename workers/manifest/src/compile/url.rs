//! Hosts and URLs: where requests may go.

use super::{ALLOWED_HOSTS_MAX, Compiler, Scope};
use crate::{
    plan::{Escape, HostPattern, Template},
    raw::Format,
};

/// Bytes of a DNS name, and of one of its labels.
const HOST_MAX_BYTES: usize = 253;
const LABEL_MAX_BYTES: usize = 63;

impl Compiler<'_> {
    pub fn allowed_hosts(&mut self) -> Vec<HostPattern> {
        let hosts = self.outline.allowed_hosts;
        if hosts.len() > ALLOWED_HOSTS_MAX {
            self.error(format!("{} hosts, at most {ALLOWED_HOSTS_MAX} are allowed", hosts.len()));
        }
        let patterns = hosts.iter().enumerate().filter_map(|(i, host)| self.at(i, |c| c.host_pattern(host)));
        patterns.collect()
    }

    fn host_pattern(&mut self, text: &str) -> Option<HostPattern> {
        let (pattern, name) = match text.strip_prefix("*.") {
            // A whole top-level domain belongs to nobody.
            Some(rest) if rest.contains('.') => (HostPattern::Below(rest.into()), rest),
            Some(_) => (HostPattern::Exact(String::new()), ""),
            None => (HostPattern::Exact(text.into()), text),
        };
        if is_host(name) {
            return Some(pattern);
        }
        self.wrong(format!("{text:?} is no host name"), "use lower case, like api.example.com or *.example.com");
        None
    }

    /// An absolute URL: written out with an allowed host, or beginning with a setting of format `uri`.
    pub fn url(&mut self, source: &str, scope: Scope) -> Option<Template> {
        if let Some((expression, rest)) = source.strip_prefix("{{").and_then(|s| s.split_once("}}")) {
            return self.url_of_setting(source, expression.trim(), rest, scope);
        }
        let Some(rest) = source.strip_prefix("https://") else {
            self.wrong(format!("{source:?} is no https URL"), "begin with https://, or with a setting of format uri");
            return None;
        };
        let host = host_of(rest);
        let allowed = self.outline.allowed_hosts.iter().any(|pattern| match pattern.strip_prefix("*.") {
            Some(below) => host.strip_suffix(below).is_some_and(|h| h.ends_with('.')),
            None => *pattern == host,
        });
        if !is_host(&host) {
            self.wrong(format!("{source:?} has no host name"), "write it like https://api.example.com");
        } else if !allowed {
            self.wrong(format!("{host} is not in allowed_hosts"), "add it there");
        }
        self.template(source, Escape::Url, scope)
    }

    /// Its value is not encoded, so nothing else may be put in.
    fn url_of_setting(&mut self, source: &str, expression: &str, rest: &str, scope: Scope) -> Option<Template> {
        let name = expression.strip_prefix("instance.").unwrap_or_default();
        let field = self.outline.instance.get(name);
        if !field.is_some_and(|f| f.format == Some(Format::Uri) && !f.secret) {
            let next = "begin with https://, or with {{ instance.NAME }} of format uri";
            self.wrong(format!("a URL cannot begin with {{{{ {expression} }}}}"), next);
            return None;
        }
        if rest.contains("{{") || !(rest.is_empty() || rest.starts_with('/')) {
            self.wrong("only text that begins with / may come after a setting of format uri", "move the rest to path");
            return None;
        }
        self.template(source, Escape::None, scope)
    }

    /// What comes after `base_url`, or an absolute URL.
    pub fn path_template(&mut self, source: &str, scope: Scope) -> Option<Template> {
        if source.is_empty() || source.starts_with('/') {
            return self.template(source, Escape::Url, scope);
        }
        let root = lone(source).and_then(|e| e.split_once('.')).map(|(root, _)| root);
        match root {
            Some("created" | "session") => self.template(source, Escape::None, scope),
            _ if source.starts_with("https://") || source.starts_with("{{") => self.url(source, scope),
            _ => {
                self.wrong(format!("path is {source:?}"), "begin with / or https://");
                None
            }
        }
    }
}

/// The expression of a template that is nothing else.
fn lone(source: &str) -> Option<&str> {
    let inner = source.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    (!inner.contains("}}")).then(|| inner.trim())
}

/// The host of what comes after `https://`, with `x` in place of every expression.
fn host_of(mut rest: &str) -> String {
    let mut host = String::new();
    while let Some((before, after)) = rest.split_once("{{") {
        if before.contains(['/', '?', '#']) {
            break;
        }
        host.push_str(before);
        host.push('x');
        rest = after.split_once("}}").map_or("", |(_, after)| after);
    }
    host.push_str(rest.split(['/', '?', '#']).next().unwrap_or_default());
    match host.rsplit_once(':') {
        Some((name, port)) if port.parse::<u16>().is_ok() => name.to_string(),
        _ => host,
    }
}

fn is_host(name: &str) -> bool {
    let label = |l: &str| {
        let edges = !l.starts_with('-') && !l.ends_with('-');
        let letters = l.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        !l.is_empty() && l.len() <= LABEL_MAX_BYTES && edges && letters
    };
    name.len() <= HOST_MAX_BYTES && name.split('.').all(label)
}
