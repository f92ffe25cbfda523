# What people type. Every target does its own set-up; `make help` lists them.

export CARGO_TERM_COLOR ?= auto
# The scripts and tests look for the programs here, wherever cargo would put them otherwise.
export CARGO_TARGET_DIR := $(CURDIR)/target
CARGO  ?= cargo
OUTPUT := target/debug

.PHONY: help demo test lint build static bench clean

help:
	@echo "make demo    build, then show 30/60/10 over three VMs through a gateway and a pod"
	@echo "make test    set up what tests need, lint, and run every test"
	@echo "make build   optimized programs in target/release"
	@echo "make static  the same for musl, linked statically"
	@echo "make bench   measure against Envoy, haproxy and nginx"

demo:
	@scripts/setup demo
	$(CARGO) build --package outrigger-cli --package outrigger-proxy-cli --package outrigger-hello
	@$(OUTPUT)/outrigger demo traffic-shift
	@echo "More to see: $(OUTPUT)/outrigger demo --list"

test:
	@scripts/setup test
	@$(MAKE) --no-print-directory lint
	$(CARGO) build --workspace
	@scripts/run-tests

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- --deny warnings
	RUSTDOCFLAGS="--deny warnings" $(CARGO) doc --workspace --no-deps --quiet
	$(CARGO) xtask layers
	$(CARGO) xtask sizes

build:
	@scripts/setup build
	$(CARGO) build --release --package outrigger-cli --package outrigger-proxy-cli --package outrigger-hello

static:
	@scripts/setup static
	@scripts/build-static

bench:
	@scripts/setup bench
	@$(MAKE) --no-print-directory build
	$(CARGO) build --release --package outrigger-bench
	@scripts/run-bench

clean:
	$(CARGO) clean
