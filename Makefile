# One word each. Nothing here uses the system's Python packages: everything stands in .venv.
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
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
export PYTHONDONTWRITEBYTECODE ?=

.DEFAULT_GOAL := help
.PHONY: screens help setup up worker test fast processes installing coverage browser bench bench-scale bench-pages bench-tabs bench-distributed bench-peers chaos sabotage fmt lint ci lock clean

help: ## Say what each target does
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-17s %s\n", $$1, $$2}'

# Refuses before anything is made, in the words of what is wrong.
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

# Installs a lock and nothing else: it names every package, so nothing is looked up, and what is
# published later changes nothing.
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

fast: lint ## Check style and types, then run the unit tests: what to run before each commit
	@$(BIN)/python -m pytest tests/unit -q

processes: $(VENV)/.dev ## Run the tests that start and kill processes of the product
	@$(BIN)/python -m pytest tests/integration/processes -q

installing: $(VENV)/.dev ## Check that the locks install on each Python with any pip, whatever is published later
	@$(BIN)/python -m pytest tests/installing -q -p no:cacheprovider

coverage: $(VENV)/.dev ## Measure which lines the tests reach, over SQLite
	@$(BIN)/coverage run -m pytest -q tests/unit tests/property tests/integration --ignore=tests/integration/processes
	@$(BIN)/coverage report

browser: $(VENV)/.dev ## Run the browser tests; needs Chromium
	@$(BIN)/python -m pytest tests/browser -q

bench-distributed: $(VENV)/.dev ## The same over PostgreSQL, Redis and worker processes
	@$(BIN)/python -m tests.benchmarks.distributed

chaos: $(VENV)/.dev ## Disturb real servers and workers under load, then check every promise (SEED, SEEDS, SECONDS)
	@$(BIN)/python -m tests.chaos --seconds $(SECONDS) $(if $(SEED),--seed $(SEED)) $(if $(SEEDS),--seeds $(SEEDS))

sabotage: $(VENV)/.dev ## Break one promise after the other, and see that tests or chaos notice (ONLY="fence-plain …", QUICK=1)
	@$(BIN)/python -m tests.chaos.sabotage $(if $(QUICK),--quick) $(if $(ONLY),--only $(ONLY))

screens: $(VENV)/.dev ## Pictures of every page, desktop and phone, light and dark (FOLDER, default .screens)
	@$(BIN)/python -m tests.screens $(if $(FOLDER),--folder $(FOLDER))

bench: $(VENV)/.dev ## Print figures, as JSON lines, over SQLite and over PostgreSQL
	@$(BIN)/python -m tests.benchmarks

bench-scale: $(VENV)/.dev ## What a step costs beside a million runs, timers, long runs, memory (ONLY=timers,length)
	@$(BIN)/python -m tests.benchmarks.scale --only "$(ONLY)"

bench-pages: $(VENV)/.dev ## What each page costs with ten runs and with a million (RUNS=1000000, STEPS=10000)
	@$(BIN)/python -m tests.benchmarks.pages --runs $(RUNS) --steps $(STEPS)

bench-tabs: $(VENV)/.dev ## 200 open run pages on one process while 20 runs emit 100 events a second
	@$(BIN)/python -m tests.benchmarks.tabs

bench-peers: $(VENV)/.dev ## Ours beside other engines, one table (PEERS_FOLDER, PEERS="mastra restate", ROUNDS)
	@$(BIN)/python -m tests.benchmarks.peers

fmt: $(VENV)/.dev ## Put the code into its one form
	@$(BIN)/ruff check --fix --quiet .
	@$(BIN)/ruff format --quiet .
	@$(BIN)/djade --target-version 5.2 $$(git ls-files 'templates/*.html')

lint: $(VENV)/.dev ## Check style, types, import floors, templates and migrations
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python manage.py makemigrations --check --dry-run
	@$(BIN)/djade --check --target-version 5.2 $$(git ls-files 'templates/*.html')

ci: ## Run all that must pass before a change lands
	@bash .ci/run

lock: ## Resolve the exact versions again (needs uv)
	uv pip compile pyproject.toml --universal --python-version 3.11 --quiet --no-annotate \
	  --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --custom-compile-command 'make lock' --output-file requirements.lock
	uv pip compile pyproject.toml --extra dev --extra browser --constraint requirements.lock \
	  --universal --python-version 3.11 --quiet --no-annotate --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' \
	  --output-file requirements-dev.lock

clean: ## Forget the virtual environment; the database stays
	@rm -rf $(VENV)
