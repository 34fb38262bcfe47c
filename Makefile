# `make reproduce` and `make test` work on a fresh machine with Python 3.11.4 or newer: they make .venv from the lock first.
VENV := .venv
PYTHON ?= python3
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export DVC_NO_ANALYTICS := 1
# nothing here talks to anyone
export MLFLOW_DISABLE_TELEMETRY := true

.PHONY: reproduce test soak check lock audit bench notebook mlflow clean
.DEFAULT_GOAL := reproduce

reproduce: $(VENV)/installed
	dvc repro
	@echo "The report: reports/$$(sed -n 's/^study: //p' params.yaml)/README.md"

test: check
	pytest -n auto --dist loadfile -m "not soak"

# The long tests: kills, real launchers, a live MLflow server, simulations, every documented command; about an hour.
# SOAK_SECONDS=300 does what starts within that time, in an order drawn from SOAK_SEED.
SOAK_SECONDS ?= 0
SOAK_SEED ?= $(shell git rev-parse HEAD 2>/dev/null)
soak: $(VENV)/installed
	pytest -n 0 -rP -m soak --timeout 1800 --soak-seconds $(SOAK_SECONDS) --soak-seed "$(SOAK_SEED)"

check: $(VENV)/installed
	ruff check .
	ruff format --check .
	mypy

# uv installs the lock in half a minute; it is used if it is there, and else put into .venv. One that is in .venv already
# does not count: it would be removed with it. Compiled at once, because where PYTHONDONTWRITEBYTECODE is set, as in many
# containers, every process would compile torch, Lightning, MLflow or DVC anew, which more than doubles its start.
# The .pth file lets workers import whyrelu and its plugins, wherever a launcher starts them.
$(VENV)/installed: requirements.lock
	@uv=$$(command -v uv); \
	case "$$uv" in ""|"$(CURDIR)/$(VENV)/"*) \
	  $(PYTHON) -m venv --clear $(VENV) && $(VENV)/bin/python -m pip install --quiet uv;; \
	*) \
	  uv venv --quiet --clear --python "$$(command -v $(PYTHON))" $(VENV);; \
	esac
	@echo "installing requirements.lock into $(VENV)"
	@uv pip install --quiet --compile-bytecode --require-hashes --python $(VENV)/bin/python -r requirements.lock
	@echo "$(CURDIR)/src" > "$$($(VENV)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/whyrelu.pth"
	@touch $@

lock: $(VENV)/installed
	uv pip compile --quiet --generate-hashes --no-header --universal --python-version 3.11 --extra dev pyproject.toml -o requirements.lock

# Known vulnerabilities of what the lock installs; what cannot be looked up fails too. pip-audit is not in the lock.
audit: $(VENV)/installed
	uv tool run pip-audit --strict --require-hashes --disable-pip --requirement requirements.lock

# whyrelu's speed beside the common Lightning way and a bare loop: about forty minutes, with nothing else running
bench: $(VENV)/installed
	python benchmarks/run.py

# Says where to look, then answers this machine alone, and a browser only if it asks for this machine by name: a page of
# the web that makes its own name point here gets nothing.
export MLFLOW_PORT ?= 5000
mlflow: export PYTHONWARNINGS := ignore
mlflow: export MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE := false
mlflow: $(VENV)/installed
	@python src/track.py; exec mlflow ui --backend-store-uri sqlite:///mlflow.db --uvicorn-opts "--log-level warning" \
	  --host 127.0.0.1 --port $(MLFLOW_PORT) --allowed-hosts "127.0.0.1:$(MLFLOW_PORT),localhost:$(MLFLOW_PORT)"

# The outputs of the notebook, as they are committed: a few minutes; what is trained is kept in notebooks/relu_vs_sigmoid/
notebook: $(VENV)/installed
	python notebooks/execute.py

# What can be made again: not the runs, which cost hours
clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
