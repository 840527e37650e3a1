# streamseg: `make demo` shows it, `make test` proves it. The environment is .venv, made once and kept by its stamps.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JSON ?=
DEMO_FLAGS ?=
ROWS ?=
SUITE ?=
BENCH_FLAGS ?=
TEST_FLAGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo test check format bench latency lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.demo ## stream a year of a real shop through Kafka and the model, in the terminal (JSON=FILE for numbers)
	@$(BIN)/streamseg demo $(if $(JSON),--json $(JSON)) $(DEMO_FLAGS)

test: $(VENV)/.test ## run every test, on a real Apache Kafka where Docker or Java 17 with Maven is at hand
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(TEST_FLAGS) </dev/null

check: $(VENV)/.test ## run what review would: formatting, lint, types, layers, generated files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m streamseg.wire.schema --check

format: $(VENV)/.test ## format and fix what can be fixed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)-bench/.bench ## measure the worker, its limits and other frameworks on a real Kafka (ROWS=worker,bare; SUITE=growth)
	@$(VENV)-bench/bin/python -m tests.bench$(if $(SUITE),.$(SUITE)) $(if $(ROWS),--rows $(ROWS)) $(if $(JSON),--json $(JSON)) $(BENCH_FLAGS)

latency: $(VENV)-bench/.bench ## measure how soon an output can be read: at a fixed rate, at half of the peak, idle (ROWS=idle-worker for some)
	@$(VENV)-bench/bin/python -m tests.bench.latency $(if $(ROWS),--rows $(ROWS)) $(if $(JSON),--json $(JSON)) $(BENCH_FLAGS)

lock: ## renew the hash-checked constraints (needs uv)
	printf 'setuptools>=77\n' | UV_CUSTOM_COMPILE_COMMAND='make lock' uv pip compile --quiet --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --extra demo --extra backtest --extra journey --extra bench --extra test pyproject.toml - -o constraints.txt
	printf 'setuptools>=77\n' | UV_CUSTOM_COMPILE_COMMAND='make lock' uv pip compile --quiet --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --extra demo -c constraints.txt pyproject.toml - -o constraints-demo.txt
	printf 'setuptools>=77\n' | UV_CUSTOM_COMPILE_COMMAND='make lock' uv pip compile --quiet --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --extra peers --extra test pyproject.toml - -o constraints-peers.txt

clean: ## remove the environment and every cache
	find streamseg -name '*.nb[ci]' -delete
	rm -rf $(VENV) $(VENV)-bench build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# --- the environment: each stamp stands for "installed from these pins" ---------------------------------------------------

$(BIN)/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info; \
	  v >= (3, 11) or sys.exit("streamseg needs Python 3.11 or newer, and $(PYTHON) is %d.%d; try: make PYTHON=python3.12 ..." % v[:2])'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "$(PYTHON) has no venv module; install it (Debian, Ubuntu: apt install python3-venv) and run make again" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: constraints-demo.txt pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints-demo.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.test: constraints.txt pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.demo

# The peers pin other versions than the tests: an environment of their own.
$(VENV)-bench/.bench: constraints-peers.txt pyproject.toml | $(BIN)/python
	$(PYTHON) -m venv $(VENV)-bench
	$(VENV)-bench/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints-peers.txt
	$(VENV)-bench/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
