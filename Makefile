# Everything a newcomer runs. Each target makes the environment it needs.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO ?= build/demo
# SQLite waits for the disk at each commit, and tests make hundreds of repositories: in memory, where there is room.
TEST_TMP ?= $(shell test -w /dev/shm && test $$(df --output=avail /dev/shm | tail -1) -gt 6000000 && echo /dev/shm || echo $${TMPDIR:-/tmp})
PYTEST := TMPDIR=$(TEST_TMP) $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -q

.PHONY: help env demo test test-full test-faults lint bench clean

help:
	@echo "make demo   a small HSC-like Gen2 repository, converted and verified"
	@echo "make test   all tests"
	@echo "make test-full  all cases of which make test takes a sample (an hour)"
	@echo "make test-faults  commands killed at every write, and other faults, not only a sample (half an hour)"
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
	$(PYTEST) tests

test-full: env
	GEN2TO3_FULL=1 $(PYTEST) --ignore=tests/faults tests

test-faults: env
	GEN2TO3_FULL=1 TMPDIR=$(TEST_TMP) $(BIN)/python -m pytest -n 2 -q tests/faults

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
