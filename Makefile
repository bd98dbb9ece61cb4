# Runs checks in the environment that README.md sets up, and installs nothing.
#   make test      the tests of every day, in two processes
#   make test-all  before a release: the slow ones too (a machine in QEMU), why others were skipped, a soak of 10 minutes
#   make lint      ruff
# A selection, also with options of pytest:  make test-all TESTS='tests/test_obs_setup.py -x'

PYTHON ?= .venv/bin/python
TESTS ?=

.PHONY: test test-all lint

test: | python
	$(PYTHON) -m pytest -q $(or $(strip $(TESTS)),-n 2 --dist loadfile)

test-all: | python
	$(PYTHON) -m pytest -q -rs -m '' $(TESTS)
	$(if $(strip $(TESTS)),,$(PYTHON) benchmarks/soak_live.py)

lint: | python
	$(PYTHON) -m ruff check .

.PHONY: python
python:
	@command -v $(PYTHON) >/dev/null || { \
	  echo "no $(PYTHON): set it up as README.md says, or name another: make test PYTHON=python3" >&2; exit 1; }
