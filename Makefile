# Each target sets up .venv by itself; the README says how long each takes.
PY := .venv/bin/python
STEPS := $(sort $(wildcard scripts/0*.py))
export PYTHON AMP ROWS

.PHONY: help setup reproduce quick test benchmark figures report lint audit check-dgl check-peers \
	check-choices lock compare archive workflow-env check-slurm check-workflow

help:
	@echo "make setup       .venv with all packages, some minutes; the others do it first"
	@echo "make reproduce   data and all rows, resuming where it stopped; runs that are there remain"
	@echo "                 AMP=stored leaves Amp's rows, the slowest, as they are committed,"
	@echo "                 ROWS=report runs only rows of the report's tables and appendices,"
	@echo "                 ROWS=stale only rows whose results are not of today's code and settings"
	@echo "make quick       the same, small, into quick/: does it run here?"
	@echo "make test        unit tests"
	@echo "make report      tables, verdicts, README and results/report.html from the runs there"
	@echo "make figures     figures from the results that are there"
	@echo "make benchmark   speed, as ratios measured in one run; ARGS=--keep stores it in results/"
	@echo "make lint        ruff, hadolint"
	@echo "make audit       are the committed numbers what their predictions and this machine give?"
	@echo "                 ARGS='--minutes 20', ARGS='--rows table4/eq4', ARGS=--help"
	@echo "make compare     OLD=c452355: the committed numbers against 0.1.0's; any commit or tag"
	@echo "                 ARGS=--all, ARGS='--markdown page.md'"
	@echo "make archive     one file for a data repository, into dist/: code, results, models"
	@echo "make lock        requirements.lock and others, with checksums, from the short lists"
	@echo "make check-dgl   optional: section 6's network in DGL, as the report had it, is the same"
	@echo "make check-peers optional: other packages' errors on Au6 and Au12, measured again"
	@echo "make check-choices optional: a choice of settings repeated, on training frames alone"
	@echo "make workflow-env  optional: Snakemake, for the same runs on a cluster: docs/cluster.md"
	@echo "make check-slurm optional: these on a real SLURM of one node give the same bits"
	@echo "make check-workflow optional: killed again and again they do, too; overhead, busy cores"

setup:
	@PYTHON="$(PYTHON)" scripts/setup.sh

# Exit status 1 is a failed experiment: the others go on, and 08_report.py names it at the end.
run_steps = status=0; for step in $(STEPS); do \
	$(PY) $$step $(1) || { code=$$?; [ $$code = 1 ] && status=1 || exit $$code; }; \
	done; exit $$status

reproduce: setup
	@$(call run_steps,)

quick: setup
	@$(call run_steps,--quick)

test: setup
	@scripts/browser.sh
	@$(PY) -m pytest -q -n auto --dist loadfile --no-loadscope-reorder

report: setup
	@$(PY) scripts/08_report.py

figures: setup
	@$(PY) scripts/07_figures.py

benchmark: setup
	@$(PY) scripts/benchmark.py $(ARGS)
	@$(PY) scripts/benchmark_behler.py $(ARGS)
	@$(PY) scripts/benchmark_scale.py $(ARGS)

lint: setup
	@.venv/bin/ruff check . && .venv/bin/ruff format --check .
	@.venv/bin/hadolint Dockerfile

# Changes nothing in results/. Exit status 1 where something differs.
audit: setup
	@$(PY) -m checks.audit $(ARGS)

# DGL needs PyTorch: an environment of its own, and a process for each side of the comparison.
check-dgl: setup
	@PYTHON="$(PYTHON)" checks/dgl/setup.sh
	@$(PY) checks/dgl/keras_side.py .venv-dgl/keras.npz
	@.venv-dgl/bin/python checks/dgl/check.py .venv-dgl/keras.npz

# A package, an environment: elsewhere.csv is written from what the runs in runs/peers measured.
check-peers: setup
	@PYTHON="$(PYTHON)" checks/peers/setup.sh
	@$(PY) checks/peers/export.py runs/peers/data
	@$(PY) checks/peers/measure.py runs/peers

# Hours on two cores; writes a CSV beside the check.
check-choices: setup
	@$(PY) -m checks.choices $(ARGS)

lock:
	@PYTHON="$(PYTHON)" scripts/lock.sh $(ARGS)

compare: setup
	@$(PY) -m reproduction.compare $(ARGS) -- "$(OLD)"

archive: setup
	@$(PY) -m reproduction.archive $(ARGS)

# Snakemake wants a newer NumPy than Amp takes: an environment of its own, whose rules call .venv.
workflow-env: setup
	@PYTHON="$(PYTHON)" workflow/setup.sh

# As root, from Debian's packages; started and stopped here, and nothing of it stays but those.
check-slurm: workflow-env
	@checks/slurm/setup.sh
	@$(PY) -m checks.slurm

check-workflow: workflow-env
	@$(PY) -m checks.workflow $(ARGS)
