# Everything a contributor does, by name. `make demo` and `make test` set up what they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Only `make test-all` needs any of these: TLS tests, a second Redis, a comparison, a browser.
DEB_PACKAGES := redis-server nginx chromium curl

.PHONY: setup proto demo demo-envoy serve test test-all bench check lint deps clean

setup: $(READY)

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	  || { echo "riskengine needs Python 3.11 or newer; $(PYTHON) is '$$($(PYTHON) --version 2>&1)'. Try: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) \
	  || { echo "$(PYTHON) cannot make a virtual environment; on Debian and Ubuntu install the package python3-venv."; exit 1; }
	@echo "Setting up $(VENV) (about a minute the first time) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $(READY)

proto: $(READY)
	sh proto/generate.sh $(BIN)/python

demo: $(READY)
	@$(BIN)/riskengine demo $(if $(LOG),"$(LOG)")

demo-envoy: $(READY)
	@$(BIN)/riskengine demo-envoy

serve: $(READY)
	@$(BIN)/riskengine serve --listen 127.0.0.1:50051

test: $(READY)
	$(BIN)/pytest -n 2 -m "not slow and not fault and not system"

test-all: $(READY)
	$(BIN)/pytest -n 2 -m "not fault" --hypothesis-profile=explore
	$(BIN)/pytest -m fault

bench: $(READY)
	$(BIN)/python -m benchmarks.decisions
	$(BIN)/python -m benchmarks.addresses

check: $(READY)
	@$(BIN)/riskengine check

lint: $(READY)
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy --strict

deps:
	@echo "Installing with apt: $(DEB_PACKAGES)"
	@test "$$(id -u)" = 0 || { echo "make deps needs root: sudo make deps"; exit 1; }
	apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(DEB_PACKAGES)

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache
