# The way from a fresh clone to results: make setup, make demo, make test. `make` lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTHON ?=

# Nothing here needs a model hub: without this, a hub that is slow or blocked would be waited for.
export HF_HUB_OFFLINE := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# pip compiles nothing here (see below), so that a process would compile 2,700 modules on each start.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo test lint browser clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name what; do \
		printf 'make %-8s %s\n' "$$name" "$$what"; done
	@echo 'PYTHON=/path/to/python3 chooses the interpreter that make setup uses.'

setup: $(STAMP) ## make .venv with the tested versions of all that sdbench needs

# A command named python3.12 may be a shim that only complains, so each candidate is executed. The
# pinned versions are tested on 3.11, hence the order: whatever python3 is, if it is close to that.
# --no-compile: pip would compile 16,000 files for a minute, and Python compiles those it imports.
$(STAMP): pyproject.toml constraints.txt
	@fits() { "$$1" -c 'import ensurepip, sys, venv; low, high = (tuple(map(int, a.split("."))) for a in sys.argv[1:]); raise SystemExit(not low <= sys.version_info[:2] <= high)' "$$2" "$$3" >/dev/null 2>&1; }; \
	found=; \
	if [ -n "$(PYTHON)" ]; then \
		fits "$(PYTHON)" 3.10 3.999 || { \
			echo 'make setup: PYTHON=$(PYTHON) is not a working Python of version 3.10 or later' \
				'with the modules venv and ensurepip.' >&2; exit 1; }; \
		found="$(PYTHON)"; \
	elif fits python3 3.11 3.13; then found=python3; \
	else \
		for candidate in python3.13 python3.12 python3.11 python3.10 python3; do \
			if fits "$$candidate" 3.10 3.999; then found="$$candidate"; break; fi; \
		done; \
	fi; \
	if [ -z "$$found" ]; then \
		echo 'make setup: found no Python of version 3.10 or later that has venv and ensurepip.' >&2; \
		echo '  On Debian and Ubuntu: apt-get install python3 python3-venv' >&2; \
		echo '  Elsewhere, name one:  make setup PYTHON=/path/to/python3' >&2; \
		exit 1; \
	fi; \
	echo "make setup: $$("$$found" --version) ($$found), into $(VENV); the first time takes minutes"; \
	$(BIN)/python -c 'import pip' >/dev/null 2>&1 || "$$found" -m venv --clear $(VENV)
	@echo 'make setup: installing sdbench and the versions in constraints.txt'
	@$(BIN)/python -m pip install -qq --no-compile -c constraints.txt -e ".[dev]"
	@touch $@
	@echo 'make setup: done; $(BIN)/sdbench --help says how to go on'

demo: setup ## measure the built-in pipeline on this machine and write reports/demo.html
	$(BIN)/sdbench run suites/demo.yaml --report reports/demo.html

# A process takes up to 2 GB, hence four at most. The tests of a file share what they load, and some
# their order, so a file stays in one process; tests/conftest.py has the longest files begin.
test: setup browser ## run all tests, on up to four cores
	$(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

lint: setup ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

browser: ## install Chromium for the tests of the report, where apt-get can
	@has_browser() { command -v chromium || command -v chromium-browser || command -v google-chrome; }; \
	if has_browser >/dev/null; then exit 0; fi; \
	if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
		echo 'make browser: installing chromium with apt-get'; \
		export DEBIAN_FRONTEND=noninteractive; \
		{ apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; } \
			>/dev/null </dev/null || true; \
	fi; \
	if ! has_browser >/dev/null; then \
		echo '*****************************************************************************' >&2; \
		echo '* make browser: there is no Chromium, so the browser tests will be SKIPPED. *' >&2; \
		echo '* Install one by hand, for example: sudo apt-get install chromium           *' >&2; \
		echo '*****************************************************************************' >&2; \
	fi

clean: ## remove what make has made, but no results
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .benchmarks reports/demo.html
	find sdbench tests -name __pycache__ -type d -prune -exec rm -rf {} +
