# The verbs are the same for people and for CI. Each makes what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUNS := $(VENV)/.installed-to-run
STAMP := $(VENV)/.installed-to-work

.PHONY: help demo test battery lint bench format pictures docs clean
help:  ## show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/ -/'

$(RUNS): EXTRAS := demo
$(STAMP): EXTRAS := demo,test
$(RUNS) $(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("lakectl needs Python 3.11, 3.12 or 3.13; set PYTHON=python3.12 or so") if not (3, 11) <= sys.version_info[:2] <= (3, 13) else 0'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$(EXTRAS)]'
	@touch $@

demo: $(RUNS)  ## make a lake of real data in ./demo-lake and open the dashboard on it
	$(BIN)/lakectl demo demo-lake

test: $(STAMP)  ## run the whole suite
	$(BIN)/python -m pytest -n 2

battery: $(STAMP)  ## run the long forms of the proofs as well
	$(BIN)/python -m pytest -n 2 -m "battery or one_form" tests --figures docs/RELIABILITY.md

lint: $(STAMP)  ## formatting, style, types, architecture, spelling
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell lakectl screens jobs catalog tests docs README.md CHANGELOG.md

bench: $(STAMP)  ## measure the ratios against the floors of this machine
	$(BIN)/python -m tests.bench

format: $(STAMP)  ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

pictures: $(STAMP)  ## redraw the pictures of the screens (look at them before you commit)
	LAKECTL_UPDATE_PICTURES=1 $(BIN)/python -m pytest -n 2 tests/screens
	$(BIN)/lakectl demo demo-lake --no-ui
	$(BIN)/python docs/draw_pictures.py demo-lake

docs: $(STAMP)  ## run the examples of the pages and write what they print into them
	$(BIN)/python docs/run_examples.py docs/TOUR.md docs/FLOWS.md README.md

clean:  ## remove what the other verbs made
	rm -rf $(VENV) .oracle demo-lake build *.egg-info
