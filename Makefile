# Stillhere. `make help` says what there is; `make run` needs no root and no other target.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules --no-print-directory

BIN := .venv/bin
# Variables for all of them: make run PORT=8001 HOST=0.0.0.0

.PHONY: help
help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

.PHONY: run
run: ## Run the whole service here: PORT=8000 (pages and pings), Ctrl-C stops it
	@requirements/install base
	@exec $(BIN)/python -m app.run --end-with-parent

.PHONY: setup
setup: ## Install all that tests and checks need (as root also Debian's packages)
	@requirements/install debian
	@requirements/install dev

.PHONY: test
test: setup ## Run the tests: on PostgreSQL, on SQLite, and on a lab of real Debian hosts
	@tests/run "not long"

.PHONY: test-long
test-long: setup ## Run the tests that take long, in the same three ways
	@tests/run long

.PHONY: check
check: setup ## Check style, types, imports and sizes; takes seconds
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -q tests/architecture

.PHONY: bench-plan
bench-plan: setup ## Measure `fab plan` against a bare ssh, on a lab of its own (as root)
	@tests/bench/on_a_lab tests.bench.plan

.PHONY: bench-deploy
bench-deploy: setup ## Count what clients lose while releases go out (as root): JSON=FILE for the figures
	$(BIN)/python -m tests.bench.deploy $(JSON)

.PHONY: bench-ping
bench-ping: setup ## Measure what a ping costs beside nginx, rows and Django: JSON=FILE, FULL=1
	@$(BIN)/python -m tests.bench.ping $(if $(FULL),--full) $(if $(JSON),--json '$(JSON)')

.PHONY: bench-backup
bench-backup: setup ## Measure a backup beside pg_dump | gpg: SIZES=50,500,2000 (MB), RUNS=3, JSON=FILE
	@$(BIN)/python -m tests.bench.backup --sizes "$(or $(SIZES),50,500,2000)" --runs "$(or $(RUNS),3)" $(if $(JSON),--json '$(JSON)')

.PHONY: bench-tls
bench-tls: setup ## Measure what handshakes cost a balancer, on a lab of its own (as root)
	@tests/bench/on_a_lab tests.bench.handshakes

.PHONY: torture
torture: setup ## Hurt the ping path in every way and count what is lost (as root): CASE=, SEED=, JSON=FILE
	@$(BIN)/python -m tests.torture --case "$(CASE)" --seed "$(or $(SEED),1)" --json "$(JSON)"

.PHONY: bench-cron
bench-cron: setup ## Replay an hour's boundary of cron traffic: SVG=FILE draws its queue
	$(BIN)/python -m tests.bench.cron $(if $(SVG),--svg $(SVG))

.PHONY: format
format: setup ## Bring the code into its one format
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

.PHONY: requirements
requirements: ## Pin the newest versions that requirements/*.in allow
	@requirements/pin

.PHONY: docs
docs: setup ## Write the tables of docs/settings.md and docs/metrics.md anew
	$(BIN)/python -m tests.app.settings_table
	$(BIN)/python -m tests.app.metrics.metrics_table

.PHONY: golden
golden: setup ## Write what the fleet's hosts would get anew, to be reviewed like code
	$(BIN)/python -m tests.provisioning.goldens

.PHONY: clean
clean: ## Delete what can be made again; the data stays
	rm -rf .venv build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
