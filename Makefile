# Every recipe sources ops/env.sh: build output and RocksDB live in a cache outside the checkout.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-builtin-rules
.DEFAULT_GOAL := help

PREFIX ?= /usr/local
# Seconds each fuzz target runs.
FUZZ_SECONDS ?= 30
export PREFIX FUZZ_SECONDS

ENV := . ops/env.sh;

.PHONY: help setup setup-tests build demo test test-peers bench lint crash fuzz new-provider install clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

setup: ## system packages, nats-server and RocksDB (root or sudo; Debian or Ubuntu)
	@ops/bootstrap

setup-tests:
	@ops/bootstrap --tests

build: setup ## all binaries, in the profile that demo and test share
	@ops/binaries

demo: setup ## the main job on this machine: sign, admit, execute on a simulated vMix, confirm, verify
	@ops/demo

test: setup-tests ## every test that needs no optional peer
	@ops/test

test-peers: setup ## tests against real OBS Studio, Home Assistant, moto, localstripe, telegram-test-api and aimock, installed if need be
	@ops/test-peers

bench: setup ## the benchmark table
	@$(ENV) cargo build --locked --release -p if-cli -p if-broker -p if-worker
	@$(ENV) cargo run --locked --release -p if-benches

lint: setup ## formatting and clippy, warnings are errors
	@$(ENV) cargo fmt --check
	@$(ENV) cargo clippy --locked --workspace --lib --bins -- -D warnings
	@$(ENV) cargo clippy --locked --workspace --tests --examples -- -D warnings -A clippy::unwrap_used -A clippy::type_complexity

crash: setup ## 200 kills of broker, worker and nats-server under load; 200 storms on a budget with kills; 500 runs at random
	@ops/binaries
	@$(ENV) IF_CRASH_ROUNDS=200 cargo test --locked --workspace --test crash -- --nocapture
	@$(ENV) IF_STORM_RUNS=500 cargo test --locked --workspace --test storm -- --nocapture
	@$(ENV) IF_BUDGET_ROUNDS=200 cargo test --locked --workspace --test budget -- --nocapture

fuzz: setup ## each fuzz target of schemas for FUZZ_SECONDS
	@ops/fuzz

new-provider: ## the folder of a new provider: make new-provider ID=acme
	@ops/new-provider "$(ID)"

install: setup ## release build into PREFIX (/usr/local)
	@ops/install

clean: ## build output; the RocksDB archive and nats-server stay
	@$(ENV) cargo clean
