# The environment is created on first use and created again when its requirements change.
VENV := .venv
READY := $(VENV)/.ready
PYTHON ?= python3
# One process per core, each with one thread. A process runs whole test files, the longest first.
PYTEST := OMP_NUM_THREADS=1 pytest --numprocesses auto --dist loadfile --no-loadscope-reorder --durations=20
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help demo test test-all test-faults test-slurm docs lint format clean

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("MotionFit needs Python 3.11 or newer; name one: make PYTHON=python3.11 ...") if sys.version_info < (3, 11) else None'
	@echo "Creating the environment in $(VENV) (about 7 GB; some minutes, most of them for PyTorch):"
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: $(READY)  ## Run the whole pipeline on the demo and write results/report/index.html
	@echo "Running the demo: five to eight minutes on two cores. results/logs/ shows each job."
	snakemake --cores all --quiet rules
	@motionfit results
	@echo "The report: $(CURDIR)/results/report/index.html"

test: $(READY)  ## Run the fast tests (about 5 minutes on two cores)
	$(PYTEST) -m "not long and not slurm"

test-all: $(READY)  ## Run all tests, including the long ones
	$(PYTEST) -m "not slurm"

test-faults: $(READY)  ## Run the pipeline through kills, full disks and changing videos (root, for the disks; 20 minutes)
	OMP_NUM_THREADS=1 pytest --numprocesses auto tests/faults

test-slurm: $(READY)  ## Run the pipeline by a Slurm that the test starts (root, slurm-wlm, munge; 5 to 15 minutes)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,slurm]'
	pytest -m slurm tests/slurm

docs: $(READY)  ## Build the documentation, docs/_build/index.html
	sphinx-build -W --keep-going -q docs docs/_build
	@echo "The documentation: $(CURDIR)/docs/_build/index.html"

lint: $(READY)  ## Check style: ruff, snakefmt, snakemake --lint
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile rules
	snakemake --lint

format: $(READY)  ## Fix the code's style where it can be done automatically
	ruff check --fix .
	ruff format .
	snakefmt Snakefile rules

clean:  ## Remove the environment; results stay
	rm -rf $(VENV)
