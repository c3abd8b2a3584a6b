# Two commands do everything: `make demo` and `make test`. Both set up .venv on first use; Python 3.11 or newer, pip and make suffice.
PYTHON ?= python3
BIN = .venv/bin
OUT = out
# Byte code is made at installation, and kept whatever the shell says: without it every start reads all packages anew, for seconds.
export PYTHONDONTWRITEBYTECODE =
unexport PYTHONPYCACHEPREFIX
COMPILED = numpy scipy zarr numcodecs xarray pandas numba llvmlite pydantic rich typer ruamel matplotlib dask

.PHONY: pictures demo test test-browser lint types wheel unit claims verify fuzz docs peers bench gpu gpu-check clean

.venv/.ok: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-compile -e '.[test]'
	$(BIN)/python -m compileall -q -j 0 engine optimizers specs .links
	-cd .venv/lib/python*/site-packages && "$(CURDIR)/$(BIN)/python" -m compileall -q -j 0 -x '/tests?/' $(COMPILED)
	@touch .venv/.ok

demo: .venv/.ok
	@mkdir -p $(OUT)
	$(BIN)/thalweg run river_valley --out $(OUT)/river_valley.zarr --overwrite
	$(BIN)/thalweg compare $(OUT)/river_valley.zarr
	$(BIN)/thalweg plot $(OUT)/river_valley.zarr -o $(OUT)/river_valley.png

# What needs one core each runs side by side; three workers, since some tests wait. The small versions of the claims are among the tests (tests/engine/test_gallery.py).
test: .venv/.ok
	$(MAKE) --no-print-directory -j 2 -O lint types wheel
	$(MAKE) --no-print-directory unit

lint: .venv/.ok
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/.ok
	$(BIN)/pyright --pythonpath $(BIN)/python

unit: .venv/.ok
	$(BIN)/python -m pytest -n 3 --dist worksteal

wheel: .venv/.ok
	$(BIN)/python tests/wheel_check.py

# The report's page in Chromium. Needs a browser and a driver, which it does not install: apt-get install chromium (or a Chrome of your
# own in CHROMIUM=path) and .venv/bin/python -m pip install playwright.
test-browser: .venv/.ok
	$(BIN)/python -m pytest tests/browser -m browser -rs

# The bundled studies' claims in their small versions, with what was measured; `verify` runs them at full size, in about half an hour, and
# counts how often true claims fail at 200 root seeds.
claims: .venv/.ok
	$(BIN)/thalweg verify all --quick

verify: .venv/.ok
	$(BIN)/python -m pytest -m full -n 2 --dist worksteal tests
	$(BIN)/thalweg verify all --report docs/claims.md
	$(BIN)/python docs/fill.py

# The documentation's pictures whose code has changed; takes minutes.
pictures: .venv/.ok
	$(BIN)/python docs/pictures.py

# The site, docs/_build/html/index.html; installs Sphinx into its own environment. Warnings are errors.
docs: .venv-docs/.ok
	.venv-docs/bin/python -m sphinx -W --keep-going -q -b html docs docs/_build/html

.venv-docs/.ok: pyproject.toml
	$(PYTHON) -m venv .venv-docs
	.venv-docs/bin/python -m pip install -q --disable-pip-version-check -e '.[docs,datasets]'
	@touch .venv-docs/.ok

# Coverage-guided fuzzing of the parsers, a minute each.
fuzz: .venv/.ok
	$(BIN)/python -m pip install -q --disable-pip-version-check atheris
	$(BIN)/python tests/fuzz.py study -max_total_time=60 -len_control=0 -max_len=400 -timeout=20 -rss_limit_mb=4096
	$(BIN)/python tests/fuzz.py formula -max_total_time=60 -len_control=0 -max_len=400 -timeout=20 -rss_limit_mb=4096

# Agreement with torch.optim and optax; installs both into their own environment.
peers: .venv-peers/.ok
	.venv-peers/bin/python -m pytest tests/peers -o addopts="" -q

# Speed, side by side with JAX, torch and NumPy; writes benchmarks/RESULTS.md. About an hour.
bench: .venv-peers/.ok
	.venv-peers/bin/python -m benchmarks

# CUDA kernels compiled to sm_90 binaries, without a device; installs NVIDIA's compiler libraries, 460 MB, into their own environment.
gpu-check: .venv-gpu-check/.ok
	.venv-gpu-check/bin/python -m pytest tests/engine/executors/cuda/test_cuda_compile.py tests/engine/executors/cuda/test_cuda_simulator.py tests/engine/executors/cuda/test_cuda_programs.py -o addopts="" -q -s

.venv-gpu-check/.ok: pyproject.toml
	$(PYTHON) -m venv .venv-gpu-check
	.venv-gpu-check/bin/python -m pip install -q --disable-pip-version-check -e '.[gpu-test]'
	@touch .venv-gpu-check/.ok

# On a machine with a CUDA device: every optimizer and landscape on it against the processor, then speed beside JAX, torch and CuPy.
gpu: .venv-gpu/.ok
	.venv-gpu/bin/python -m pytest tests/gpu tests/engine/executors/cuda/test_cuda_compile.py -o addopts="" -v -n 8
	.venv-gpu/bin/python -m benchmarks.gpu

.venv-gpu/.ok: pyproject.toml
	$(PYTHON) -m venv .venv-gpu
	.venv-gpu/bin/python -m pip install -q --disable-pip-version-check -e '.[test,gpu]' 'jax[cuda13]' optax torch
	@touch .venv-gpu/.ok

.venv-peers/.ok: pyproject.toml
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install -q --disable-pip-version-check -e '.[test,peers]'
	@touch .venv-peers/.ok

clean:
	rm -rf .venv .venv-peers .venv-gpu .venv-gpu-check .venv-docs docs/_build docs/generated $(OUT) build dist *.egg-info
