PYTHON ?= $(firstword $(shell for p in python3.11 python3.10 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 11))' 2>/dev/null && echo $$p; done))
BIN := .venv/bin
TORCH := 2.13.0

.PHONY: run test lint bench docs clean

run: .venv/installed
	$(BIN)/hypergraph run l1norm

test: .venv/installed
	$(BIN)/python -m pytest

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf .venv build dist .hypothesis .pytest_cache .mypy_cache .ruff_cache *.egg-info

# torch is installed first and exactly: a range would take the newest build, which brings CUDA packages along.
.venv/installed: pyproject.toml
	@test -n "$(PYTHON)" || { echo "no Python 3.10 or 3.11 found; name one with make PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check torch==$(TORCH)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@
