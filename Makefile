# make        set up and run everything        make test   set up and test everything        make help   the rest
PYTHON ?= python3
BIN := .venv/bin
COMPILE := .venv/lock/bin/uv pip compile --quiet --universal --python-version 3.10 --generate-hashes --no-header
# The page's inputs include studies; without --single-item DVC would run those that have changed.
PAGE := $(BIN)/dvc repro --single-item reports/dvc.yaml:page
# What the environment was installed from; written last, so that an interrupted set-up starts over.
INSTALLED := .venv/requirements.lock

# Optional parts: each has its own requirements-NAME.txt and requirements-NAME.lock.
EXTRAS := transfer studies export jax browser remote cluster

.PHONY: all setup extras test verify seeds improvements cross_validation labels tuning page benchmark lock help

all: setup ## set up, run what changed of the pipeline, show the result
	@$(BIN)/dvc repro
	@$(PAGE)
	@$(BIN)/python src/summary.py

setup: $(INSTALLED) ## create .venv with everything in requirements.lock

$(INSTALLED): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' \
	  || { echo "error: $(PYTHON) is not Python 3.10 to 3.13; name one that is: make PYTHON=python3.12" >&2; exit 1; }
	@echo "Setting up .venv: about 2.5 GB, one to five minutes"
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@cp requirements.lock $@

extras: setup $(EXTRAS:%=.venv/requirements-%.lock) ## install what transfer learning, studies and JAX need, too

.venv/requirements-%.lock: requirements-%.lock $(INSTALLED)
	@echo "Installing requirements-$*.lock into .venv"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@cp $< $@

test: extras ## set up with all extras, run the tests
	@$(BIN)/python -m pytest

verify: setup ## reproduce the last commit from scratch and compare every byte
	@$(BIN)/python src/verify.py

seeds: setup ## measure each recipe over five seeds, as far as it changed (all of it: three hours or more)
	@$(BIN)/dvc repro studies/seeds/dvc.yaml

improvements: extras ## measure the ten improvements of the seed's recipe, one at a time
	@$(BIN)/dvc repro studies/improvements/dvc.yaml

cross_validation: setup ## score params.yaml on every training image, by cross-validation (two to five minutes)
	@$(BIN)/dvc repro studies/cross_validation/dvc.yaml

labels: extras ## list the training labels that are likely wrong (after cross_validation)
	@$(BIN)/dvc repro studies/labels/dvc.yaml

tuning: extras ## search for better values of params.yaml (twenty trials; run it again to go on)
	@$(BIN)/dvc repro prepare
	@$(BIN)/python studies/tuning/tune.py

page: setup ## make the results page, reports/index.html, from what there is
	@$(PAGE)

benchmark: setup ## measure recipes beside the plain Keras script, in turn (about twenty minutes)
	@$(BIN)/dvc repro download
	@$(BIN)/python benchmarks/benchmark.py

lock: setup ## resolve requirements*.txt into requirements*.lock
	@$(PYTHON) -m venv --clear .venv/lock
	@.venv/lock/bin/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	@$(COMPILE) requirements.txt --output-file requirements.lock
	@for extra in $(EXTRAS); do \
	  $(COMPILE) --constraint requirements.lock requirements-$$extra.txt --output-file requirements-$$extra.lock || exit 1; \
	done

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z_]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
