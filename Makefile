# Each target installs what it needs, also on a new machine.

SETUP := deploy/local/setup
WITH_BROKER := deploy/local/with-broker
# Tests stop and restart brokers, so they need one of their own even if one is given.
SETUP_TESTS := env -u TICKETD_BROKER__URL $(SETUP) broker database
DEBUG := $${CARGO_TARGET_DIR:-target}/debug
SCRIPTS := .ci/run $(wildcard deploy/local/*) deploy/check deploy/compose/secrets \
	deploy/examples/run tests/soak/sabotage/run

# Options of `make soak`.
SOAK_ARGS := --full
# Broker tests mostly wait, so more of them run at once than there are cores.
TEST_THREADS := 5
# Seconds that `make fuzz` spends on each target.
TIME := 60

.PHONY: help demo test test-unit bench soak soak-short fuzz lint deny doc check

help:
	@echo "make demo        watch ticketd run jobs of all five operations on a real RabbitMQ"
	@echo "make test        run all tests, with a real RabbitMQ and PostgreSQL"
	@echo "make test-unit   run the tests that need no server"
	@echo "make soak-short  kill, freeze, cut and restart everything under load, for two minutes"
	@echo "make soak        the same with 10,000 jobs and a release build;"
	@echo "                 SOAK_ARGS=--help lists the options"
	@echo "make bench       compare ticketd with a minimal queue worker"
	@echo "make fuzz        fuzz every parser, TIME=60 seconds each"
	@echo "make lint        check format, lints and scripts"
	@echo "make doc         build the documentation; a warning is an error"
	@echo "make deny        check licences, advisories and unused dependencies"
	@echo "make check       check the deployment files, the example producers and the sabotage patches"
	@echo
	@echo "TICKETD_BROKER__URL=amqp://... selects a broker. The default is a container, where Docker"
	@echo "serves a RabbitMQ image (RABBITMQ_IMAGE names another one, 'none' none), otherwise a"
	@echo "private node of rabbitmq-server, which is installed if possible."

# A development build, because the demo mostly waits. The example is built too, so that cargo uses
# the same dependencies as for the tests instead of building them twice.
demo:
	@$(SETUP) broker
	@cargo build --locked --bin ticketd --example producer
	@$(WITH_BROKER) $(DEBUG)/ticketd demo

test:
	@$(SETUP_TESTS)
	RUST_TEST_THREADS=$(TEST_THREADS) cargo test --locked

test-unit:
	@$(SETUP)
	cargo test --locked --lib

bench:
	@$(SETUP) broker
	@cargo bench --locked --bench '*' --no-run
	@$(WITH_BROKER) cargo bench --locked --bench '*'

# The soak always runs its own PostgreSQL cluster, also where Docker serves an image.
soak soak-short: export POSTGRES_IMAGE := none

# A release build: a development build is too slow for the load.
soak:
	@$(SETUP_TESTS)
	cargo test --locked --release --test soak -- $(SOAK_ARGS)

soak-short:
	@$(SETUP_TESTS)
	cargo test --locked --test soak -- --short

fuzz:
	@$(SETUP)
	@deploy/local/fuzz $(TIME)

lint:
	@$(SETUP)
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	cargo clippy --locked --test soak -- -D warnings
	deploy/local/shellcheck $(SCRIPTS)

deny:
	@$(SETUP)
	deploy/local/deny

# With the example, for the same reason as in `demo`.
doc:
	@$(SETUP)
	RUSTDOCFLAGS='-D warnings' cargo doc --locked --no-deps --document-private-items --lib --examples

check:
	@$(SETUP) broker
	deploy/check
	tests/soak/sabotage/run check
	@cargo build --locked --bin ticketd --example producer
	$(WITH_BROKER) deploy/examples/run
