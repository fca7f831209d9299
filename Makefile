# Two commands matter: `make run` and `make test`. `make` alone lists them all.
SHELL := /bin/sh
PYTHON ?= python3
PORT ?= 8000
VENV := .venv/bin
# The system sends SIGTERM to the start when `make` is killed.
END_WITH_MAKE = $(shell setpriv --pdeathsig TERM true 2>/dev/null && echo setpriv --pdeathsig TERM)
export PYTHON PORT

.DEFAULT_GOAL := help
.PHONY: help run test thorough check lint docs containers sbom fetch clean

help: ## list the commands
	@sed -n 's/^\([a-z]*\):[^#]*## /  make \1\t/p' Makefile | expand -t 16

# `exec` puts the start in the place of the shell, so that Ctrl-C and SIGTERM reach it
run: ## install, fetch, migrate, train, serve on http://127.0.0.1:8000 (PORT=8123 picks another), work on jobs
	@sh tools/venv.sh runtime
	@exec $(END_WITH_MAKE) $(VENV)/python -m tools.start

test: lint fetch ## lint, types and tests of everything, with real services (REQUIRE_ALL=1: a skip is a failure)
	@exec $(VENV)/python -m pytest

thorough: lint fetch ## the same and the tests that take long: processes killed at every point, more data, statistics
	@exec $(VENV)/python -m pytest -m ''

check: lint fetch ## lint, types, unit and contract tests
	@exec $(VENV)/python -m pytest tests/unit tests/contract

lint:
	@sh tools/venv.sh dev
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/mypy
	$(VENV)/lint-imports

docs: ## build the documentation into docs/_build/html; a warning is an error
	@sh tools/venv.sh dev
	$(VENV)/python -m sphinx --builder html --nitpicky --fail-on-warning --keep-going --quiet docs docs/_build/html
	@echo "The documentation is in docs/_build/html/index.html"

containers: ## build the images, start Compose from nothing, and walk: train, kill, restart, upgrade, restore (WALK=--help)
	@exec $(PYTHON) -m tools.containers $(WALK)

sbom: ## write sbom.json: the packages of the images, as CycloneDX
	@sh tools/sbom.sh sbom.json

fetch:
	@sh tools/venv.sh runtime
	@$(VENV)/python tools/fetch.py
	@$(VENV)/python -m tools.coast

clean: ## remove .venv, caches and everything that was fetched or trained (the database too)
	rm -rf .venv instance docs/_build app/static/vendor .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .schemathesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
