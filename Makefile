# What people type. Every target does its own set-up; `make help` lists them.

export CARGO_TERM_COLOR ?= auto
CARGO  ?= cargo
VENV   := target/venv
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

test: lint
	@scripts/setup test
	$(CARGO) build --workspace
	@scripts/run-tests

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- --deny warnings
	RUSTDOCFLAGS="--deny warnings" $(CARGO) doc --workspace --no-deps --quiet
	$(CARGO) xtask layers
	$(CARGO) xtask sizes

build:
	$(CARGO) build --release --package outrigger-cli --package outrigger-proxy-cli --package outrigger-hello

static:
	@scripts/setup static
	@scripts/build-static

bench: build
	@scripts/setup bench
	$(CARGO) build --release --package outrigger-bench
	@scripts/run-bench

clean:
	$(CARGO) clean
