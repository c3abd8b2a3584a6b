"""What the documentation shows, runs: README, tutorial and how-tos, block after block, in a temporary folder and in small versions.

Python blocks of a page share one namespace, YAML blocks with a `name` become NAME.yaml, and of shell blocks the `thalweg` commands go through
the command line. A block under <!-- not run: REASON --> is left out. `make docs` runs the tutorial and the recipes at full size.
"""

import importlib.util
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import matplotlib as mpl
import pytest
from helpers.repetitions import few
from thalweg.engine.cli import app
from thalweg.specs.load import gallery
from thalweg.specs.program.draws import KINDS as DRAWS
from thalweg.specs.program.node import MAX_NODES
from thalweg.specs.program.read import CONSTANTS, MAX_LENGTH, MAX_PARTS, WORDS_OF_CALLS
from thalweg.specs.program.table import FUNCTIONS
from thalweg.specs.registry import LANDSCAPES, OPTIMIZERS
from thalweg.specs.session import forget
from thalweg.specs.study import Study
from typer.testing import CliRunner

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = [
    ROOT / "README.md",
    *(DOCS / f"{name}.md" for name in ("index", "quickstart", "tutorial", "language")),
    *sorted((DOCS / "howto").glob("*.md")),
]
FENCE = re.compile(r"(<!-- not run: [^>]*-->\s*)?^```(\{code-cell\} ipython3|python|yaml|sh)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SMALL = {"run": ["--set", "seeds=2", "--set", "steps=40", "--quiet"], "verify": ["--quick"]}
OTHERS = ("pip", "make", "python3", ".")
"""Commands of shell blocks that set up an environment."""


def test_no_picture_is_older_than_the_code_that_draws_it():
    spec = importlib.util.spec_from_file_location("pictures", DOCS / "pictures.py")
    pictures = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(pictures)
    assert len(pictures.pictures()) > 30
    assert not pictures.stale(), "draw them anew: make pictures"


def blocks(page: Path) -> list[tuple[str, str]]:
    """(language, text) of the blocks that are to run."""
    found = FENCE.findall(page.read_text(encoding="utf-8"))
    return [("python" if "code-cell" in language else language, text) for skipped, language, text in found if not skipped]


def small(words: list[str]) -> list[str]:
    """A command in a version for tests."""
    if words[0] == "run" and words[1] in gallery():
        return [*words, *SMALL["run"], "--overwrite"]
    if words[0] == "run":
        return [*words, "--quiet", "--overwrite"]
    if words[0] == "compare" and words[1].endswith(".yaml"):
        return [*words, *SMALL["run"][:-1]]
    is_study = words[0] == "verify" and not words[-1].endswith(".zarr")
    return [*words, *(SMALL["verify"] if is_study else [])]


def command(line: str) -> str:
    """Run one line of a shell block; returns what it printed."""
    line, _, target = line.partition(" > ")
    words = shlex.split(line, comments=True)
    if not words or words[0] in OTHERS:
        return ""
    assert words[0] == "thalweg", f"no test for the command {line}"
    if "sign_mix" in line:
        return ""  # needs the example's package: test_the_example_plugin_is_found runs it
    result = CliRunner().invoke(app, small(words[1:]))
    if result.exit_code:
        raise AssertionError(f"{line}: exit code {result.exit_code}: {result.output} {result.exception}")
    if target:
        Path(target.split()[0]).write_text(result.output)
    return result.output


def cells(text: str) -> str:
    """A notebook's cell without what is IPython's own."""
    lines = [f"command({line[1:]!r})" if line.startswith("!") else line for line in text.splitlines()]
    return "\n".join(line for line in lines if not line.startswith(("%", "from IPython", "Image(")))


@pytest.fixture
def quick_runs(monkeypatch):
    """thalweg.run of bundled studies in small versions."""
    import thalweg
    from thalweg.engine import api

    whole = api.run

    def run(study, out=None, **options):
        if isinstance(study, str) and study in gallery():
            options["settings"] = [*options.get("settings", ()), "seeds=2", "steps=40"]
        return whole(study, out, **{"overwrite": True, **options})

    monkeypatch.setattr(thalweg, "run", run, raising=False)


LONG = ("stages.md", "planes.md", "features.md", "paths.md", "spectra.md")
"""Pages that take longer than the others; `make verify` runs them."""


@pytest.fixture(autouse=True)
def _own_session():
    yield
    forget()


@pytest.mark.parametrize("page", few(PAGES, keep=lambda page: page.name not in LONG), ids=lambda p: p.name)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_what_a_page_shows_runs(page, tmp_path, monkeypatch, quick_runs):
    monkeypatch.chdir(tmp_path)
    mpl.use("Agg")
    names: dict = {"command": command, "__name__": "page"}
    shown = blocks(page)
    assert shown or page.name == "where.md"
    if page.name == "index.md":
        assert re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    for language, text in shown:
        if language == "python":
            exec(compile(cells(text), f"{page.name}: {text.strip().splitlines()[0]}", "exec"), names)  # noqa: S102
        elif language == "yaml":
            found = re.match(r"name: (\S+)\n", text)
            if found:
                Path(f"{found[1]}.yaml").write_text(text, encoding="utf-8")
        else:
            for line in text.splitlines():
                command(line)


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda p: p.name)
def test_links_between_pages_lead_to_pages_of_the_site(page):
    for link in re.findall(r"\]\(([^)#:]+\.md)", page.read_text(encoding="utf-8")):
        target = (page.parent / link).resolve()
        assert target.is_relative_to(DOCS), f"{link} is outside docs/, where Sphinx cannot follow"
        assert target.exists() or target.is_relative_to(DOCS / "generated"), link


def test_tutorial_ends_with_two_claims_that_pass(tmp_path, monkeypatch, quick_runs):
    monkeypatch.chdir(tmp_path)
    found = re.search(r'write_text\("""\n(.*?)"""\)', (DOCS / "tutorial.md").read_text(), re.DOTALL)
    assert found
    Path("decay.yaml").write_text(found[1])
    assert "2 passed" in command("thalweg verify decay.yaml --out decay.zarr")


def test_the_example_plugin_is_found(tmp_path):
    """As pip would install it: the module, and its entry points beside it. A process of its own, for the registry looks once."""
    source = DOCS / "example_plugin"
    project = tomllib.loads((source / "pyproject.toml").read_text())
    [module] = project["tool"]["setuptools"]["py-modules"]
    (tmp_path / f"{module}.py").write_text((source / f"{module}.py").read_text())
    info = tmp_path / "thalweg_sign_mix-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: thalweg-sign-mix\nVersion: 0.1.0\n")
    points = project["project"]["entry-points"]
    text = "".join(f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in found.items()) for group, found in points.items())
    (info / "entry_points.txt").write_text(text)
    script = (
        "import thalweg\n"
        "tree = thalweg.run({'name': 't', 'landscape': 'himmelblau', 'steps': 200,"
        " 'optimizers': [{'kind': 'sign_mix', 'mix': [0.0, 1.0]}, {'kind': 'signum', 'lr': 0.01}]})\n"
        "loss = tree['sign_mix'].loss.isel(seed=0, step=-1)\n"
        "assert abs(float(loss.sel(mix=1)) - float(tree['signum'].loss.isel(seed=0, step=-1))) < 1e-9, loss\n"
        "assert float(loss.sel(mix=0)) < 1e-3, loss\n"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT / ".links"), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run([sys.executable, "-c", script], env=env, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    shell = "".join(text for language, text in blocks(DOCS / "howto" / "own_optimizer.md") if language == "sh")
    commands = [shlex.split(line, comments=True) for line in shell.splitlines() if line.startswith("thalweg ")]
    assert any("sign_mix" in word for words in commands for word in words)
    for words in commands:
        env |= {"COLUMNS": "200"}
        done = subprocess.run(
            [sys.executable, "-m", "thalweg", *words[1:]], env=env, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "sign_mix" in done.stdout


def test_links_to_sources_lead_to_the_whole_doi(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS))
    from generate.text import escaped, markdown

    doi = "10.1016/0893-6080(90)90029-K"
    assert escaped(f"See doi:{doi}, page 2.") == f"See [doi:{doi}](<https://doi.org/{doi}>), page 2."
    assert "](<https://doi.org/10.1287/mnsc.1050.0451>))." in escaped("x (Smith 2006, doi:10.1287/mnsc.1050.0451).")
    assert "](<https://doi.org/10.1016/0041-5553(64)90137-5>)" in markdown(OPTIMIZERS.load("sgd"))
    assert f"](<https://doi.org/{doi}>)" in markdown(LANDSCAPES.load("styblinski_tang"))


@pytest.mark.parametrize("registry", [LANDSCAPES, OPTIMIZERS], ids=lambda r: r.noun)
def test_the_reference_has_a_meaning_for_every_field(registry, monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS))
    from generate.fields import table
    from thalweg.engine.text.meanings import meaning

    for owner in [Study, *(registry.load(kind) for kind in registry.kinds())]:
        missing = [name for name in owner.model_fields if name != "kind" and not meaning(owner, name)]
        assert not missing, f"{owner.__name__}: give {missing} a description=, or a line in engine/text/meanings.py"
        assert table(owner).count("\n") >= 1 or len(owner.model_fields) <= 1


def test_the_page_of_functions_has_all_of_every_file(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS))
    from generate.functions import WORDS, head, parts

    page = "\n\n".join(parts())
    assert sorted(re.findall(r"^## (.*)$", page, re.MULTILINE)) == sorted(group.capitalize() for group in WORDS)
    sections = dict(re.findall(r"^### (\w+)\n(.*?)(?=^\(function|\Z)", page, re.MULTILINE | re.DOTALL))
    assert sorted(sections) == FUNCTIONS.kinds()
    for kind, section in sections.items():
        function = FUNCTIONS.load(kind)
        call, what = head(sys.modules[type(function).__module__])
        assert what.endswith("."), f"specs/functions/{kind}.py: its docstring must begin with 'CALL: what it is.'"
        assert call in section
        by_name = any(f"{kind}(" in text for text in function.examples)
        assert f"{kind}(" in call or not by_name, f"specs/functions/{kind}.py: {call} is no call of it"
        assert all(f"`{text}`" in section for text in function.examples)
        assert all(f"`{option}" in section for option in function.options() if option != "at")
        assert f"`specs/functions/{kind}.py`" in section


def test_every_word_of_the_language_stands_on_its_page():
    page = (DOCS / "language.md").read_text(encoding="utf-8")
    [tensors] = LANDSCAPES.load("expression").forms
    fields = [info.alias or name for name, info in tensors.model_fields.items()]
    words = [*CONSTANTS, *WORDS_OF_CALLS, *DRAWS, *fields, "X", "y", "X_test", "y_test", "n", "n_test", "p", "classes"]
    assert [word for word in words if not re.search(rf"`{re.escape(word)}\b|\b{re.escape(word)}:", page)] == []
    for bound in (MAX_LENGTH, MAX_PARTS, MAX_NODES):
        assert f"{bound:,}" in page


def test_links_between_pages_lead_somewhere():
    for page in [*PAGES, *sorted(DOCS.glob("*.md")), *sorted((DOCS / "explain").glob("*.md"))]:
        for target in re.findall(r"\]\(([^)\s#]+)", page.read_text(encoding="utf-8")):
            if "://" in target or "generated/" in target:
                continue
            assert (page.parent / target).exists(), f"{page.name}: {target}"
