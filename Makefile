# The development workflow. `make demo` to look around, `make test` before you send a change.
PYTHON ?= python3
BIN := .venv/bin
.DEFAULT_GOAL := help

.PHONY: help env demo kerberos test lint format types imports texts check bench bench-postgresql bench-cleaning bench-scale bench-move chaos constraints chart scale-model clean

help:  ## what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/ -/'

# uv does in seconds what takes pip minutes. Where PyPI is reached by another address it wants to be told so: UV_DEFAULT_INDEX.
INSTALL := $(BIN)/uv pip install --quiet --python $(BIN)/python
LOCKED := $(INSTALL) --require-hashes --requirement

.venv/.installed: pyproject.toml constraints.txt constraints-uv.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes --requirement constraints-uv.txt
	$(LOCKED) constraints.txt
	$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.strangers: .venv/.installed constraints-strangers.txt
	$(LOCKED) constraints-strangers.txt
	@touch $@

env: .venv/.installed  ## the virtual environment with everything in it

demo: env  ## a simulated Exchange, mailmine on it: look around in one minute
	$(BIN)/mailmine demo

# Compiled to be tested: without optimization it takes a third of the time.
.venv/.kerberos: .venv/.installed constraints-kerberos.txt
	CFLAGS='-O0 -g0' $(LOCKED) constraints-kerberos.txt
	@touch $@

kerberos: .venv/.kerberos  ## signing in by Kerberos, compiled: wants gcc, python3-dev and libkrb5-dev

test: .venv/.strangers  ## all tests
	$(BIN)/python -m pytest --numprocesses 2 --dist loadgroup

lint: env  ## style and the import contract
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

types: .venv/.strangers  ## mypy, strict
	$(BIN)/mypy

check: lint types test  ## everything that .ci/run checks

format: env  ## puts the code into the house style
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

TEXTS := src/mailmine/web/texts
TRANSLATED = $(wildcard $(TEXTS)/*/LC_MESSAGES/mailmine.po)

texts: env  ## collects the texts of the pages for translators, and makes ready what they translated
	$(BIN)/pybabel --quiet extract --mapping-file pyproject.toml --project mailmine \
	  --copyright-holder 'the mailmine developers' --sort-by-file --add-location file \
	  --keywords N_ --keywords NP_:1c,2 --keywords counted:1,2 \
	  --output $(TEXTS)/mailmine.pot src/mailmine/web
	sed -i -e '/^"POT-Creation-Date/d' -e '/^"Generated-By/d' $(TEXTS)/mailmine.pot
	$(if $(TRANSLATED),$(BIN)/pybabel --quiet update --no-fuzzy-matching --ignore-pot-creation-date --domain mailmine \
	  --input-file $(TEXTS)/mailmine.pot --output-dir $(TEXTS))
	$(if $(TRANSLATED),$(BIN)/pybabel --quiet compile --domain mailmine --directory $(TEXTS))

bench: .venv/.strangers  ## speed and memory, side by side with others in one run
	$(BIN)/python -m bench.api
	$(BIN)/python -m bench

bench-postgresql: env  ## filling PostgreSQL next to SQLite, and asking it while comments arrive (COMMENTS=5000000)
	$(BIN)/python -m bench.ingest
	$(BIN)/python -m bench.api --only postgresql --arriving 500 --comments $(or $(COMMENTS),1000000)

bench-cleaning: .venv/.strangers  ## refining next to its peers, on the suites in ../shared (SHARED=…)
	$(BIN)/python -m bench.compare_cleaning --shared $(or $(SHARED),../shared)

bench-scale: env  ## three workers on one PostgreSQL: freshness, CPU, and what kills and cuts do (MAILBOXES=10000)
	$(BIN)/python -m bench.scale_run --mailboxes $(or $(MAILBOXES),2000)

bench-move: env  ## from SQLite to PostgreSQL and S3 while mail arrives: how long it stands still (COMMENTS=200000)
	$(BIN)/python -m bench.move --comments $(or $(COMMENTS),200000)

chaos: env  ## a quarter of an hour of faults, kills and mail: is all of it there in the end? Another seed each time
	$(BIN)/python -m bench.chaos --minutes 15

constraints: env  ## locks the dependencies anew
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --extra dev --extra otel --generate-hashes \
	  --no-header --no-emit-index-url --no-annotate --output-file constraints.txt pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --extra dev --extra strangers --generate-hashes \
	  --constraint constraints.txt \
	  --no-header --no-emit-index-url --no-annotate --output-file constraints-strangers.txt pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --extra kerberos --generate-hashes \
	  --constraint constraints.txt \
	  --no-header --no-emit-index-url --no-annotate --output-file constraints-kerberos.txt pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --extra otel --generate-hashes \
	  --constraint constraints.txt \
	  --no-header --no-emit-index-url --no-annotate --output-file constraints-runtime.txt pyproject.toml
	echo 'uv' | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-header --no-emit-index-url --no-annotate --output-file constraints-uv.txt -
	echo 'hatchling>=1.27' | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --constraint constraints.txt \
	  --no-header --no-emit-index-url --no-annotate --output-file constraints-build.txt -

scale-model: env  ## what 1,000 to 1,000,000 mailboxes would take, by arithmetic on measured costs
	$(BIN)/python -m bench.scale

chart:  ## what the chart makes of its example (needs helm)
	helm template mailmine deploy/helm/mailmine --namespace mailmine --values deploy/helm/example.yaml > deploy/kubernetes/mailmine.yaml

clean:  ## removes what was made
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache dist
