# Two commands on a fresh Debian machine: `make demo` and `make test`. `make help` lists the rest.

SHELL := /bin/bash
.DEFAULT_GOAL := help
CARGO ?= cargo

.PHONY: help
help: ## This list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

.PHONY: prepare
prepare: ## Install what is missing (Chromium, a C compiler), where apt may be used
	@.ci/prepare

.PHONY: prepare-tests
prepare-tests: ## The same, and what only tests need (a PostgreSQL to start one from)
	@.ci/prepare tests

.PHONY: demo
demo: prepare ## Publish one post on the practice platform through real Chromium, once, with proof
	@$(CARGO) run --quiet --package deed -- demo --keep

.PHONY: practice
practice: ## Serve the practice platform, to look around in it
	@$(CARGO) run --quiet --package deed -- practice

.PHONY: test
test: prepare-tests ## The whole test suite, real browser included
	@if $(CARGO) nextest --version >/dev/null 2>&1; then \
	  $(CARGO) nextest run --workspace; \
	else \
	  $(CARGO) test --workspace -- --test-threads=2; \
	fi

.PHONY: crash
crash: prepare ## The long crash run: RUNS=400 kills of the real process (CI runs the bounded form within `make test`)
	@DEED_CRASH_RUNS=$${RUNS:-400} $(CARGO) test --package deed-tests --test e2e crash:: -- --nocapture

.PHONY: model
model: ## The protocol around the press as a model, checked exhaustively; and how it goes wrong without each of its rules
	@$(CARGO) test --package deed-model -- --nocapture --test-threads=2

.PHONY: chaos
chaos: prepare-tests ## Everything that can break, in the middle of RUNS=2000 orders, half of the kills at the press (CI runs the bounded form)
	@$(CARGO) build --quiet --package deed
	@DEED_CHAOS_RUNS=$${RUNS:-2000} DEED_CHAOS_SEED=$${SEED:-1} $(CARGO) test --package deed-tests --test e2e chaos:: -- --nocapture

.PHONY: bench
bench: prepare ## Episode against the raw floor and a bare Playwright script, in one run
	@.ci/bench

.PHONY: bench-recording
bench-recording: prepare ## What a recording costs an episode: with and without, in turns, unpaced
	@$(CARGO) run --quiet --release --package deed-tests --example recording_cost

.PHONY: bench-queue
bench-queue: prepare-tests ## What a claim costs with a thousand and a million queued actions, on PostgreSQL and SQLite
	@$(CARGO) bench --quiet --package deed-tests --bench queue

.PHONY: bench-proof
bench-proof: prepare ## What proof costs: capture beside the browser's own time, bytes an episode, hashing 2 MB, checking an export of 200 pieces
	@$(CARGO) bench --quiet --package deed-proofs --bench verify
	@$(CARGO) bench --quiet --package deed-tests --bench proof

.PHONY: fleet
fleet: prepare-tests ## The long fleet run: ORDERS=400 over 20 accounts, SECONDS_OF_TROUBLE=420 of kills and stops (CI runs the bounded form)
	@DEED_FLEET_ORDERS=$${ORDERS:-400} DEED_FLEET_SECONDS=$${SECONDS_OF_TROUBLE:-420} $(CARGO) test --package deed-tests --test e2e fleet:: -- --nocapture

.PHONY: kill-trials
kill-trials: prepare ## The kill switch thrown at TRIALS=200 random moments (CI runs the bounded form)
	@DEED_KILL_TRIALS=$${TRIALS:-200} $(CARGO) test --package deed-tests --test e2e kill:: -- --nocapture

.PHONY: sim
sim: ## The engine and the ledger in a simulated world: SEEDS=1000 from seed FROM=1, each a story of its own
	@$(CARGO) run --quiet --profile sim --package deed-sim -- run --seeds $${SEEDS:-1000} --from $${FROM:-1}

.PHONY: sim-crash
sim-crash: ## In the simulation: every episode cut at every point, and its recovery cut at every point again (ONLY="made and seen"; ALL=1 for every outcome of every flow)
	@$(CARGO) run --quiet --profile sim --package deed-sim -- crash --only "$(ONLY)" $(if $(ALL),--all)

.PHONY: sim-same
sim-same: ## In the simulation: the whole stories of SEEDS=1000, told by two processes and compared
	@$(CARGO) run --quiet --profile sim --package deed-sim -- same --seeds $${SEEDS:-1000} --from $${FROM:-1}

.PHONY: sim-mutants
sim-mutants: ## Plant known faults and see the simulation find each within SEEDS=1000 (ONLY="23 settle" for some of them); long
	@.ci/sim-mutants $(ONLY)

.PHONY: sim-mutants-ci
sim-mutants-ci: ## The same with those that are found soon, as CI does it
	@.ci/sim-mutants --soon

.PHONY: cargo-mutants
cargo-mutants: ## Change the judgements one operator at a time and see a test fail for each (FILES="runner/core/src/permit.rs"); long
	@.ci/cargo-mutants $(FILES)

.PHONY: store-faults
store-faults: prepare-tests ## The long upload run: PIECES=10000 through a store in trouble (CI runs the bounded form)
	@DEED_STORE_PIECES=$${PIECES:-10000} $(CARGO) test --package deed-tests --test e2e store_faults:: -- --nocapture

.PHONY: judgement
judgement: prepare ## The labelled corpus: PAGES=3000 mutated pages (SEED=1) and the confusion matrix of each judgement
	@$(CARGO) run --quiet --package deed-tests --example judgement
	@$(CARGO) run --quiet --release --package deed-proofs --example dom_timing

.PHONY: mutants
mutants: prepare ## Take each safety rule out and see its test fail (ONLY="21 quorum" for some of them); long
	@.ci/mutants $(ONLY)

.PHONY: lint
lint: ## Formatting, clippy with warnings denied, dependency policy where cargo-deny is there
	@$(CARGO) fmt --all --check
	@$(CARGO) clippy --workspace --all-targets -- -D warnings
	@if $(CARGO) deny --version >/dev/null 2>&1; then $(CARGO) deny check; else echo "cargo-deny is not installed: dependency policy not checked"; fi
