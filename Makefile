# cwmap: `make demo` shows it, `make test` checks it. Windows without make: see README.md.
SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin
WORKSPACE ?= workspace
PORT ?= 8501
UV ?= $(or $(wildcard $(BIN)/uv),uv)
PYTESTFLAGS ?= -n 2

.PHONY: setup demo test browser lint lock assets wheel
.DEFAULT_GOAL := setup

setup: ## everything into .venv; a second run is quick
	@command -v $(PYTHON) >/dev/null || { \
	  echo '需要 Python 3.11 或更新的版本，请先安装后重试。' >&2; \
	  echo 'Python 3.11 or newer is needed: install it first.' >&2; exit 1; }
	@$(PYTHON) scripts/bootstrap.py

demo: setup ## the demo town on http://127.0.0.1:8501
	@test -e $(WORKSPACE) || $(BIN)/cwmap demo -w $(WORKSPACE)
	@echo "http://127.0.0.1:$(PORT)"
	@$(BIN)/cwmap serve -w $(WORKSPACE) --port $(PORT)

test: lint browser ## the linters, then every test
	@$(BIN)/python -m pytest $(PYTESTFLAGS)

browser: setup ## a Chromium and a Chinese font, for the tests that drive the screen
	@$(BIN)/python scripts/browser.py

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

lock: ## requirements.lock anew from pyproject.toml; UPGRADE=--upgrade takes newer versions too
	@$(UV) pip compile pyproject.toml --quiet --all-extras --universal --fork-strategy fewest \
	  --python-version 3.11 --generate-hashes --custom-compile-command 'make lock' \
	  $(UPGRADE) --output-file requirements.lock

assets: setup ## cwmap/ui/static/vendor anew from the npm packages (needs npm)
	@$(BIN)/python scripts/vendor_assets.py

wheel: setup ## dist/cwmap-*.whl
	@$(BIN)/hatchling build -t wheel
