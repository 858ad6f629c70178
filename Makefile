# One command checks everything: `make test`. Every tool runs from .venv, made from the locks.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
COMPILED := .venv-compiled
PIP := $(BIN)/pip install --quiet --disable-pip-version-check
LOCK := .venv-lock
UV := UV_CUSTOM_COMPILE_COMMAND="make lock" $(LOCK)/bin/uv pip compile --quiet --upgrade \
	--universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links
.NOTPARALLEL: # two pips in one environment get in each other's way
.PHONY: help demo test lint format bench peers prove night mutants live-proof notebooks lock compiled clean
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 16
demo: $(VENV)/.base; $(BIN)/tieout demo ## one story in a minute
test: lint $(VENV)/.notebooks $(VENV)/.servers ## everything that must hold before a commit lands
	PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -n 2 # the programs that it starts compile what they import once
lint: $(VENV)/.test $(VENV)/.live ## style, types and the direction of imports
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports
format: $(VENV)/.test ## let ruff lay out the code
	$(BIN)/ruff check --fix . && $(BIN)/ruff format .
bench: $(VENV)/.test $(VENV)/.bench; $(BIN)/python -m bench ## the figures, as ratios measured in one run
peers: $(VENV)/.base; $(BIN)/python -m bench.peers ## other backtesters to measure beside, in environments of their own
prove: $(VENV)/.test $(VENV)/.live; $(BIN)/python -m tieout.prove ## every claim at full size: held, failed or not run
mutants: $(VENV)/.test; $(BIN)/python -m tests.mutants ## bugs planted in a copy: what catches each, how soon
night: $(VENV)/.test ## storms for MINUTES=480; what was begun at this commit goes on
	$(BIN)/tieout campaign storm --seeds 0:100000 --short --jobs $$(nproc) --budget-minutes $(or $(MINUTES),480) --resume --out night/$$(git rev-parse --short HEAD)
live-proof: $(VENV)/.test $(VENV)/.live; $(BIN)/python -m tests.live_proof && $(BIN)/python -m tests.live_kills ## venues over real sockets, every fault, 60 kills: 15 minutes
notebooks: $(VENV)/.notebooks ## the notebooks, in jupyter lab
	$(BIN)/jupyter lab notebooks/
compiled: ## the same source through mypyc: a wheel in an environment of its own
	rm -rf build dist && $(MAKE) VENV=$(COMPILED) $(COMPILED)/.test
	TIEOUT_COMPILED=1 $(COMPILED)/bin/pip wheel --quiet --no-deps --no-build-isolation -w dist .
	$(COMPILED)/bin/pip install --quiet --no-deps --force-reinstall dist/*.whl && rm -rf build dist
	pwd > $$($(COMPILED)/bin/python -c 'import site; print(site.getsitepackages()[0])')/beside.pth
lock: ## pin everything anew, each set against the union of all
	test -x $(LOCK)/bin/uv || { $(PYTHON) -m venv $(LOCK) && $(LOCK)/bin/pip install --quiet uv; }
	$(UV) pyproject.toml requirements/build.in --all-extras -o $(LOCK)/union.txt
	$(UV) pyproject.toml -c $(LOCK)/union.txt -o requirements/base.txt
	for set in api dask kms live nats notebooks pkcs11 postgres test tokens; do \
	  $(UV) pyproject.toml --extra $$set -c $(LOCK)/union.txt -o requirements/$$set.txt || exit; done
	for set in bench build next node peers; do \
	  $(UV) requirements/$$set.in -c $(LOCK)/union.txt -o requirements/$$set.txt || exit; done
clean: ## forget every environment and everything built
	rm -rf .venv .venv-* build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Tieout needs \
	Python 3.11 or newer; $(PYTHON) is not. Try: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV) && touch $@
$(VENV)/.base: requirements/base.txt requirements/build.txt pyproject.toml $(VENV)/.made
	@echo "installing requirements/base.txt into $(VENV): a minute, and once" >&2
	$(PIP) --require-hashes -r requirements/base.txt -r requirements/build.txt
	$(PIP) --no-deps --no-build-isolation -e . && touch $@
$(VENV)/.servers: tests/servers/package-lock.json tests/softhsm.py $(if $(shell command -v npm),$(VENV)/.base,$(VENV)/.node)
	$(PYTHON) tests/softhsm.py || echo "what needs softhsm2 is skipped" >&2
	PATH="$$PATH:$(CURDIR)/$(BIN)" npm ci --silent --prefix $(<D) && touch $@ || echo "npm failed: its tests skip" >&2
$(VENV)/.%: requirements/%.txt $(VENV)/.base
	@echo "installing $< into $(VENV)" >&2
	$(PIP) --require-hashes -r $< && touch $@
