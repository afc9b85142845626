# Everything a newcomer runs. Each target makes the environment it needs.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO ?= build/demo

.PHONY: help env demo test test-full lint bench clean

help:
	@echo "make demo   a small HSC-like Gen2 repository, converted and verified"
	@echo "make test   all tests"
	@echo "make test-full  tests of hostile repositories with 1,500,000 rows, too (minutes)"
	@echo "make lint   ruff and mypy"
	@echo "make bench  speed as a ratio to bare daf_butler, 50,000 and 500,000 files (many minutes)"

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $(STAMP)

env: $(STAMP)

demo: env
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m fixtures.demo $(DEMO)

test: env
	$(BIN)/python -m pytest -n 2 --dist loadfile -q tests

test-full: env
	GEN2TO3_FULL=1 $(BIN)/python -m pytest -q tests/gallery/test_memory.py tests/undoing/test_killed.py

lint: env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: env
	$(BIN)/python -m benchmarks.run
	$(BIN)/python -m benchmarks.imports
	$(BIN)/python -m benchmarks.curating
	$(BIN)/python -m benchmarks.visits --output benchmarks/results/visits.json

clean:
	rm -rf build .pytest_cache .mypy_cache .ruff_cache .hypothesis
