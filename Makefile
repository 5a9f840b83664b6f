# Each of these does its own set-up, on a fresh machine too.

WITH_BROKER := deploy/local/with-broker

.PHONY: help demo test bench soak fuzz lint

# What `make soak` is asked for.
ARGS := --full
# How long `make fuzz` gives each target, in seconds.
TIME := 60

help:
	@echo "make demo    watch ticketd run jobs of all five operations on a real RabbitMQ"
	@echo "make test    run every test, against a real RabbitMQ and PostgreSQL"
	@echo "make bench   compare ticketd with the least that any queue worker does"
	@echo "make soak    kill, freeze, cut and restart everything under 10,000 jobs, and count what became"
	@echo "             of each; ARGS=--short does it in two minutes, ARGS=--help tells what can be set"
	@echo "make fuzz    look for bytes that break a promise, TIME=60 seconds per target"
	@echo "make lint    check format, lints and dependencies"
	@echo
	@echo "TICKETD_BROKER__URL=amqp://... uses that broker. Else a container is taken where Docker"
	@echo "serves a RabbitMQ image (RABBITMQ_IMAGE names another one, 'none' wants none),"
	@echo "else a private node of rabbitmq-server, which is installed where that is allowed."

# The development build: it is there in a fraction of the time, and a demo waits for its simulated
# clouds anyway.
demo:
	@deploy/local/toolchain
	@cargo build --locked
	@$(WITH_BROKER) cargo run --locked --quiet -- demo

test:
	@deploy/local/toolchain
	cargo test --locked

bench:
	@deploy/local/toolchain
	@cargo bench --locked --bench '*' --no-run
	@$(WITH_BROKER) cargo bench --locked --bench '*'

# The release build: a soak is as long as its restarts, and the jobs have to keep up with them.
soak:
	@deploy/local/toolchain
	cargo test --locked --release --test soak -- $(ARGS)

fuzz:
	@deploy/local/toolchain
	@deploy/local/fuzz $(TIME)

lint:
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	cargo clippy --locked --test soak -- -D warnings
	deploy/local/deny
	if command -v shellcheck >/dev/null; then shellcheck deploy/local/* deploy/examples/run deploy/check deploy/compose/secrets tests/soak/sabotage/run .ci/run; fi
