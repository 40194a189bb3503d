# The commands of the project; a person, the hooks and CI call the same ones. `make help` lists them.
# Needs Rust >= 1.89, Python >= 3.10 and a C compiler (linker); the rest is set up in .venv.

PYTHON ?= $(shell for v in 3.13 3.12 3.11 3.10 3; do command -v python$$v >/dev/null 2>&1 && python$$v -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null && echo python$$v && break; done)
VENV := .venv
BIN := $(VENV)/bin
# Where a machine has a venv active, tools must still look at ours.
unexport VIRTUAL_ENV CONDA_PREFIX PYTHONPATH PYTHONHOME
export PIP_DISABLE_PIP_VERSION_CHECK := 1

RUST := Cargo.toml $(wildcard Cargo.lock) $(shell find rust -name '*.rs' -o -name Cargo.toml 2>/dev/null)
STAMPS := $(VENV)/stamps
BUILT := $(STAMPS)/built
OP ?=
PYTEST_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo test quick check fmt dev build stubs golden bench bench-rust size clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMPS)/tools: pyproject.toml
	@test -n "$(PYTHON)" || { echo "make: Python >= 3.10 is needed (set PYTHON=...)" >&2; exit 1; }
	@command -v cargo >/dev/null || { echo "make: Rust >= 1.89 is needed: https://rustup.rs" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PYTHON) tools/requirements.py dev > $(VENV)/dev.txt
	$(BIN)/python -m pip install --quiet --upgrade -r $(VENV)/dev.txt
	@mkdir -p $(STAMPS) && touch $@

# The extension is built once per change of the Rust sources; the Python package is used where it lies.
$(BUILT): $(STAMPS)/tools $(RUST)
	VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/maturin develop --release --quiet
	@touch $@

dev: $(BUILT) ## set up .venv with the tools and the package, built and importable

demo: $(BUILT) ## train a small CNN on the embedded digits; ARGS="--dataset fashion-mnist --data DIR"
	$(BIN)/python -m tensorrs.demo $(ARGS)

test: $(BUILT) ## all tests, Rust and Python; OP=conv2d runs the rows of one op
ifeq ($(OP),)
	cargo test --quiet --workspace
	$(BIN)/python -m pytest -q $(PYTEST_ARGS)
else
	$(BIN)/python -m pytest -q tests/test_ops.py -k "$(OP)]" $(PYTEST_ARGS)
endif

quick: $(BUILT) ## format, a small training, autograd, floors: under a minute
	cargo fmt --all --check
	$(BIN)/ruff check --quiet .
	$(BIN)/python -m pytest -q -m "not slow" tests/test_tiny.py tests/test_floors.py tests/test_import.py tests/test_autograd.py

check: $(BUILT) ## rustfmt, clippy, ruff, mypy, stubs, floors: all that needs no running of kernels
	cargo fmt --all --check
	cargo clippy --quiet --workspace --all-targets -- -D warnings
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --quiet --check .
	$(BIN)/python -m mypy
	$(BIN)/python tools/stubs.py --check
	$(BIN)/python -m pytest -q tests/test_floors.py

fmt: $(STAMPS)/tools ## format Rust and Python
	cargo fmt --all
	$(BIN)/ruff format --quiet .
	$(BIN)/ruff check --quiet --fix .

build: $(STAMPS)/tools ## a wheel in dist/
	$(BIN)/maturin build --release --out dist

stubs: $(BUILT) ## write python/tensorrs/_C.pyi from the compiled module
	$(BIN)/python tools/stubs.py

golden: ## remake the recorded results; TORCH=python-with-torch
	$(or $(TORCH),$(BIN)/python) tests/golden/make_golden.py $(FAMILIES)

bench: $(BUILT) ## rows against PyTorch where it is installed, in turns; OP=gelu GROUP=conv run some
	$(or $(TORCH),$(BIN)/python) benches/compare $(if $(GROUP),--group $(GROUP)) $(if $(OP),--only "$(OP)") $(ARGS)

bench-rust: ## the kernels' criterion benches
	cargo bench

size: ## longest files and lines per floor
	@python3 tools/size.py

clean: ## remove what was built
	rm -rf $(VENV) target dist
