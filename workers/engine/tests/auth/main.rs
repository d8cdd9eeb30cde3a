//! Conformance of every kind of authentication, one file each. Signatures are held against published vectors, against
//! values of other implementations, or verified with the public key.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "../support/mod.rs"]
mod support;

mod basic;
mod bearer;
mod client_credentials;
mod header;
mod hmac;
mod jwt_bearer;
mod mtls;
mod none;
mod query;
mod refresh_token;
mod secrets;
mod session;
mod sigv4;
mod store;
