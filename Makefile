# The commands of this repository; `make help` lists them. Everything they need is in .venv, which `make setup` makes.
.DEFAULT_GOAL := help
.PHONY: help setup demo test score lint format types protos protos-check bench bench-reads lock grpcurl clean

PORT ?= 50051
ONCE ?=
ARGS ?=
WORKERS ?= 2
CASES ?= ../shared/nlq
export PORT ONCE

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Make .venv with everything in it (quick when nothing changed)
	@scripts/setup.sh

demo: setup ## Import the example, serve it on 127.0.0.1:$PORT (50051), ask, synchronize with a simulated PEMS, stay up; ONCE=1 ends then
	@scripts/demo.sh

# Files of tests go to whichever worker is free, those of processes and databases first: the small ones at the end even
# out what is left. Tests start a few hundred processes; where nothing may be compiled ahead, each compiles all it imports.
test: setup ## Run every test, on $WORKERS processes (2); ARGS="-k word" passes options to pytest, which is then alone
	@env -u PYTHONDONTWRITEBYTECODE .venv/bin/pytest $(or $(ARGS),-n $(WORKERS) --dist loadfile --no-loadscope-reorder)

score: setup ## Answer the question cases in $CASES (../shared/nlq) and print how many are exact
	@CASES="$(CASES)" scripts/score.sh

lint: setup ## Check style: ruff, and buf for the protos
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/buf lint

format: setup ## Mend what ruff can mend, and format
	@.venv/bin/ruff check --fix-only .
	@.venv/bin/ruff format .

types: setup ## Check types: mypy, strict
	@.venv/bin/mypy

protos: setup ## Generate src/pfa/v1 from protos/
	@scripts/protos.sh

protos-check: setup ## Fail where src/pfa/v1 is not what protos/ gives
	@scripts/protos.sh --check

bench: setup ## Run the benchmarks, except those of a million records
	@status=0; for file in $$(grep -l __main__ bench/*.py | grep -v -e reads.py -e memory.py); do \
	    module=bench.$$(basename "$$file" .py); echo "== $$module"; .venv/bin/python -m "$$module" || status=1; done; exit $$status

bench-reads: setup ## Measure reads and memory at a million records; ARGS="--keep DIR" keeps them, see docs/performance.md
	@.venv/bin/python -m bench.reads $(ARGS)
	@.venv/bin/python -m bench.memory $(ARGS)

lock: setup ## Write requirements/*.txt anew from pyproject.toml; ARGS=--upgrade takes the newest versions
	@scripts/lock.sh $(ARGS)

grpcurl: ## Build the pinned grpcurl with Go and print where it is
	@scripts/grpcurl.sh

clean: ## Remove what was built, cached and imported; .venv stays
	rm -rf .cache .demo build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis src/*.egg-info
	find src tests bench migrations scripts -name __pycache__ -type d -prune -exec rm -rf {} +
