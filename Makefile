# make demo    set everything up, draw the lots of the sample county, award them, say where the map is
# make test    set everything up, run the tests
# make check   lint, types, examples in the docs
# make clean   remove what these made

PYTHON ?= python3
VENV ?= .venv
JOBS ?= 2

ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif

.PHONY: demo test check clean

demo: $(VENV)/.ready
	$(BIN)/lotting demo
	$(BIN)/allocation demo

test: $(VENV)/.ready-dev
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal

check: $(VENV)/.ready-dev
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest --doctest-modules lotting allocation tests/test_docs.py

# $(1): what to install
define set_up
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else "Python 3.11 or newer is needed; $(PYTHON) is %d.%d. Name another one: make PYTHON=python3.11 $(MAKECMDGOALS)" % v[:2])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable "$(1)"
endef

$(VENV)/.ready: pyproject.toml
	$(call set_up,.)
	@touch $@

$(VENV)/.ready-dev: pyproject.toml
	$(call set_up,.[dev])
	@touch $(VENV)/.ready $@

clean:
	rm -rf $(VENV) demo build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis htmlcov .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
