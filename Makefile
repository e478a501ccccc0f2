# `make repro` builds everything from raw formulas to the report; `make test` checks everything. Both set up first.

PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export PYTHONDONTWRITEBYTECODE := 1
export DVC_NO_ANALYTICS := 1
READY := .venv/.ready
DOCS_READY := .venv/.docs-ready
PLOTS_READY := .dvc/tmp/plots.html
TENSORBOARD_READY := .venv/.tensorboard-ready

# wand finds Homebrew's ImageMagick by this variable.
ifeq ($(shell uname),Darwin)
export MAGICK_HOME ?= $(shell brew --prefix 2>/dev/null)
endif

# Processes that run tests.
WORKERS ?= 2
BENCH_FORMULAS ?= data/raw/sample/formulas.txt

.PHONY: help setup styles repro test test-fast test-all coverage lint types docs wheel train evaluate serve docker small full \
	accept-stopped lock plots tensorboard bench bench-data bench-render bench-score bench-serve

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

setup: $(READY) ## system packages, .venv and pinned dependencies

$(READY): pyproject.toml constraints.txt setup/system.sh im2latex/sandbox/system_packages.txt
	PYTHON=$(PYTHON) setup/system.sh
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

styles: ## also the fonts and dvipng that styles may name: 590 MB to download, 1.7 GB on disk
	PYTHON=$(PYTHON) setup/system.sh styles

repro: $(READY) ## raw formulas to report; a second run does nothing
	@im2latex doctor --against tools.lock
	@dvc repro
	@echo "Report: reports/report.html   Scores: reports/metrics.json"

# One OpenMP thread per worker: the threads of several processes on few cores block each other.
test test-fast test-all coverage: export OMP_NUM_THREADS := 1

test: $(READY) lint types ## lint, types, import contracts and tests; about 12 minutes on two cores
	pytest -q -n $(WORKERS) -m "not slow"

test-fast: $(READY) lint ## lint, import contracts, and the tests that need neither TeX nor training
	pytest -q -n $(WORKERS) -m "not slow and not needs_tex and not trains"

test-all: $(READY) lint types ## the slow tests too
	pytest -q -n $(WORKERS)

coverage: $(READY) ## the tests of `make test`, with the lines and branches they reach
	pytest -q -n $(WORKERS) -m "not slow" --cov --cov-report=term --cov-report=xml

lint: $(READY) ## style and import contracts
	ruff check .
	ruff format --check .
	lint-imports --no-cache

types: $(READY) ## mypy --strict
	mypy

docs: $(DOCS_READY) ## the documentation, into site/; warnings are errors
	python -m docs.generate --check
	python -m mkdocs build --strict

$(DOCS_READY): $(READY)
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,docs]'
	@touch $@

plots: $(PLOTS_READY) ## the charts of DVC as dvc_plots/index.html, a page that opens without a network
	dvc plots show

$(PLOTS_READY): $(READY) setup/plots_template.py
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,plots]'
	.venv/bin/python setup/plots_template.py

tensorboard: $(TENSORBOARD_READY) ## curves and examples of the runs with trainer.loggers.tensorboard, on http://localhost:6006
	tensorboard --logdir $${IM2LATEX_CACHE:-.cache}/tensorboard

$(TENSORBOARD_READY): $(READY)
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,tensorboard]'
	@touch $@

wheel: $(READY) ## the package as dist/*.whl, checked
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt build twine
	rm -rf dist
	im2latex export onnx im2latex/pretrained im2latex/pretrained
	python -m build
	twine check --strict dist/*

train: $(READY) ## the data stages and training
	dvc repro train

evaluate: $(READY) ## everything up to the scores
	dvc repro evaluate

serve: $(READY) ## the REST API and the web page, on http://localhost:8000
	im2latex serve

docker: ## a container image of all this; its default command serves
	docker build -t im2latex .

small: PRESET ?= fast-tiny
small: $(READY) ## the sample dataset with its data settings, and PRESET=NAME; minutes on two cores
	options=$$(python -m recipes.full $(PRESET) --dataset sample) && dvc exp run $$options

full: PRESET ?= fast-small
full: $(READY) ## im2latex-100k, downloaded first, with PRESET=NAME and the data settings it was published with; hours
	im2latex download im2latex-100k
	options=$$(python -m recipes.full $(PRESET)) && dvc exp run $$options

accept-stopped: $(READY) ## record the outputs of a stopped training as they are; `make repro` then scores them
	@python -m pipeline.train --as-it-is
	@dvc commit -f train

lock: $(READY) ## write the versions of the tools found here to tools.lock
	im2latex doctor --lock tools.lock

bench: export OMP_NUM_THREADS := 1
bench: $(READY) ## speed of each part beside the committed results of the same processor; three minutes
	python -m benchmarks.quick

bench-data: $(READY) ## the data stages at scale, on BENCH_FORMULAS=file.jsonl.gz; minutes to an hour
	python -m benchmarks.buckets $(BENCH_FORMULAS)
	python -m benchmarks.data_stages chain $(BENCH_FORMULAS) --rasterizer ghostscript
	python -m benchmarks.data_stages chain $(BENCH_FORMULAS) --rasterizer pdfium
	python -m benchmarks.data_stages append $(BENCH_FORMULAS)
	python -m benchmarks.data_stages kill $(BENCH_FORMULAS)
	python -m benchmarks.data_stages executors $(BENCH_FORMULAS)
	python -m benchmarks.data_stages jobs $(BENCH_FORMULAS)

bench-render: $(READY) ## speed of the renderer and of one TeX run per formula, on BENCH_FORMULAS=file
	python -m benchmarks.rendering speed $(BENCH_FORMULAS)
	python -m benchmarks.rendering single $(BENCH_FORMULAS)

bench-score: $(READY) ## speed of the scores, and their values on damaged formulas, on BENCH_FORMULAS=file
	python -m benchmarks.metrics speed $(BENCH_FORMULAS)
	python -m benchmarks.metrics corruptions $(BENCH_FORMULAS)

bench-serve: $(READY) ## the server under load and under attack, with images of BENCH_FORMULAS=file
	python -m benchmarks.serving $(BENCH_FORMULAS)
	python -m benchmarks.attacks $(BENCH_FORMULAS)
