# make: set up and run everything.  make test: set up and test.  make help: the rest.
PYTHON ?= python3
BIN := .venv/bin
# Stages run as `python src/…`; whatever make runs finds the environment's Python first.
export PATH := $(CURDIR)/$(BIN):$(PATH)
# DVC runs stages by $SHELL, which may be a login's that is none; make's own is /bin/sh. It keeps the DVC_ROOT of a pipeline that
# runs this one. And it asks for the user's name, which a container's user may lack.
LOGNAME ?= $(shell id -un 2> /dev/null)
export SHELL LOGNAME
unexport DVC_ROOT
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
COMPILE := .venv/lock/bin/uv pip compile --quiet --universal --python-version 3.10 --generate-hashes --no-header
# What the environment was installed from; written last, so that an interrupted set-up starts over.
INSTALLED := .venv/requirements.lock
INSTALLED_EXTRAS := .venv/extras.lock
# The page shows the studies but does not depend on their being current; without --single-item DVC would run those that changed.
PAGE := dvc repro --single-item reports/dvc.yaml:page

.PHONY: all setup environment extras test test_all lint verify page experiments seeds improvements ablation cross_validation labels tuning benchmark serve lock help

all: setup ## set up, run what changed of the pipeline, show the result
	@dvc repro
	@$(PAGE)
	@python tools/summary.py

setup: $(INSTALLED) ## create .venv with everything in requirements.lock

$(INSTALLED): requirements.lock
	@if cmp --quiet $< $@; then touch $@; else $(MAKE) --no-print-directory environment; fi

# The library is found by one line in the environment, relative to it, so that a moved or linked environment finds its clone's own.
environment:
	@[ ! -L .venv ] || { echo "error: .venv is a link; run make setup where it leads to, or remove the link" >&2; exit 1; }
	@reason=$$(git rev-parse --git-dir 2>&1) || { echo "error: $$reason; get the project by git clone," \
	  "or make what you unpacked a repository: git init && git add --all && git commit --message Start" >&2; exit 1; }
	@if $(PYTHON) -c 'import ensurepip, sys; ensurepip.version; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2> /dev/null; \
	  then $(PYTHON) -m venv --clear .venv; \
	elif command -v uv > /dev/null; then uv venv --quiet --clear --seed --python '>=3.10,<3.14' .venv; \
	else echo "error: $(PYTHON) is not Python 3.10 to 3.13 with ensurepip (Debian: apt install python3-venv);" \
	  "name another, make PYTHON=python3.12, or install uv, by which make gets one: pip install uv" >&2; exit 1; fi
	@echo "Setting up .venv: about 2.5 GB, one to five minutes"
	@$(PIP) --require-hashes -r requirements.lock
	@echo ../../../../src > "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/fashion.pth"
	@cp requirements.lock $(INSTALLED)

extras: $(INSTALLED_EXTRAS) ## install what transfer learning, studies, export, clusters and remotes need

$(INSTALLED_EXTRAS): requirements/extras.lock $(INSTALLED)
	@cmp --quiet $< $@ || { echo "Installing $< into .venv" && $(PIP) --require-hashes -r $< && python tools/charts.py && cp $< $@; }
	@touch $@

test: setup ## set up, run the tests of the pipeline (five minutes)
	@python -m pytest --ignore tests/extras -m "not slow"

test_all: extras ## set up with the extras, run all tests (a quarter of an hour)
	@python -m pytest

lint: setup ## check style and format
	@ruff check && ruff format --check

verify: setup ## reproduce the last commit from scratch and compare every byte
	@python tools/verify.py

page: setup ## make the results page from what there is, and the tables of README.md and docs/
	@$(PAGE)
	@python tools/tables.py

experiments: setup ## list the experiments of `dvc exp run` with what they changed
	@dvc exp show --only-changed --drop "test|download|data|models|src|recipes|studies|reports|dvc"

seeds: extras ## measure each recipe that changed over five seeds (all of them: three hours or more)
	@dvc repro studies/seeds/dvc.yaml

improvements: extras ## measure the ten improvements of the baseline, one at a time, only what changed (all: hours)
	@dvc repro studies/improvements/dvc.yaml

ablation: extras ## measure params.yaml without one ingredient at a time (all: an hour)
	@dvc repro studies/ablation/dvc.yaml

cross_validation: setup ## score params.yaml on every training image, by cross-validation (two to five minutes)
	@dvc repro studies/cross_validation/dvc.yaml

labels: extras ## list the training labels that are likely wrong (runs cross-validation first if it is out of date)
	@dvc repro studies/labels/dvc.yaml

tuning: extras ## search for better values of params.yaml (twenty trials; run it again to resume)
	@dvc repro prepare
	@python studies/tuning/tune.py

benchmark: setup ## measure recipes beside the plain Keras script, in turn (about half an hour)
	@dvc repro download
	@python studies/speed/benchmark.py

serve: extras ## serve a page to drop a picture of a garment on: http://127.0.0.1:8000
	@python tools/export.py --format onnx
	@python tools/serve.py

lock: setup ## resolve the requirements into their locks
	@$(PYTHON) -m venv --clear .venv/lock
	@.venv/lock/bin/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	@$(COMPILE) requirements.txt --output-file requirements.lock
	@$(COMPILE) --constraint requirements.lock requirements/extras.txt --output-file requirements/extras.lock

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z_]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
