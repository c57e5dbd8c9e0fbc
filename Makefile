# Needs Python 3.11 or newer with pip, nothing else.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: search test check lint types docs clean

search: .venv/installed  ## the first command a user runs
	$(BIN)/python -m nas.search hardware=pixel4 budget=300M

test: .venv/tested  ## the whole test suite
	$(BIN)/python -m pytest -n auto

docs: .venv/tested  ## the pages of docs/ as a site, in build/site: opens from there, and needs no network
	$(BIN)/python -m mkdocs build --quiet --strict --config-file tools/mkdocs.yml

check: lint types test

lint: .venv/tested
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: .venv/tested
	$(BIN)/mypy

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

.venv/tested: .venv/installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test]'
	npm install --silent --ignore-scripts --no-save --prefix .venv/node onnxruntime-web@1.30.0 \
		|| echo "without npm and onnxruntime-web the JavaScript of model cards is not tried"
	touch $@

clean:
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
