"""The command line as a user meets it: exit codes, one clear line a mistake, nothing heavy before it is needed."""

import json
import subprocess
import sys

import pytest

FORBIDDEN = ("numba", "sympy", "matplotlib", "xarray", "zarr", "dask", "scipy", "pandas", "plotly")


def thalweg(*args, cwd):
    return subprocess.run(
        [sys.executable, "-m", "thalweg", *map(str, args)], cwd=cwd, capture_output=True, text=True, timeout=120, check=False
    )


SMALL = ("--set", "steps=20", "--set", "seeds=3", "--set", "record.every=5")


def test_run_compare_plot(tmp_path):
    ran = thalweg("run", "river_valley", *SMALL, "--out", "r.zarr", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    assert "thalweg compare r.zarr" in ran.stdout
    compared = thalweg("compare", "r.zarr", cwd=tmp_path)
    assert compared.returncode == 0, compared.stderr
    assert "sgd_wsd" in compared.stdout
    assert "next: thalweg compare r.zarr --view pairs, thalweg plot r.zarr, thalweg report r.zarr" in compared.stdout
    drawn = thalweg("plot", "r.zarr", "-o", "r.svg", cwd=tmp_path)
    assert drawn.returncode == 0, drawn.stderr
    assert (tmp_path / "r.svg").read_text().startswith("<?xml")


def test_quiet_prints_nothing(tmp_path):
    ran = thalweg("run", "river_valley", *SMALL, "--quiet", cwd=tmp_path)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    assert (tmp_path / "river_valley.zarr").is_dir()


def test_a_second_run_refuses_to_replace_the_first(tmp_path, monkeypatch):
    from thalweg.engine.cli import app
    from typer.testing import CliRunner

    def run(*more):
        return CliRunner().invoke(app, ["run", "river_valley", *SMALL, *more]).exit_code

    monkeypatch.chdir(tmp_path)
    assert run() == 0
    again = thalweg("run", "river_valley", *SMALL, cwd=tmp_path)
    assert again.returncode == 2
    assert again.stderr.startswith("error: river_valley.zarr: exists already")
    assert run("--resume") == 0
    assert run("--overwrite") == 0


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("run", "nothing.yaml"), "no such file"),
        (("run", "river_vally"), "did you mean 'river_valley'?"),
        (("run", "river_valley", "--set", "sgd_wsd.lrr=1"), "did you mean 'lr'?"),
        (("run", "river_valley", "--set", "steps"), "write KEY=VALUE"),
        (("run", "river_valley", "--device", "gpu"), "did you mean 'cuda'?"),
        (("run", "river_valley", "--executor", "magic"), "executor 'magic'"),
        (("compare", "nothing.zarr"), "no such store"),
        (("plot", "nothing.zarr"), "no such store"),
        (("run", "--nosuch"), "No such option: --nosuch"),
        (("run", "river_valley", "--threads", "0"), "see: thalweg run --help"),
        (("plot",), "Missing argument 'STORE... [KIND]'; see: thalweg plot --help"),
        (("list", "landscape"), "did you mean 'landscapes'?"),
    ],
)
def test_mistakes_exit_2_with_one_line(tmp_path, args, words):
    ran = thalweg(*args, cwd=tmp_path)
    assert ran.returncode == 2
    assert words in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert "Traceback" not in ran.stderr
    assert list(tmp_path.iterdir()) == []


def test_check_writes_nothing_and_shows_the_plan(tmp_path):
    ran = thalweg("check", "river_valley", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert "12,288 runs" in ran.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("what", ["landscapes", "optimizers", "schedules", "studies"])
def test_list(tmp_path, what):
    ran = thalweg("list", what, cwd=tmp_path)
    assert ran.returncode == 0
    assert {"landscapes": "river_valley", "optimizers": "adam", "schedules": "wsd", "studies": "digits_softmax"}[what] in ran.stdout
    assert "broken" not in ran.stdout
    assert "next: thalweg new" in ran.stdout


def test_a_reader_that_stops_early_is_no_error(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "thalweg.engine.cli", "list"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout
    process.stdout.close()
    assert b"Traceback" not in process.communicate()[1]


def test_list_shows_formulas_with_brackets(tmp_path):
    assert "mean_i [log(" in " ".join(thalweg("list", "landscapes", cwd=tmp_path).stdout.split())
    assert "Needs the extra" in thalweg("report", "--help", cwd=tmp_path).stdout


def test_schema_is_json(tmp_path):
    schema = json.loads(thalweg("schema", cwd=tmp_path).stdout)
    single, several, staged = schema["anyOf"]
    assert several["properties"]["landscape"]["type"] == "array"
    assert {"name", "landscape", "optimizers", "steps"} <= set(single["properties"])
    assert {"from", "at", "uses", "landscape"} <= set(staged["properties"]["stages"]["items"]["properties"])


@pytest.mark.parametrize(
    "statement",
    ["import thalweg", "import thalweg.engine", "import thalweg.engine.cli", "import thalweg.specs.study", "import thalweg.engine.api"],
)
def test_nothing_heavy_is_imported_early(statement):
    code = f"{statement}; import sys; print([m for m in {FORBIDDEN!r} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_public_names_stay_functions_after_their_first_use():
    """A module of the same name would take the function's place in the package once it is imported."""
    code = "import pkgutil, thalweg, thalweg.engine as e; print([n for p in (e, thalweg) for _, n, _ in pkgutil.iter_modules(p.__path__) if n in p.__all__])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("plot r.zarr", False),
        ("run a.yaml --workers 2", True),
        ("run a.yaml --scheduler=tcp://x:1", True),
        ("--help", True),
        ("command_of_a_plug_in r.zarr", True),
    ],
)
def test_dask_is_left_out_where_no_command_uses_it(line, wanted):
    from thalweg.engine.cli import uses_dask

    assert uses_dask(line.split()) == wanted
