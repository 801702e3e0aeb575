# One word for each target. Everything is installed in .venv, not in the system's Python.
SHELL := /bin/bash
PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8000
THREADS ?= 8
PROCESSES ?= 1
QUEUES ?=
SECONDS ?= 120
RUNS ?= 1000000
STEPS ?= 10000
VENV := .venv
BIN := $(VENV)/bin
AUDIT := .audit
DOCS := .docs
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
export PYTHONDONTWRITEBYTECODE ?=

.DEFAULT_GOAL := help
.PHONY: docs screens help setup up worker test fast processes hosts installing coverage browser bench bench-scale bench-pages bench-tabs bench-metrics bench-doors bench-distributed bench-peers chaos sabotage fmt words lint audit sbom ci lock clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-17s %s\n", $$1, $$2}'

# Fails with a clear message before anything is made.
$(VENV)/bin/python:
	@command -v $(PYTHON) >/dev/null || \
	  { echo "There is no $(PYTHON) here. Signalbox needs Python 3.11 or newer: make $(MAKECMDGOALS) PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Signalbox needs Python 3.11 or newer; $(PYTHON) is older. Try: make $(MAKECMDGOALS) PYTHON=python3.11"; exit 1; }
	@[ -w . ] || \
	  { echo "$(CURDIR) cannot be written by $$(id -un), and $(VENV) is made there. Make it writable, or clone into a folder of your own."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "$(PYTHON) cannot make a virtual environment; on Debian: apt install python3-venv"; exit 1; }
	@said=$$($(PYTHON) -m venv $(VENV) 2>&1) || \
	  { echo "$$said" | tail -n 5; echo "$(PYTHON) cannot make the virtual environment $(CURDIR)/$(VENV); the lines above say why."; rm -rf $(VENV); exit 1; }

# Installs exactly a lock. It names every package, so nothing is resolved, and packages that are
# published later change nothing.
define install
	@echo "Installing $(1) into $(VENV) ..."
	@{ $(PIP) install --no-deps --require-hashes --requirement $(1) && $(PIP) check; } >$(VENV)/pip.log 2>&1 || \
	  { tail -n 15 $(VENV)/pip.log; echo "pip could not install $(1); its last lines are above. Check the network and the disk, then run this again; if that does not help: make clean, and again."; exit 1; }
endef

# Stamps: the lock that was installed last.
$(VENV)/.run: requirements.lock | $(VENV)/bin/python
	$(call install,$<)
	@touch $@

$(VENV)/.dev: requirements-dev.lock | $(VENV)/bin/python
	$(call install,$<)
	@touch $@ $(VENV)/.run

setup: $(VENV)/.dev ## Install everything, tests and tools included

up: $(VENV)/.run ## Run everything in one process, with the demo (PORT=8123, HOST, DATABASE_URL)
	@$(BIN)/python manage.py up --demo --host $(HOST) --port $(PORT) --threads $(THREADS)

worker: $(VENV)/.run ## Run worker processes (REDIS_URL, DATABASE_URL; PROCESSES=2 THREADS=8 QUEUES=a,b)
	@$(BIN)/python manage.py worker --processes $(PROCESSES) --threads $(THREADS) --queues "$(QUEUES)"

test: $(VENV)/.dev ## Run the tests, over SQLite and over PostgreSQL
	@$(BIN)/python -m tests.run

fast: lint ## Check style and types and run the unit tests; run it before each commit
	@$(BIN)/python -m pytest tests/unit -q

processes: $(VENV)/.dev ## Run the tests that start and kill processes of the product
	@$(BIN)/python -m pytest tests/integration/processes -q -n 2 --dist loadfile

hosts: $(VENV)/.dev ## Install the wheel into new projects and use their pages; needs Chromium and the network
	@$(BIN)/python -m pytest tests/host -q -p no:cacheprovider

installing: $(VENV)/.dev ## Check that the locks install on each Python with any pip, whatever is published later
	@$(BIN)/python -m pytest tests/installing -q -p no:cacheprovider

coverage: $(VENV)/.dev ## Measure which lines the tests reach, over SQLite
	@$(BIN)/coverage run -m pytest -q tests/unit tests/property tests/integration --ignore=tests/integration/processes
	@$(BIN)/coverage report

browser: $(VENV)/.dev ## Run the browser tests; needs Chromium
	@$(BIN)/python -m pytest tests/browser -q

bench-distributed: $(VENV)/.dev ## Print figures over PostgreSQL, Redis and worker processes
	@$(BIN)/python -m tests.benchmarks.distributed

chaos: $(VENV)/.dev ## Disturb real servers and workers under load, then check every promise (SEED, SEEDS, SECONDS)
	@$(BIN)/python -m tests.chaos --seconds $(SECONDS) $(if $(SEED),--seed $(SEED)) $(if $(SEEDS),--seeds $(SEEDS))

sabotage: $(VENV)/.dev ## Break one promise after another, and check that tests or chaos notice (ONLY="fence-plain …", QUICK=1)
	@$(BIN)/python -m tests.chaos.sabotage $(if $(QUICK),--quick) $(if $(ONLY),--only $(ONLY))

screens: $(VENV)/.dev ## Take pictures of every page, desktop and phone, light and dark (FOLDER, default .screens)
	@$(BIN)/python -m tests.screens $(if $(FOLDER),--folder $(FOLDER))

bench: $(VENV)/.dev ## Print figures, as JSON lines, over SQLite and over PostgreSQL
	@$(BIN)/python -m tests.benchmarks

bench-scale: $(VENV)/.dev ## Measure a step beside a million runs, timers, long runs, memory (ONLY=timers,length)
	@$(BIN)/python -m tests.benchmarks.scale --only "$(ONLY)"

bench-pages: $(VENV)/.dev ## Measure each page with ten runs and with a million (RUNS=1000000, STEPS=10000)
	@$(BIN)/python -m tests.benchmarks.pages --runs $(RUNS) --steps $(STEPS)

bench-tabs: $(VENV)/.dev ## Measure 200 open run pages on one process while 20 runs emit 100 events a second
	@$(BIN)/python -m tests.benchmarks.tabs

bench-metrics: $(VENV)/.dev ## Measure an answer of /metrics beside a million runs (RUNS=1000000)
	@$(BIN)/python -m tests.benchmarks.metrics --runs $(RUNS)

bench-doors: $(VENV)/.dev ## Measure starts over HTTP, and 1,000 waiting requests beside 500 event streams
	@$(BIN)/python -m tests.benchmarks.doors

bench-peers: $(VENV)/.dev ## Compare with other engines in one table (PEERS_FOLDER, PEERS="mastra restate", ROUNDS)
	@$(BIN)/python -m tests.benchmarks.peers

fmt: $(VENV)/.dev ## Format code and templates
	@$(BIN)/ruff check --fix --quiet .
	@$(BIN)/ruff format --quiet .
	@$(BIN)/djade --target-version 5.2 $$(git ls-files 'templates/*.html')

words: $(VENV)/.dev ## Collect the sentences of the pages into the catalogues, and compile these
	@$(BIN)/python -m tests.catalogues

lint: $(VENV)/.dev ## Check style, types, import layers, security, templates and migrations
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/bandit --quiet --recursive --configfile pyproject.toml workflows_app dashboard worker manage.py
	@$(BIN)/python manage.py makemigrations --check --dry-run
	@$(BIN)/djade --check --target-version 5.2 $$(git ls-files 'templates/*.html')

$(AUDIT)/.done: requirements-audit.lock | $(VENV)/bin/python
	@$(BIN)/python -m venv $(AUDIT)
	@$(AUDIT)/bin/python -m pip --disable-pip-version-check --quiet install --no-deps \
	  --require-hashes --requirement $<
	@touch $@

audit: $(AUDIT)/.done ## Ask whether a package of the locks has a known vulnerability (needs the network)
	@$(AUDIT)/bin/python -m tests.audit requirements.lock requirements-dev.lock requirements-docs.lock requirements-audit.lock

sbom: $(AUDIT)/.done ## Write sbom.json: every package of the product, in the form of CycloneDX
	@$(AUDIT)/bin/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible \
	  --of JSON --output-file sbom.json requirements.lock

$(DOCS)/.done: requirements-docs.lock | $(VENV)/bin/python
	@$(BIN)/python -m venv $(DOCS)
	@$(DOCS)/bin/python -m pip --disable-pip-version-check --quiet install --no-deps \
	  --require-hashes --requirement $< >$(DOCS)/pip.log 2>&1 || { tail -n 15 $(DOCS)/pip.log; exit 1; }
	@touch $@

docs: $(DOCS)/.done ## Build the documentation as a site, into site/ (open site/index.html)
	@NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build --strict --quiet --clean
	@echo "site/index.html"

ci: ## Run all that must pass before a change lands
	@bash .ci/run

lock: ## Resolve the exact versions again (needs uv)
	uv pip compile pyproject.toml --extra product --universal --python-version 3.11 --quiet --no-annotate \
	  --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --custom-compile-command 'make lock' --output-file requirements.lock
	uv pip compile pyproject.toml --extra product --extra dev --extra browser --constraint requirements.lock \
	  --universal --python-version 3.11 --quiet --no-annotate --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' \
	  --output-file requirements-dev.lock
	uv pip compile requirements-docs.in --universal --python-version 3.11 --quiet \
	  --no-annotate --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --custom-compile-command 'make lock' --output-file requirements-docs.lock
	uv pip compile requirements-audit.in --universal --python-version 3.11 --quiet \
	  --no-annotate --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --custom-compile-command 'make lock' --output-file requirements-audit.lock

clean: ## Remove the virtual environment; the database stays
	@rm -rf $(VENV) $(AUDIT) $(DOCS) site
