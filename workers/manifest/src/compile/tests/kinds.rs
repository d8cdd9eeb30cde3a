//! A wrong file for every kind of authentication, paging and polling.

use super::{Refused, all_refused};

const OAUTH2: Refused = &[
    (
        "auth: none",
        "auth: { oauth2_client_credentials: { token_url: 'https://x.example.com/t', client_id: a, client_secret: '{{ instance.token }}' } }",
        &[
            "28:49: x.example.com is not in allowed_hosts (add it there)",
            "28:105: there is no instance.token (it is secret.token)",
        ],
    ),
    (
        "auth: none",
        "auth: { oauth2_client_credentials: { token_url: 'http://x.example.com/t', client_id: a, client_secret: a } }",
        &[r#"28:49: "http://x.example.com/t" is no https URL (begin with https://, or with a setting of format uri)"#],
    ),
    (
        "auth: none",
        "auth: { oauth2_client_credentials: { token_url: '{{ instance.api_url }}/t', client_id: a } }",
        &[r#"28:36: oauth2_client_credentials has no "client_secret""#],
    ),
    (
        "auth: none",
        "auth: { oauth2_refresh_token: { token_url: '{{ instance.api_url }}/t', client_id: a, refresh_token: '{{ instance.chat }}' } }",
        &["28:101: instance cannot be used here (use secret)"],
    ),
    (
        "auth: none",
        "auth: { oauth2_refresh_token: { token_url: '{{ secret.token }}/t', client_id: a, refresh_token: '{{ secret.token }}', scopes: a } }",
        &[r#"28:119: unknown key "scopes" in oauth2_refresh_token (did you mean "scope"?)"#],
    ),
];

const SIGNED: Refused = &[
    (
        "auth: none",
        "auth: { jwt_bearer: { algorithm: HS256, private_key: a, issuer: a } }",
        &[r#"28:34: algorithm: there is no "HS256" (did you mean "ES256"?)"#],
    ),
    (
        "auth: none",
        "auth: { jwt_bearer: { algorithm: ES256, private_key: '{{ secret.key }}', issuer: a, lifetime: 2d } }",
        &[r#"28:54: there is no "secret.key" (use token)"#, r#"28:95: lifetime is "2d" (use 1ms to 86400s)"#],
    ),
    (
        "auth: none",
        "auth: { jwt_bearer: { algorithm: ES256, private_key: a, issuer: a, claims: { sub: '{{ args.text }}' } } }",
        &["28:83: args cannot be used here (use instance, secret)"],
    ),
    (
        "auth: none",
        "auth: { aws_sigv4: { access_key_id: a, secret_access_key: '{{ secret.key }}', region: '{{ args.region }}', service: ec2 } }",
        &[
            r#"28:59: there is no "secret.key" (use token)"#,
            r#"28:87: args.region is used for every operation, but "me" has no such parameter (declare it there, or use an instance setting)"#,
        ],
    ),
    (
        "auth: none",
        "auth: { aws_sigv4: { access_key_id: a, secret_access_key: a, region: a } }",
        &[r#"28:20: aws_sigv4 has no "service""#],
    ),
    (
        "auth: none",
        "auth: { hmac: { algorithm: md5, key: a, encoding: hex, message: a, headers: {} } }",
        &[r#"28:28: algorithm: there is no "md5" (use sha1, sha256, sha512)"#],
    ),
    (
        "auth: none",
        "auth: { hmac: { algorithm: sha256, key: a, encoding: hex, message: '{{ signature }}', headers: { X-Sign: '{{ request.time }}' } } }",
        &[
            "28:68: signature cannot be used here (use instance, secret, request)",
            r#"28:106: there is no "request.time" (did you mean "timestamp"?)"#,
        ],
    ),
    (
        "auth: none",
        "auth: { hmac: { algorithm: sha256, key: '{{ request.body }}', encoding: hex, message: a, headers: { 'X Sign': a } } }",
        &[
            "28:41: request cannot be used here (use instance, secret)",
            r#"28:111: "X Sign" is no header name (use letters, digits and '-')"#,
        ],
    ),
    (
        "auth: none",
        "auth: { mtls: { certificate: '{{ secret.cert }}', private_key: '{{ secret.token }}' } }",
        &[r#"28:30: there is no "secret.cert" (use token)"#],
    ),
];

const SESSION: Refused = &[
    (
        "auth: none",
        "auth: { session: { steps: [{ request: { method: POST, path: /login }, extract: { key: $.key } }], headers: { X: '{{ session.kee }}' } } }",
        &[r#"28:113: there is no "session.kee" (did you mean "key"?)"#],
    ),
    (
        "auth: none",
        "auth: { session: { steps: [{ request: { method: POST, path: '/{{ session.key }}' }, extract: { key: $.key } }], headers: {} } }",
        &[r#"28:61: there is no "session.key" (none is declared)"#],
    ),
    (
        "auth: none",
        "auth: { session: { steps: [{ request: { method: POST, path: login }, extract: { Key: key } }], headers: {}, lifetime: 0s } }",
        &[
            r#"28:61: path is "login" (begin with / or https://)"#,
            r#"28:81: "Key" is no name (use a-z, 0-9 and '_', begin with a letter)"#,
            r#"28:86: "key" is no JSONPath: at position 0, parser error (see RFC 9535: $.field[0])"#,
            r#"28:119: lifetime is "0s" (use 1ms to 2592000s)"#,
        ],
    ),
    (
        "auth: none",
        "auth: { session: { steps: [{ request: { method: POST, path: '/{{ args.text }}' }, headers: { key: a b } }], headers: {} } }",
        &[
            "28:61: args cannot be used here (use instance, secret, session)",
            r#"28:99: "a b" is no header name (use letters, digits and '-')"#,
        ],
    ),
];

const PAGES: Refused = &[
    (
        "    response:\n      result:\n        message_id",
        "    pagination: { cursor: { from: next, param: cursor } }\n    response:\n      list: { items: $.result, fields: { id: $.id } }\n      result:\n        message_id",
        &[r#"74:35: "next" is no JSONPath: at position 0, parser error (see RFC 9535: $.field[0])"#],
    ),
    (
        "    response:\n      result:\n        message_id",
        "    pagination: { cursor: { param: cursor, items_max: 0 } }\n    response:\n      list: { items: $.result, fields: { id: $.id } }\n      result:\n        message_id",
        &[r#"74:27: cursor has no "from""#],
    ),
    (
        "    response:\n      result:\n        message_id",
        "    pagination: { offset: { param: offset, size_param: limit, size: 20000 } }\n    response:\n      list: { items: $.result, fields: { id: $.id } }\n      result:\n        message_id",
        &["74:69: size is 20000 (use 1 to 10000)"],
    ),
    (
        "    response:\n      result:\n        message_id",
        "    pagination: { page: { param: page, size_param: limit, size: 0, items_max: 200000 } }\n    response:\n      list: { items: $.result, fields: { id: $.id } }\n      result:\n        message_id",
        &["74:65: size is 0 (use 1 to 10000)", "74:79: items_max is 200000 (use 1 to 100000)"],
    ),
    (
        "    response:\n      result:\n        message_id",
        "    pagination: { link: { items_max: 200000 } }\n    response:\n      list: { items: $.result, fields: { id: $.id } }\n      result:\n        message_id",
        &["74:38: items_max is 200000 (use 1 to 100000)"],
    ),
    (
        "    response:\n      result:\n        message_id",
        "    pagination: { pages: {} }\n    response:\n      list: { items: $.result, fields: { id: $.id } }\n      result:\n        message_id",
        &[r#"74:19: pagination: there is no "pages" (did you mean "page"?)"#],
    ),
];

const POLLED: Refused = &[
    (
        "    response:\n      result:\n        message_id",
        "    poll: { request: { method: GET, path: '/{{ created.id }}' }, every: 1s, status: $.state, done: [ok] }\n    response:\n      result:\n        message_id",
        &[r#"74:43: there is no "created.id" (none is declared)"#],
    ),
    (
        "    response:\n      result:\n        message_id",
        "    poll: { created: { id: $.id }, request: { method: GET, path: '/{{ created.idd }}' }, every: 1ms, status: state, done: [] }\n    response:\n      result:\n        message_id",
        &[
            r#"74:66: there is no "created.idd" (did you mean "id"?)"#,
            r#"74:97: every is "1ms" (use 10ms to 300s)"#,
            r#"74:110: "state" is no JSONPath: at position 0, parser error (see RFC 9535: $.field[0])"#,
            "74:123: no state means done (name at least one)",
        ],
    ),
    (
        "    response:\n      result:\n        message_id",
        "    poll: { request: { method: GET, path: /x }, every: 1s, status: $.state, done: [ok], failed: [ok] }\n    response:\n      result:\n        message_id",
        &[r#"74:97: "ok" means both done and failed (leave one out)"#],
    ),
    (
        "    response:\n      result:\n        message_id",
        "    poll: { request: { method: GET, path: /x }, every: 1s, status: $.state }\n    response:\n      result:\n        message_id",
        &[r#"74:11: poll has no "done""#],
    ),
];

#[test]
fn oauth2() {
    all_refused(OAUTH2);
}

#[test]
fn keys_and_signatures() {
    all_refused(SIGNED);
}

#[test]
fn session_logins() {
    all_refused(SESSION);
}

#[test]
fn pages() {
    all_refused(PAGES);
}

#[test]
fn polling() {
    all_refused(POLLED);
}
