//! A hostile client with full access to the bus: it may read and publish everything, and gets nothing.

mod commands;
mod garbage;
mod results;
mod work;
