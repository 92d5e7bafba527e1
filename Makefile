PYTHON ?= $(firstword $(shell for p in python3.11 python3.12 python3.13 python3.14 python3.10 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null && echo $$p; done))
BIN := .venv/bin
TORCH := 2.13.0
RUNS := runs/results/paper runs/results/sizes
WIDTHS := $(addprefix runs/widths/,17 20 24 32 36 40 48)

TASKS := $(addprefix runs/tasks/,maximum maximum-deep maximum-shallow multiplication parity parity-deep parity-shallow)

CANON := $(addprefix runs/canon/,modular superposition $(addprefix modular-width,6 12 18 30))

.PHONY: run test quick coverage lint sanitize bench gpu vendor types soak docs results tasks canon discovery clean site dist \
	wheels oldest $(RUNS) $(WIDTHS) $(TASKS) $(CANON)

run: .venv/installed
	$(BIN)/hypergraph run l1norm

test: .venv/installed
	$(BIN)/python -m pytest -n 2 --dist loadfile

# the tests that a change needs most: under a minute
quick: .venv/installed
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow"

coverage: .venv/installed
	rm -rf build/coverage
	$(BIN)/coverage run -m pytest -n 2 --dist loadfile
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The tests of the compiled hypernetwork, on a build that stops at any access out of bounds and any undefined behaviour.
# libstdc++ is loaded early because AddressSanitizer must find it before the first C++ exception.
SANITIZED := build/sanitized
sanitize: .venv/installed
	mkdir -p $(SANITIZED)
	gcc -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -Wall -Wextra -Wno-psabi -fopenmp -fPIC -shared \
		hypergraph/model/kernel/blocks.c -o $(SANITIZED)/_blocks.so
	LD_PRELOAD="$$(gcc -print-file-name=libasan.so) libstdc++.so.6" ASAN_OPTIONS=detect_leaks=0 SANITIZED_BLOCKS=$(SANITIZED) \
		$(BIN)/python -m pytest -k "not without_threads" tests/model/test_compiled.py tests/model/test_kernel.py

bench: .venv/installed
	PYTHONPATH=tests $(BIN)/python -m benchmarks build/benchmarks.json

# checks and measurements of a GPU: ten minutes at most; a table in build/gpu.md
gpu: .venv/installed
	PYTHONPATH=tests $(BIN)/python -m gpu build

# the libraries of the report's page, fetched and checked by their hashes
vendor:
	$(PYTHON) docs/vendor.py

# the types that the page's scripts state in their comments
types:
	mkdir -p build && cd build && npm install --silent --no-save typescript@5
	build/node_modules/.bin/tsc -p hypergraph/report/page/jsconfig.json

# what docs/reliability.md reports: an hour on two cores
KILLS := 100
soak: .venv/installed
	PYTHONPATH=tests $(BIN)/python -m crash $(KILLS)
	PYTHONPATH=tests $(BIN)/python -m crash.nodes 20
	PYTHONPATH=tests $(BIN)/python -m crash.head
	test "$$(id -u)" != 0 || PYTHONPATH=tests $(BIN)/python -m crash.networks
	PYTHONPATH=tests $(BIN)/python -m endurance 20000
	PYTHONPATH=tests $(BIN)/python -m fuzz --seed 0 --inputs 100000

# the runs that docs/default-run.md reports: about half an hour; finished ones are not run again
SEEDS := 0 1 2 3
docs: .venv/installed
	for seed in $(SEEDS); do test -e runs/docs/seed$$seed/result.json \
		|| $(BIN)/hypergraph run l1norm --seed $$seed --out runs/docs/seed$$seed || exit 1; done
	$(BIN)/python docs/default_runs.py $(SEEDS:%=runs/docs/seed%)

# the runs that docs/results.md reports: an hour on two cores; an interrupted one goes on
results: $(RUNS) $(WIDTHS)
	$(BIN)/python docs/results.py $(RUNS)
	$(BIN)/python docs/widths.py $(WIDTHS)
$(WIDTHS): OPTIONS = --layers 16,$(@F),1 --wiring 1 --steps 8000
runs/results/paper: OPTIONS := --preset paper
runs/results/sizes: OPTIONS := --preset paper --members 3 --steps 45000 --layers 6-20:2,x3,1 --layers 24-48:8,x3,1

# the runs that docs/tasks.md reports: ten minutes on two cores
tasks: $(TASKS)
	$(BIN)/python docs/tasks.py $^
# the runs that docs/canon.md reports: under an hour on one core
canon: $(CANON)
	$(BIN)/python docs/phase_change.py runs/canon/phase-change.json
	$(BIN)/python docs/canon.py runs/canon
# the families and programs that docs/discovery.md reports, of those runs and of docs/default-run.md
FOUND := $(SEEDS:%=runs/docs/seed%) $(addprefix runs/tasks/,maximum multiplication parity) runs/results/paper
discovery: docs tasks runs/results/paper
	for run in $(FOUND); do $(BIN)/hypergraph discover $$run || exit 1; done
	$(BIN)/python docs/discovery.py $(FOUND)
	$(BIN)/python docs/programs.py $(SEEDS:%=runs/docs/seed%)
$(RUNS) $(WIDTHS): TASK := l1norm
$(TASKS) $(CANON): TASK = $(firstword $(subst -, ,$(@F)))
# without a wired encoder, no member learns to multiply
runs/tasks/multiplication: OPTIONS := --wiring 1
%-deep: OPTIONS := --layers 4,16,8,1
%-shallow: OPTIONS := --layers 4,16,1
$(CANON): OPTIONS := --wiring 1 --steps 10000
runs/canon/modular-width%: OPTIONS = --wiring 1 --steps 10000 --set p=11 --set hidden=$(@F:modular-width%=%)
$(RUNS) $(WIDTHS) $(TASKS) $(CANON): .venv/installed
	grep -qs '"analysis_seconds": [0-9]' $@/result.json || $(BIN)/hypergraph run $(TASK) --out $@ \
		$$(test -e $@/config.json && echo --resume || echo $(OPTIONS))

clean:
	rm -rf .venv .cache build dist .hypothesis .pytest_cache .mypy_cache .ruff_cache *.egg-info

# torch is installed first and exactly: a range would take the newest build, which brings gigabytes of CUDA along. Where
# no GPU is found, the CPU build is tried before the default one, from the configured index and then from PyTorch's own.
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# No wheel of DGL is tagged for Python 3.13 and later, but that for 3.12 works there.
DGL := $(PIP) networkx pandas requests scipy tqdm && $(PIP) --no-deps --only-binary=:all: --python-version 3.12 \
	--target "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" 'dgl>=2.1,<2.2'
CPU_INDEX := https://download.pytorch.org/whl/cpu
.venv/installed: pyproject.toml $(wildcard hypergraph/model/kernel/*.c hypergraph/model/kernel/*.inc)
	@test -n "$(PYTHON)" || { echo "no Python 3.10 or later found; name one with make PYTHON=..." >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	{ ! command -v nvidia-smi >/dev/null && { $(PIP) torch==$(TORCH)+cpu 2>/dev/null \
		|| $(PIP) --retries 1 --timeout 15 --index-url $(CPU_INDEX) torch==$(TORCH)+cpu 2>/dev/null; }; } || $(PIP) torch==$(TORCH)
	$(PIP) -e '.[dev]'
	@$(BIN)/python -c 'import importlib.metadata; importlib.metadata.version("dgl")' 2>/dev/null || { $(DGL); } \
		|| echo "DGL cannot be installed here: plain torch takes its place, and the tests that need DGL are left out" >&2
	@touch $@

# the documentation as pages of build/site, which can be opened from there; a link that leads nowhere is an error
site: .venv/site
	$(BIN)/python docs/pages.py
	cp docs/mkdocs.yml build/ && $(BIN)/zensical build --clean --strict --config-file build/mkdocs.yml
.venv/site: .venv/installed
	$(PIP) -e '.[docs]'
	@touch $@

# an sdist, a wheel made from it for this machine, and what an index would say to them
dist: .venv/installed
	$(PIP) build twine
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/twine check --strict dist/*

# wheels of every Python; on Linux they are built in containers, so that they run on older systems too
wheels: .venv/installed
	$(PIP) 'cibuildwheel>=4,<5'
	$(BIN)/cibuildwheel --output-dir dist/wheels

# the tests on the oldest Python and the oldest dependencies that pyproject.toml admits
OLDEST := build/oldest/bin/python
oldest:
	python3.10 -m venv build/oldest
	$(OLDEST) -m pip install --quiet --disable-pip-version-check -c tests/oldest.txt -e '.[dev]'
	$(OLDEST) -m pytest -n 2 --dist loadfile
