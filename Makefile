# The commands of this project. Each one makes .venv when it is missing and installs what it needs.
#   make tour      portrait -> avatar -> driven, turned, exported: out/tour
#   make test      all tests but the slow ones          make test-all   all of them
#   make lab       the notebooks in JupyterLab          make bench      speed, as tables
#   make site      the documentation: out/site/html
#   make clean     remove what the others made (not .venv)
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
# Another package index for torch, for example one with CPU builds (see pytorch.org/get-started); empty: what pip finds.
TORCH_INDEX ?=
PIP    := $(BIN)/python -m pip --disable-pip-version-check
# Quiet first, because pip warns often about an index that it cannot reach. Loud when that fails.
TORCH_INSTALL := $(PIP) install -c constraints.txt torch torchvision $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))

# Threads that wait without spinning: on a busy machine this is worth a factor.
export OMP_WAIT_POLICY = PASSIVE
# Two processes test side by side: with a thread each they do not get in each other's way.
test test-all: export OMP_NUM_THREADS = 1

.PHONY: help install tour test test-all lab bench site clean

help:
	@sed -n '2,6s/^# *//p' Makefile

install: $(STAMP)

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# torch first, at its pin, so that no other package pulls a build we do not want
$(STAMP): pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing into $(VENV): some minutes, about 2 GB on disk, once."
	@$(TORCH_INSTALL) -qqq 2>/dev/null || $(TORCH_INSTALL)
	@$(PIP) install -qq -c constraints.txt -e ".[dev]"
	@touch $@

tour: $(STAMP)
	$(BIN)/python -m instant4d tour

test: $(STAMP)
	$(BIN)/python -m pytest -q -n 2 --dist loadgroup

test-all: $(STAMP)
	INSTANT4D_SLOW=1 $(BIN)/python -m pytest -q -n 2 --dist loadgroup -m ""

lab: $(STAMP)
	$(BIN)/jupyter lab --notebook-dir=nbs

bench: $(STAMP)
	$(BIN)/python -m instant4d bench

# Pages from what the notebooks hold: nothing is run and nothing is asked of the outside, once it is installed.
site: $(VENV)/.docs
	$(BIN)/python docs/stage.py out/site/pages
	$(BIN)/python -m sphinx -W --keep-going -q -j 2 -c docs -d out/site/doctrees out/site/pages out/site/html

$(VENV)/.docs: $(STAMP)
	@$(PIP) install -qq -c constraints.txt -e ".[docs]"
	@touch $@

clean:
	rm -rf out build dist .pytest_cache instant4d.egg-info
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
	find nbs -name .ipynb_checkpoints -prune -exec rm -rf {} +
