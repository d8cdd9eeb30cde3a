# shellcheck shell=bash
# Sourced by the Makefile's recipes and by developers: where build output and the RocksDB archive live.
IF_CACHE="${IF_CACHE:-$HOME/.cache/infrafabric}"
IF_ROCKSDB_VERSION="0.19.0+11.8.1"
export IF_CACHE
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$IF_CACHE/target}"
ROCKSDB_LIB_DIR="$IF_CACHE/rocksdb-$IF_ROCKSDB_VERSION-$(uname -m)"
export ROCKSDB_LIB_DIR
export ROCKSDB_STATIC=1
export IF_NATS_SERVER="${IF_NATS_SERVER:-$IF_CACHE/nats/bin/nats-server}"
