# The commands of this project. Each one makes .venv when it is missing and installs what it needs.
#   make tour      portrait -> avatar -> driven, turned, exported: out/tour
#   make test      all tests but the slow ones          make test-all   all of them
#   make lab       the notebooks in JupyterLab          make bench      speed, as tables
#   make clean     remove what the others made (not .venv)
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
# Without an NVIDIA GPU the small CPU build of torch is enough. Set TORCH_INDEX= to take what pip finds by itself.
TORCH_INDEX ?= $(if $(shell command -v nvidia-smi 2>/dev/null),,https://download.pytorch.org/whl/cpu)
PIP    := $(BIN)/python -m pip --disable-pip-version-check
# Quiet first: an index that cannot be reached is passed over, with many warnings. Loud only when that fails.
TORCH_INSTALL := $(PIP) install -c constraints.txt torch torchvision $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX) --retries 1)

.PHONY: help install tour test test-all lab bench clean

help:
	@sed -n '2,5s/^# *//p' Makefile

install: $(STAMP)

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# torch first, at its pin, so that no other package pulls a build we do not want
$(STAMP): pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing into $(VENV): some minutes, about 2 GB on disk, once."
	@$(TORCH_INSTALL) -qqq || $(TORCH_INSTALL)
	@$(PIP) install -qq -c constraints.txt -e ".[dev]"
	@touch $@

tour: $(STAMP)
	$(BIN)/python -m instant4d tour

test: $(STAMP)
	$(BIN)/python -m pytest -q

test-all: $(STAMP)
	INSTANT4D_SLOW=1 $(BIN)/python -m pytest -q -m ""

lab: $(STAMP)
	$(BIN)/jupyter lab --notebook-dir=nbs

bench: $(STAMP)
	$(BIN)/python -m instant4d bench

clean:
	rm -rf out _docs _proc build dist .pytest_cache instant4d.egg-info
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
	find nbs -name .ipynb_checkpoints -prune -exec rm -rf {} +
