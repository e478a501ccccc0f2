# `make repro` builds everything from raw formulas to the report; `make test` checks everything. Both set up first.

PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export PYTHONDONTWRITEBYTECODE := 1
export DVC_NO_ANALYTICS := 1
READY := .venv/.ready

BENCH_FORMULAS ?= data/raw/sample/formulas.txt

.PHONY: styles bench-data bench-render bench-score bench-serve help setup repro test test-all lint types train evaluate serve docker small full accept accept-stopped lock docs

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: $(READY) ## system packages, .venv and pinned dependencies

$(READY): pyproject.toml constraints.txt setup/system.sh
	PYTHON=$(PYTHON) setup/system.sh
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

styles: ## fonts and dvipng that further looks may name: 590 MB to fetch, 1.7 GB on disk
	PYTHON=$(PYTHON) setup/system.sh styles

repro: $(READY) ## raw formulas to report; a second run does nothing
	@im2latex doctor --against tools.lock
	@dvc repro
	@echo "Report: reports/report.html   Scores: reports/metrics.json"

# One OpenMP thread a worker: threads of several processes that wait for each other on few cores wait for ever.
test test-all: export OMP_NUM_THREADS := 1

test: $(READY) lint types ## lint, types, import contracts and tests; under 10 minutes
	pytest -q -n 2 -m "not slow"

test-all: $(READY) lint types ## the long tests too
	pytest -q -n 2

lint: $(READY) ## style and import contracts
	ruff check .
	ruff format --check .
	lint-imports --no-cache

types: $(READY) ## mypy --strict
	mypy

train: $(READY) ## the data stages and the training
	dvc repro train

evaluate: $(READY) ## everything up to the scores
	dvc repro evaluate

serve: $(READY) ## the REST API and the web page, on http://localhost:8000
	im2latex serve

docs: $(READY) ## the documentation as a site, in site/
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	python -m docs.generate --check
	python -m mkdocs build --strict

docker: ## an image with all of this; its default command serves
	docker build -t im2latex .

small: repro ## the embedded dataset

full: $(READY) ## im2latex-100k, fetched first
	im2latex fetch im2latex-100k
	dvc exp run -S dataset=im2latex-100k

accept: $(READY) ## STAGE=name: record a stage whose code changed in words only, without running it
	@python -m pipeline.accept $(STAGE)

accept-stopped: $(READY) ## the stopped training as it is: its outputs are written and recorded; `make repro` then scores it
	@python -m pipeline.train --as-it-is
	@python -m pipeline.accept train

lock: $(READY) ## adopt the tools found here: rewrites tools.lock
	im2latex doctor --lock tools.lock

bench-data: $(READY) ## the data stages at size, on BENCH_FORMULAS=file.jsonl.gz; minutes to an hour
	python -m benchmarks.buckets $(BENCH_FORMULAS)
	python -m benchmarks.data_stages chain $(BENCH_FORMULAS) --rasterizer ghostscript
	python -m benchmarks.data_stages chain $(BENCH_FORMULAS) --rasterizer pdfium
	python -m benchmarks.data_stages append $(BENCH_FORMULAS)
	python -m benchmarks.data_stages kill $(BENCH_FORMULAS)
	python -m benchmarks.data_stages ways $(BENCH_FORMULAS)

bench-render: $(READY) ## speed of the renderer beside the usual way, on BENCH_FORMULAS=file
	python -m benchmarks.rendering speed $(BENCH_FORMULAS)
	python -m benchmarks.rendering single $(BENCH_FORMULAS)

bench-score: $(READY) ## speed of the scores, and how they fall as formulas are damaged, on BENCH_FORMULAS=file
	python -m benchmarks.metrics speed $(BENCH_FORMULAS)
	python -m benchmarks.metrics corruptions $(BENCH_FORMULAS)

bench-serve: $(READY) ## the server under load and under attack, with images of BENCH_FORMULAS=file
	python -m benchmarks.serving $(BENCH_FORMULAS)
	python -m benchmarks.attacks $(BENCH_FORMULAS)
