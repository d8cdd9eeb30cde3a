//! Conformance of the HTTP engine against a server on loopback that follows a script. Every test asserts what the server
//! saw and what the engine said.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod adapter;
mod cases;
mod files;
mod formats;
mod limits;
mod loss;
mod pages;
mod polls;
mod redirects;
mod retries;
mod server;
mod streams;
mod tls;
mod world;
