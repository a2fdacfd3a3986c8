# Two commands do everything on a fresh machine: `make run` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
# What tells most in half a minute: no server, no model trained for minutes, no crash.
QUICK := $(addprefix tests/,test_house.py test_docs.py) $(addprefix tests/recengine/,evaluation warehouse serving \
    models/parts models/test_ease.py models/test_hybrid.py movielens/test_layouts.py runtime/test_paths.py \
    runtime/test_resources.py selection/test_gate.py selection/test_guard.py selection/test_candidates.py \
    test_ingest.py test_features.py test_score.py)
# What computes gives way to what waits for a server.
COMPUTES := nice -n 10 $(BIN)/python
# Rooms that take the longest.
MODELS := $(addprefix tests/recengine/,models rules selection serving upkeep)

.PHONY: run serve check test test-all test-browser browser postgres docs ray test-ray lint types tests-engine tests-models tests-flows tests-server clean help

help:            ## what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/:/'

run: .venv/run   ## the whole night on the built-in demo data, ending with a table on screen
	$(BIN)/recengine run

serve: .venv/run ## Prefect server, schedules and worker until Ctrl-C
	$(BIN)/recengine serve

check: lint types ## a minute: ruff, mypy and the quick tests, after every change
	$(BIN)/python -m pytest -m "not slow and not browser" $(QUICK)

test:            ## everything CI checks; four parts of the tests run side by side, each says at its end how it went
	$(MAKE) --no-print-directory --jobs=4 $(if $(filter output-sync,$(.FEATURES)),--output-sync=target) \
	    lint types tests-server tests-flows tests-engine tests-models

lint: .venv/dev  ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/dev ## mypy
	$(BIN)/mypy

tests-engine: .venv/dev ## pytest of recengine; real data is used where RECENGINE_DATASETS names its folder
	$(COMPUTES) -m pytest -m "not slow and not browser" tests/recengine $(addprefix --ignore ,$(MODELS))

tests-models: .venv/dev ## pytest of the engine's larger rooms: models, rules, selection, what readers get, upkeep
	$(COMPUTES) -m pytest -m "not slow and not browser" $(MODELS)

tests-flows: .venv/dev ## pytest of flows, the house and its pages
	$(BIN)/python -m pytest -m "not slow and not browser" --ignore tests/recengine --ignore tests/flows/server

tests-server: .venv/dev ## pytest of Prefect's server, schedules and worker, as serve starts them
	$(BIN)/python -m pytest -m "not slow and not browser" tests/flows/server

test-all: lint types ## everything CI checks, and minutes of real crashes and restarts
	$(BIN)/python -m pytest -m ""

browser: .venv/dev ## a Chromium for the browser tests, where this machine lets us install one
	command -v chromium >/dev/null \
	    || { [ "$$(id -u)" = 0 ] && apt-get -qq update \
	        && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends chromium; } \
	    || $(BIN)/python -m playwright install chromium \
	    || echo "No Chromium could be installed: the browser tests will be skipped."

postgres:        ## a PostgreSQL server for the tests of exports, where this machine lets us install one
	command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 \
	    || { [ "$$(id -u)" = 0 ] && apt-get -qq update \
	        && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends postgresql; } \
	    || echo "No PostgreSQL could be installed: the tests of its exports will be skipped."

ray: .venv/dev   ## Ray, for the tests of a cluster; nothing else needs its 300 MB
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt 'ray[client]' \
	    || echo "No Ray could be installed: the tests of a cluster will be skipped."

test-ray: .venv/dev ## fits and lists by a Ray cluster of this machine, half a minute; skipped, saying so, without Ray
	$(BIN)/python -m pytest -m "not slow" -rs tests/recengine/engine

test-browser: .venv/dev ## a person's way through the Prefect UI; skipped, saying so, without a Chromium
	$(BIN)/python -m pytest -m "browser and not slow" -rs tests/flows/server/test_browser.py \
	    tests/flows/server/test_browse.py tests/flows/server/test_site_in_a_browser.py tests/recengine/serving/test_report_on_a_phone.py

docs: .venv/dev  ## the pages as a site, in site/: open site/index.html
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

clean:           ## remove the virtual environment and caches; data/ stays
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("recengine needs Python 3.11 or newer; set PYTHON=python3.x" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv

.venv/run: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[flows]'
	$(BIN)/python -m flows.server.ready & $(BIN)/python -m recengine.upkeep.precompile && wait $$!
	touch $@

.venv/dev: .venv/run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@
