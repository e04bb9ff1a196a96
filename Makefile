# `make demo` shows LADDER at work; `make test` checks everything. Both make the venv they need.
PYTHON ?= python3
VENV ?= .venv
DUCKDB ?=
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo test lint docs clean

demo: $(INSTALLED)
	$(BIN)/ladder demo demo

test: $(INSTALLED) lint
	$(BIN)/python -m pytest -n 2 --dist loadfile

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check her2ladder
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(INSTALLED)
	$(BIN)/python -m her2ladder.cli.reference docs
	$(BIN)/python docs/make_site.py site

$(INSTALLED): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable .
	$(BIN)/python -m pip install --quiet --group dev $(if $(DUCKDB),'duckdb==$(DUCKDB)')
	touch $(INSTALLED)

clean:
	rm -rf $(VENV) demo build dist site
