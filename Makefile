# One command each. Needs python3 (3.11 or newer, with venv), make and git.
PYTHON  ?= python3
PROJECT ?=
QUARTER ?=
BIN     := .venv/bin
UV      := uv==0.13.9
# Three workers on two cores: one runs while another waits for a kernel, a browser or the disk. A worker has a
# file as a whole, so that what its tests share is made once.
# Tests that need nbval start it themselves: its import takes over a second in each process. None needs anyio.
# Each of hundreds of processes imports the package: it is compiled once, whatever the environment says.
PYTEST  := $(BIN)/python -m compileall -q audit_lib && PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder -p no:nbval -p no:anyio

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev review test test-long coverage lab bench golden docs picture lint lock

help: ## List these commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

.venv/bin/uv:
	@command -v $(PYTHON) >/dev/null || { echo "python3 is missing: install Python 3.11 or newer (Debian: apt install python3 python3-venv)" >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is too old: install Python 3.11 or newer, then make PYTHON=/path/to/python3" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) has no venv: apt install python3-venv" >&2; exit 2; }
	@rm -rf .venv && $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check $(UV)

# A command and its kernel: what they import is compiled, and the list of fonts made; all packages would take longer.
IMPORTS := 'audit_lib.cli.review' 'IPython, matplotlib.figure, audit_lib.audit, ipykernel.kernelapp'

# A stamp holds what was installed: an interrupted set-up starts again.
.venv/runtime: requirements.lock | .venv/bin/uv
	@$(BIN)/uv pip install --quiet --system-certs --python $(BIN)/python --require-hashes --only-binary :all: -r requirements.lock
	@$(BIN)/python -c 'import pathlib, sysconfig; pathlib.Path(sysconfig.get_path("purelib"), "audit_lib.pth").write_text(str(pathlib.Path.cwd()) + "\n")'
	@printf '#!/bin/sh\nexec "$${0%%/*}/python" -P -m audit_lib "$$@"\n' > $(BIN)/audit-lib && chmod +x $(BIN)/audit-lib
	@printf '%s\n' $(IMPORTS) | PYTHONDONTWRITEBYTECODE= MPLCONFIGDIR="$${XDG_CACHE_HOME:-$${HOME:-.venv}/.cache}/audit_lib/matplotlib" xargs -P 2 -I {} $(BIN)/python -c 'import {}'
	@for name in ahocorasick_rs kingfisher_sdk; do $(BIN)/python -c "import importlib.util as u, sys; sys.exit(u.find_spec('$$name') is None)" || echo "$$name has no wheel for this machine: docs/platforms.md says what follows" >&2; done
	@touch $@

.venv/dev: requirements-dev.lock .venv/runtime
	@$(BIN)/uv pip install --quiet --system-certs --python $(BIN)/python --require-hashes --only-binary :all: -r requirements-dev.lock
	@touch $@

setup: .venv/runtime ## Install what a review needs into .venv

setup-dev: .venv/dev ## Install what tests and lint need, too

review: .venv/runtime ## Review the sample, or PROJECT=dir [QUARTER=2026Q3]
	@$(BIN)/python -m audit_lib review $(if $(PROJECT),--snapshot --project "$(PROJECT)",--sample) $(if $(QUARTER),--quarter $(QUARTER))

test: .venv/dev ## Run the tests (a seeded slice of the long ones)
	@$(PYTEST)

test-long: .venv/dev ## Run the full counts that docs/accuracy.md quotes
	@$(PYTEST) --long

coverage: .venv/dev ## Run the tests and show which branches they reach
	@$(PYTEST) --cov --cov-branch --cov-report=term:skip-covered

lab: .venv/runtime ## Open the notebooks in JupyterLab
	@$(BIN)/jupyter lab notebooks

bench: .venv/dev ## Measure, in pairs and ratios
	@$(BIN)/python -m tests.bench

golden: .venv/dev ## Renew the committed report of the sample
	@$(BIN)/python -m audit_lib review --sample --out reports/sample-2026Q3

docs: .venv/dev ## Renew the generated parts of docs/
	@$(BIN)/python -m tests.support.write_docs

picture: ## Renew docs/review.png (needs chromium)
	@chromium --headless --no-sandbox --hide-scrollbars --window-size=1280,640 --screenshot=docs/review.png "file://$(CURDIR)/reports/sample-2026Q3/report.html" 2>/dev/null

lint: .venv/dev ## ruff, mypy, notebooks, structure
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy audit_lib

lock: .venv/bin/uv ## Renew both lock files
	@$(BIN)/uv pip compile --quiet --system-certs --universal --python-version 3.11 --generate-hashes --no-header --no-annotate requirements.txt -o requirements.lock
	@$(BIN)/uv pip compile --quiet --system-certs --universal --python-version 3.11 --generate-hashes --no-header --no-annotate requirements.txt requirements-dev.txt -o requirements-dev.lock
