# Every recipe works in a clean clone on a machine that has Python 3.11+ and make, and sets itself up.
# `make` alone lists the targets.

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.ready
SOURCES := src tests bench
CLIENTS := feldera kfp ubiops cdap/http

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-all slt check format-check lint types imports fix docs bench conformance lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## make .venv from the lock file and warm the caches; nothing to do the second time

$(STAMP): requirements.lock requirements-demo.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is $$($(PYTHON) --version 2>&1); Penstock needs 3.11 or newer: make PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --no-build-isolation \
	  -r requirements-demo.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@if test -f src/penstock/boot/warm.py; then $(BIN)/python -m penstock.boot.warm; fi
	@touch $@

demo: setup ## run the main job on real data; make demo NAME=kfp: a training pipeline
	$(BIN)/penstock demo $(NAME)

test: setup ## the whole default test suite, then the released clients against a server of ours
	$(BIN)/python -m pytest -n auto
	@for dialect in $(CLIENTS); do $(BIN)/python tests/conformance/run.py $$dialect || exit 1; done

test-all: setup ## the default suite and the slow tests
	$(BIN)/python -m pytest -n auto -m 'not conformance'

check: setup format-check lint imports types ## what a change must pass: format, lint, import contracts, types, unit and SQL tests
	$(BIN)/python -m pytest -n auto $(wildcard tests/unit tests/sql tests/toy_dialect tests/contracts tests/docs)

format-check: setup
	$(BIN)/ruff format --check $(wildcard $(SOURCES))

lint: setup
	$(BIN)/ruff check $(wildcard $(SOURCES))

imports: setup
	$(BIN)/lint-imports

types: setup
	$(BIN)/mypy

fix: setup ## format, and mend what can be mended
	$(BIN)/ruff format $(wildcard $(SOURCES))
	$(BIN)/ruff check --fix $(wildcard $(SOURCES))

docs: setup ## write the generated pages of docs/ anew
	$(BIN)/python -m tests.docs.generate

bench: setup ## run a benchmark: make bench NAME=nexmark
	@test -n "$(NAME)" || { echo "say which: make bench NAME=<folder below bench/>"; exit 2; }
	$(BIN)/python -m bench.$(NAME) $(ARGS)

slt: setup ## run files of the public SQLLogicTest corpus: make slt FILE=<files or folders> [ARGS='--queries 20000 --jobs 2']
	@test -n "$(FILE)" || { echo "say which: make slt FILE=<a .test file, or a folder of them>"; exit 2; }
	$(BIN)/python -m tests.sql.corpus $(ARGS) $(FILE)

conformance: setup ## drive the server with a peer's own client: make conformance DIALECT=feldera
	@test -n "$(DIALECT)" || { echo "say which: make conformance DIALECT=<folder below tests/conformance/>"; exit 2; }
	$(BIN)/python tests/conformance/run.py $(DIALECT) $(ARGS)

lock: setup ## write requirements.lock anew from pyproject.toml (needs uv)
	uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-header --output-file requirements.lock --quiet

clean: ## remove everything that was made
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
