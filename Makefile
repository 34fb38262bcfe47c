# `make reproduce` and `make test` work on a fresh machine with Python 3.11 or newer: they make .venv from the lock first.
VENV := .venv
PYTHON ?= python3
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export DVC_NO_ANALYTICS := 1
# nothing here talks to anyone
export MLFLOW_DISABLE_TELEMETRY := true

.PHONY: reproduce study test check lock audit bench bench-scale notebook mlflow clean
.DEFAULT_GOAL := reproduce

# what `make study` leaves if it is killed
RESTORE := if [ -f .params.kept ]; then mv -f .params.kept params.yaml; mv -f .lock.kept dvc.lock; fi

reproduce: $(VENV)/installed
	@$(RESTORE)
	dvc repro
	@echo "The report: reports/$$(sed -n 's/^study: //p' params.yaml)/README.md"

# make study STUDY=mechanisms: the pipeline with studies/mechanisms.yaml for a params.yaml, and a lock of its own. Both
# files of the headline study are put back at the end, however that comes.
study: $(VENV)/installed
	@test -f "studies/$(STUDY).yaml" || { echo "error: there is no studies/$(STUDY).yaml: make study STUDY=name, with one of:" \
	  $$(cd studies && ls *.yaml | sed 's/.yaml$$//') >&2; exit 1; }
	@$(RESTORE)
	@cp params.yaml .params.new && cp dvc.lock .lock.new && mv -f .lock.new .lock.kept && mv -f .params.new .params.kept \
	  || { rm -f .params.new .lock.new .lock.kept; echo "error: cannot keep params.yaml and dvc.lock; nothing has changed" >&2; exit 1; }; \
	trap 'cp dvc.lock studies/.lock.new && mv -f studies/.lock.new studies/$(STUDY).lock; $(RESTORE)' EXIT; trap 'exit 130' INT TERM HUP; \
	cp studies/$(STUDY).yaml params.yaml; \
	if [ -f studies/$(STUDY).lock ]; then cp studies/$(STUDY).lock dvc.lock; fi; \
	dvc repro
	@echo "The report: reports/$$(sed -n 's/^study: //p' studies/$(STUDY).yaml)/README.md"

test: check
	pytest -n auto --dist worksteal

check: $(VENV)/installed
	ruff check .
	ruff format --check .
	mypy

# uv installs the lock in half a minute; it is used if it is there, and else put into .venv. One that is in .venv already
# does not count: it would be removed with it. Compiled at once, because where PYTHONDONTWRITEBYTECODE is set, as in many
# containers, every process would compile torch, Lightning, MLflow or DVC anew, which more than doubles its start.
$(VENV)/installed: requirements.lock
	@uv=$$(command -v uv); \
	case "$$uv" in ""|"$(CURDIR)/$(VENV)/"*) \
	  $(PYTHON) -m venv --clear $(VENV) && $(VENV)/bin/python -m pip install --quiet uv;; \
	*) \
	  uv venv --quiet --clear --python "$$(command -v $(PYTHON))" $(VENV);; \
	esac
	@echo "installing requirements.lock into $(VENV)"
	@uv pip install --quiet --compile-bytecode --require-hashes --python $(VENV)/bin/python -r requirements.lock
	@touch $@

lock: $(VENV)/installed
	uv pip compile --quiet --generate-hashes --no-header --universal --python-version 3.11 --extra dev pyproject.toml -o requirements.lock

# Known vulnerabilities of what the lock installs; what cannot be looked up fails too. pip-audit is not in the lock.
audit: $(VENV)/installed
	uv tool run pip-audit --strict --require-hashes --disable-pip --requirement requirements.lock

# whyrelu's speed beside the common template way and a bare loop: about twenty minutes, with nothing else running
bench: $(VENV)/installed
	python benchmarks/run.py

# Completes the view of the runs and says where a browser finds it. The server answers this machine alone, and a browser
# only if it asks for this machine by name: a page of the web that makes its own name point here gets nothing. It says
# nothing of its own, so that the addresses stay in sight.
export MLFLOW_PORT ?= 5000
mlflow: export PYTHONWARNINGS := ignore
mlflow: export MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE := false
mlflow: $(VENV)/installed
	@python src/track.py; exec mlflow ui --backend-store-uri sqlite:///mlflow.db --uvicorn-opts "--log-level warning" \
	  --host 127.0.0.1 --port $(MLFLOW_PORT) --allowed-hosts "127.0.0.1:$(MLFLOW_PORT),localhost:$(MLFLOW_PORT)"

# What a hundred thousand runs cost: simulates them below the folder for temporary files, and writes into docs/scale.md
bench-scale: $(VENV)/installed
	python benchmarks/scale.py

# The outputs of the notebook, as they are committed: a few minutes; what is trained is kept in notebooks/relu_vs_sigmoid/
notebook: $(VENV)/installed
	python notebooks/execute.py

# What can be made again: not the runs, which cost hours
clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
