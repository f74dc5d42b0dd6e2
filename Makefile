# One command for each job; CI runs these same commands.
#
# Plain Python and pip are enough. pip fetches uv, pinned in the lock like all else, and uv fills the
# environment (seconds where pip takes most of a minute); where uv finds no packages, pip does it all.
# With a uv of your own: uv venv --seed .venv && uv pip sync --require-hashes requirements.lock
#   && uv pip install --no-deps --no-build-isolation -e . && touch .venv/.made

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MADE := $(VENV)/.made
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
UV := $(BIN)/uv pip install --quiet --python $(BIN)/python
PACKAGES := bench fdt firmware_tracking notebooks processor projections query_api runtime schemas sources storage tests
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help docs setup compiled run test test-deep chaos secure containers soak mutants lint format bench bench-quick lock clean browser prometheus alerts screens vendor keycloak registry java client sbom scan audit analysis

help: ## List these targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 10

setup: $(MADE) compiled browser prometheus ## Make the environment from the hashed lock; Chromium, Prometheus
	@echo "The environment is ready: $(BIN)/fdt --help"

$(MADE): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: make setup PYTHON=/path/to/python3.11" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	awk '/^uv==/ {on = 1} on {print} on && !/\\$$/ {exit}' requirements.lock > $(VENV)/uv.txt
	$(PIP) --require-hashes -r $(VENV)/uv.txt
	$(UV) --require-hashes -r requirements.lock || $(PIP) --require-hashes -r requirements.lock
	$(PIP) --no-deps --no-build-isolation -e .
	@touch $(MADE)

compiled: $(MADE) ## Compile the rules, where there is a C compiler (docs/decisions/0026)
	@$(BIN)/python -m schemas.compiled --if-possible

browser: ## Install Chromium for the browser tests (as root on Debian; else says how)
	@sh tests/browser/install.sh

prometheus: $(MADE) ## Fetch Prometheus for the tests of alerts (Debian; else says how)
	@sh tests/monitoring/install.sh $(BIN)

alerts: $(MADE) ## Play a fault for each alert, and something that is nearly one
	@$(BIN)/python -m tests.monitoring

run: $(MADE) ## Run everything on this machine (ARGS="--devices 20000 --workers 2")
	@$(BIN)/fdt up $(ARGS)

test: compiled ## Run the tests (ARGS="tests/fdt/brokers -x")
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder $(ARGS)

test-deep: $(MADE) ## Hold the fold against its second reading, 20,000 examples a property
	$(BIN)/python -m pytest -m deep --hypothesis-profile=deep --timeout=7200 $(ARGS)

mutants: $(MADE) ## Change the rules one operator at a time; at least 95 % must be noticed
	$(BIN)/python -m tests.mutants $(ARGS)

lint: $(MADE) ## Check style, types and the direction of imports
	$(BIN)/ruff check $(PACKAGES)
	$(BIN)/ruff format --check $(PACKAGES)
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(MADE) ## Put the code into the common format
	$(BIN)/ruff check --fix $(PACKAGES)
	$(BIN)/ruff format $(PACKAGES)

bench: compiled ## Measure this processor beside its peers (ARGS=--write puts it into docs)
	$(BIN)/python -m bench $(ARGS)

bench-quick: compiled ## The same in less than five minutes
	$(BIN)/python -m bench --quick $(ARGS)

chaos: compiled ## Break the processor at length (docs/reliability.md)
	$(BIN)/python -m tests.simulation --seeds 10000
	$(BIN)/python -m pytest tests/chaos/test_full.py -m chaos -s $(ARGS)

secure: compiled ## Three secured nodes; credentials replaced while events flow
	$(BIN)/python -m pytest tests/chaos/test_secure.py -m chaos -s $(ARGS)

containers: $(MADE) browser ## Build, scan and run the Compose file on an engine (ARGS=--full)
	$(BIN)/python -m tests.containers $(ARGS)

soak: compiled ## A worker at full rate for 20 minutes (ARGS="--minutes 5")
	$(BIN)/python -m bench.soak $(ARGS)

docs: $(MADE) ## Build the manual as a site in site/; every link is checked
	$(BIN)/mkdocs build --quiet

screens: $(MADE) ## Make the pictures in docs/screens anew, by the browser tests
	SCREENS=docs/screens $(BIN)/python -m pytest tests/browser/test_every_page.py $(ARGS)

vendor: $(MADE) ## Fetch govuk-frontend and htmx anew (needs npm)
	$(BIN)/python -m query_api.screen.pages.vendor

analysis: compiled ## Simulate and export a campaign, run the notebook, write docs/analysis.md
	$(BIN)/python -m notebooks $(ARGS)

keycloak: $(MADE) ## Sign in at a real Keycloak, which is downloaded once (180 MB)
	$(BIN)/python -m pytest tests/browser/keycloak.py $(ARGS)

registry: $(MADE) ## Trouble at a real Apicurio, which is downloaded once (100 MB)
	$(BIN)/python -m pytest tests/schemas/real_registry.py -s $(ARGS)

java: $(MADE) ## Compile and run the publisher's example in Java (downloads 10 MB once)
	$(BIN)/python -m pytest tests/sources/publishing_in_java.py $(ARGS)

client: $(MADE) ## Make the typed Python client anew from docs/openapi.json
	$(BIN)/python -m fdt.contract.python_client

sbom: $(MADE) ## Write what the image and a developer's machine are made of (CycloneDX) to dist/
	$(BIN)/python -m tests.supply_chain sbom

scan: $(MADE) ## Look into the image: Debian's mended packages, the lock, no Java; completes its SBOM
	$(BIN)/python -m tests.supply_chain scan

audit: $(MADE) ## Ask the Python advisories about every pinned package (needs the internet)
	$(BIN)/python -m tests.supply_chain audit

lock: $(MADE) ## Resolve the dependencies anew: Python packages and the broker's jars
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --extra dev \
		--no-annotate --no-header --no-emit-index-url --no-emit-find-links \
		-o requirements.lock pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --extra read-side \
		--constraint requirements.lock --no-annotate --no-header --no-emit-index-url \
		--no-emit-find-links -o requirements.image.lock pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
		--no-annotate --no-header --no-emit-index-url --no-emit-find-links \
		-o client/generator.lock client/generator.in
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
		--no-annotate --no-header --no-emit-index-url --no-emit-find-links \
		-o tests/supply_chain/tools.lock tests/supply_chain/tools.in
	$(BIN)/python -m fdt.brokers.jars

clean: ## Delete what was made here, the environment and local data included
	rm -rf $(VENV) .fdt compiled_rules dist site .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find $(PACKAGES) -name __pycache__ -type d -prune -exec rm -rf {} +
