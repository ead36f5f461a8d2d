# One job: everything a newcomer or the CI does with a fresh clone, without root.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
RUNS   := $(VENV)/.runs
STAMP  := $(VENV)/.installed
LOCKS  := requirements
LOCKED := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r

# `make demo CLOUD=aws`: the demo in a cloud; `CLOUD=azure MOVER=load-balancer`: by another way there.
CLOUDS := aws gcp azure
CLOUD  ?=
MOVER  ?=
ifneq ($(CLOUD),$(firstword $(filter $(CLOUDS),$(CLOUD))))
  ifneq (,$(filter demo,$(MAKECMDGOALS)))
    $(error There is no cloud "$(CLOUD)" here; write CLOUD=aws, CLOUD=gcp or CLOUD=azure)
  endif
endif

.DEFAULT_GOAL := install
.PHONY: install setup test check format demo bench mutation docs lock clean

install: $(RUNS)

setup: $(STAMP)

# The program alone: what the demo needs is little, what the tests need is much.
$(RUNS): pyproject.toml $(LOCKS)/run.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "hafw needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1)." >&2; \
	  echo "Say where a newer one is, for example: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "'$(PYTHON)' cannot create virtual environments: its venv or ensurepip is missing." >&2; \
	  echo "Remedy on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	test -x $(BIN)/pip || $(PYTHON) -m venv --clear $(VENV)
	$(LOCKED) $(LOCKS)/run.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-index \
	  --no-build-isolation --editable .
	@touch $@

$(STAMP): $(RUNS) $(LOCKS)/dev.lock
	$(LOCKED) $(LOCKS)/dev.lock
	@touch $@

# Most tests wait for a machine to be missed, so several run at once; a file's tests stay together
# as long as nobody is idle.
test: setup
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal

check: setup
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

demo: $(if $(CLOUD),$(VENV)/.sdk-$(CLOUD),install)
	$(BIN)/python -m hafw_sim.demo $(CLOUD:%=--cloud %) $(MOVER:%=--mover %)

# The SDK of one cloud, on top of the program.
$(VENV)/.sdk-%: $(RUNS) $(LOCKS)/%.lock
	$(LOCKED) $(LOCKS)/$*.lock
	@touch $@

bench: setup
	$(BIN)/python -m bench

# About three hours on one core; it goes on where it was ended. See docs/mutation.md.
mutation: setup
	$(BIN)/mutmut run
	$(BIN)/mutmut results

docs: setup
	$(BIN)/python docs/generate.py

# Needs `uv` (only here): resolves pyproject.toml anew for every Python that hafw supports.
RESOLVE := uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-annotate --no-header
lock:
	$(RESOLVE) --group dev --upgrade -o $(LOCKS)/dev.lock
	$(RESOLVE) --group build --constraint $(LOCKS)/dev.lock -o $(LOCKS)/run.lock
	for cloud in $(CLOUDS); do \
	  $(RESOLVE) --extra $$cloud --constraint $(LOCKS)/dev.lock -o $(LOCKS)/$$cloud.lock || exit 1; done

clean:
	rm -rf $(VENV) build dist mutants .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
