//! Providers whose adapter is Rust code: their operations as data, one file each.

pub mod ha;
pub mod obs;
pub mod vmix;
