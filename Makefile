# Everything starts from Python >= 3.10 with pip and venv, and make. `make` alone lists the targets.
PYTHON ?= python3
VENV ?= .venv
VERSION ?= 3.4.0b2
ARGS ?=

BIN := $(VENV)/bin
RUN := $(VENV)/.run-installed
DEV := $(VENV)/.dev-installed
DOCS_VENV := .cache/docs
DOCS := $(DOCS_VENV)/.docs-installed
BENCH_VENV := .cache/bench
BENCH := $(BENCH_VENV)/.bench-installed
RESULTS := build/test-results.xml
PEERS := 3.3.2 3.4.0b2
# They interrupt the code under test at every line, and a coverage tracer with it, which then holds its lock for ever.
INTERRUPTING := tests/unit/runtime/test_channel.py
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check

.PHONY: help demo test test-fast test-pythons airflow-demo lint format docs docs-build capabilities messages bench peers lock clean
.DEFAULT_GOAL := help

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1	/p' $(firstword $(MAKEFILE_LIST)) | expand -t 22

demo: $(RUN)  ## pack the example and run its Dag here, without Airflow
	@mkdir -p build
	$(BIN)/afbundle pack examples/etl/tasks.py -o build/etl
	$(BIN)/afbundle run build/etl etl_example --retries 1 --var etl_source=s3://bucket/rows \
		--conn etl_warehouse=postgres://etl:secret@warehouse.example:5432/sales

test: $(DEV) peers  ## run every test, with two real Airflows
	@mkdir -p build
	$(BIN)/pytest --timeout-method=thread $(INTERRUPTING) $(ARGS)
	AFBUNDLE_REQUIRE_PEERS=1 $(BIN)/pytest --ignore=tests/conformance --ignore=$(INTERRUPTING) --junit-xml=$(RESULTS) \
		--cov --durations=10 $(ARGS)
	AFBUNDLE_RESULTS=$(RESULTS) $(BIN)/pytest tests/conformance

test-fast: $(DEV)  ## run the tests that need no Airflow
	$(BIN)/pytest -q -m "not integration and not e2e and not slow" $(ARGS)

test-pythons: $(DEV)  ## run the fast tests with every other Python that is here
	$(BIN)/python -m scripts.pythons test-fast

airflow-demo: $(RUN)  ## start a real Airflow (VERSION=3.3.2 or 3.4.0b2) with the example deployed
	$(BIN)/python -m scripts.install_peer $(VERSION) >/dev/null
	$(BIN)/python -m scripts.airflow_demo $(VERSION)

lint: $(DEV)  ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(DEV)  ## format the code and mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: docs-build  ## build the documents and serve them
	NO_MKDOCS_2_WARNING=1 $(DOCS_VENV)/bin/mkdocs serve

docs-build: $(DOCS)  ## build the documents, strictly
	NO_MKDOCS_2_WARNING=1 $(DOCS_VENV)/bin/mkdocs build --strict --quiet

capabilities: $(DEV)  ## render README's capability matrix from tests/conformance/capabilities.yaml
	$(BIN)/python scripts/capabilities.py

messages: $(DEV) peers  ## generate the message classes from the schemas of the installed Airflows
	$(BIN)/python scripts/generate_messages.py \
		--peer 2026-06-16=$$($(BIN)/python -m scripts.install_peer 3.3.2) \
		--peer 2026-10-30=$$($(BIN)/python -m scripts.install_peer 3.4.0b2)

bench: $(DEV) $(BENCH) peers  ## measure everything, beside other packagers and on real Airflows (ARGS=--quick: few rounds)
	$(BIN)/python -m bench --tools $(BENCH_VENV)/bin $(ARGS)

peers: $(DEV)  ## install the Airflows that the tests run against
	@$(BIN)/python -m scripts.install_peer $(PEERS) >/dev/null

lock: $(DEV)  ## write the lock files anew, from pyproject.toml and requirements/*.in
	$(LOCK) --python-version 3.10 --group dev -o requirements/dev.lock
	$(LOCK) --python-version 3.10 --group run -c requirements/dev.lock -o requirements/run.lock
	$(LOCK) --python-version 3.10 --group docs -o requirements/docs.lock
	$(LOCK) --python-version 3.10 requirements/bench.in -o requirements/bench.lock
	$(LOCK) --python-version 3.10 requirements/airflow-3.3.2.in -o requirements/airflow-3.3.2.lock
	$(LOCK) --python-version 3.11 requirements/airflow-3.4.0b2.in -o requirements/airflow-3.4.0b2.lock
LOCK := $(BIN)/uv pip compile --quiet --universal --generate-hashes --custom-compile-command "make lock"

clean:  ## remove everything that make made, environments and peers too
	rm -rf $(VENV) .cache build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage

# An interrupted installation leaves no stamp, and the next run repairs it.
$(RUN): requirements/run.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo 'afbundle needs Python 3.10 or newer: make PYTHON=/path/to/python3.x'; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python $(PIP_INSTALL) --require-hashes -r requirements/run.lock
	$(BIN)/python $(PIP_INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

$(DEV): $(RUN) requirements/dev.lock
	$(BIN)/python $(PIP_INSTALL) --require-hashes -r requirements/dev.lock
	@touch $@

$(DOCS): requirements/docs.lock
	$(PYTHON) -m venv $(DOCS_VENV)
	$(DOCS_VENV)/bin/python $(PIP_INSTALL) --require-hashes -r requirements/docs.lock
	@touch $@

$(BENCH): requirements/bench.lock
	$(PYTHON) -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/python $(PIP_INSTALL) --require-hashes -r requirements/bench.lock
	@touch $@
