# `make demo` and `make test` set up a fresh machine by themselves: Python 3.11, make and a C++ compiler are enough.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
HAZELNUT := build/hazelnut/napari_flim_phasor_plotter/data/hazelnut_FLIM_single_image.ptu
DEMO_MODEL := seq2seqlite-tcspc-80mhz-float

# A file of tests stays in one process, so that no process waits for what another one builds.
WHOLE_FILES := --dist loadscope --no-loadscope-reorder

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.NOTPARALLEL:
# What is tested is this checkout, whatever the shell points Python at.
unexport PYTHONPATH PYTHONHOME

.PHONY: setup chromium qt demo test test-hardware test-exhaustive lint docs benchmarks lock hazelnut clean

setup: $(STAMP)

$(STAMP): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "error: $(PYTHON) is $$($(PYTHON) --version 2>&1); seq2seqlite needs Python 3.11 or newer: make PYTHON=python3.11" >&2; \
	  exit 2; }
	@echo 'Installing the locked packages into $(VENV): one to two minutes.' >&2
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --quiet --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --quiet --no-deps --no-build-isolation -e .
	@touch $@

hazelnut: $(HAZELNUT)

$(HAZELNUT): requirements/hazelnut.txt | setup
	rm -rf build/hazelnut
	$(BIN)/python -m pip install --quiet --quiet --no-deps --no-compile --require-hashes --target build/hazelnut -r requirements/hazelnut.txt
	@touch $@

demo: setup hazelnut
	$(BIN)/seq2seqlite image $(HAZELNUT) --model $(DEMO_MODEL) --quality --regions examples/hazelnut/regions.geojson \
	  --phasor-medians 2 --out build/demo

# The page of `view` is tested in a real browser. Without one, its tests are skipped and listed at the end.
chromium:
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || { \
	  [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null; } || \
	  echo 'Chromium is not installed: the tests of the page in the browser will be skipped.' >&2

# The widget of napari is tested without a screen. Without these libraries, its tests are skipped and listed.
qt: setup
	@$(BIN)/python -c 'import PySide6.QtWidgets' 2>/dev/null || { \
	  [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
	    libegl1 libgl1 libxkbcommon0 libdbus-1-3 libfontconfig1 libglib2.0-0 >/dev/null; } || \
	  echo 'Libraries of Qt are not installed: the tests of the napari widget will be skipped.' >&2

lint: setup
	$(BIN)/python -m ruff check
	$(BIN)/python -m ruff format --check
	$(BIN)/python -m mypy
	$(BIN)/lint-imports

docs: setup
	$(BIN)/python -m sphinx -q -W --keep-going -b html -d build/doctrees $(DOCS_OPTIONS) docs build/docs

# Lint and docs use one core each. pytest comes last: its closing line is the result. Its tests share the cores.
# Every page repeats the contents of all pages: without the objects of the packages they take half of the time.
test: setup hazelnut chromium qt
	@$(MAKE) --no-print-directory docs DOCS_OPTIONS='-D toc_object_entries=0' & docs=$$!; \
	  code=0; $(MAKE) --no-print-directory lint || code=$$?; \
	  wait $$docs && exit $$code
	$(BIN)/python -m pytest --numprocesses auto $(WHOLE_FILES)

# The shipped designs whole: exactness, LUTs of large parts, place and route. Some two hours on two cores.
test-hardware: setup hazelnut
	CXXFLAGS=-O1 $(BIN)/python -m pytest tests -m hardware_full

# Checks of the suite again, on all shipped models and many more pixels.
test-exhaustive: setup hazelnut
	$(BIN)/python -m pytest tests -m exhaustive --numprocesses auto $(WHOLE_FILES)

benchmarks: setup hazelnut
	for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python "$$script"; done

# Newer versions on purpose only: `make lock LOCK=--upgrade`.
lock: setup
	$(BIN)/python -m uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --quiet \
	  --custom-compile-command 'make lock' --all-extras $(LOCK) pyproject.toml -o requirements/dev.txt
	$(BIN)/python -m uv pip compile --no-deps --python-version 3.11 --generate-hashes --no-emit-index-url --quiet \
	  --custom-compile-command 'make lock' requirements/hazelnut.in -o requirements/hazelnut.txt

clean:
	rm -rf build $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests docs benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
