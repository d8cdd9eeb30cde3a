//! The `Link` header, RFC 8288.

use reqwest::header::{HeaderMap, LINK};

/// Target of the first link with the relation `next`.
pub fn next(headers: &HeaderMap) -> Option<String> {
    let texts = headers.get_all(LINK).iter().filter_map(|v| v.to_str().ok());
    texts.flat_map(links).find(|(_, parameters)| is_next(parameters)).map(|(target, _)| target)
}

/// Targets and their parameters. Commas and semicolons inside of `<…>` and quotes separate nothing.
fn links(text: &str) -> Vec<(String, Vec<String>)> {
    split(text, ',')
        .into_iter()
        .filter_map(|link| {
            let mut pieces = split(link.trim(), ';').into_iter().map(str::trim);
            let target = pieces.next()?.strip_prefix('<')?.strip_suffix('>')?;
            Some((target.trim().to_string(), pieces.map(String::from).collect()))
        })
        .collect()
}

fn is_next(parameters: &[String]) -> bool {
    // Of several `rel`, the first counts.
    let rel = parameters.iter().find_map(|p| {
        let (name, value) = p.split_once('=')?;
        name.trim().eq_ignore_ascii_case("rel").then(|| value.trim().trim_matches('"').to_string())
    });
    rel.is_some_and(|rel| rel.split_ascii_whitespace().any(|r| r.eq_ignore_ascii_case("next")))
}

fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut quoted, mut in_target, mut escaped) = (false, false, false);
    text.split(move |c: char| {
        let was_escaped = std::mem::take(&mut escaped);
        match c {
            '"' if !in_target && !was_escaped => quoted = !quoted,
            '\\' if quoted && !was_escaped => escaped = true,
            '<' if !quoted => in_target = true,
            '>' if !quoted => in_target = false,
            _ => return c == separator && !quoted && !in_target,
        }
        false
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &[&'static str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        lines.iter().for_each(|l| {
            headers.append(LINK, l.parse().unwrap());
        });
        next(&headers)
    }

    #[test]
    fn the_next_link_is_found() {
        assert_eq!(
            of(&[r#"<https://a/x?p=1>; rel="prev", <https://a/x?p=3,4;5>; rel="next""#]).as_deref(),
            Some("https://a/x?p=3,4;5")
        );
        assert_eq!(
            of(&["</a>; rel=first", r#"</b>; title="a, \"b\"; rel=\"next\""; REL="last Next""#]).as_deref(),
            Some("/b")
        );
        assert_eq!(of(&["</c>;rel=next"]).as_deref(), Some("/c"));
    }

    #[test]
    fn nothing_else_is() {
        for line in
            ["", "</a>", "</a>; rel=prev; rel=next", "/a; rel=next", r#"</a>; title="rel=next""#, "</a>; rel=nextpage"]
        {
            assert_eq!(of(&[line]), None, "{line}");
        }
    }
}
