"""Build the source distribution and from it the wheel, check both, compare the wheel's files with the tree, and run a study from it in an empty
folder. Run by `make wheel`."""

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("engine", "specs", "optimizers")


def expected() -> set[str]:
    """The package files of the tree, as they should be named in the wheel."""
    found = {"thalweg/__init__.py", "thalweg/__main__.py", "thalweg/py.typed"}
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in (".py", ".yaml", ".html", ".css", ".js", ".cu") and "__pycache__" not in path.parts:
                found.add(f"thalweg/{path.relative_to(ROOT)}")
    return found


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
        subprocess.run([sys.executable, "-m", "build", "--outdir", str(work / "dist"), str(ROOT)], check=True, stdout=subprocess.DEVNULL)
        subprocess.run([sys.executable, "-m", "twine", "check", "--strict", *map(str, (work / "dist").iterdir())], check=True)
        wheel = next((work / "dist").glob("*.whl"))
        names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
        assert names == expected(), f"missing: {sorted(expected() - names)}; unexpected: {sorted(names - expected())}"
        site = work / "site"
        subprocess.run([*pip, "install", "--no-deps", "--target", str(site), str(wheel)], check=True)
        empty = work / "empty"
        empty.mkdir()
        env = {**os.environ, "PYTHONPATH": str(site)}
        command = "import thalweg.engine.cli as c, sys; assert sys.argv.pop(1) in c.__file__, c.__file__; c.main()"
        base = [sys.executable, "-P", "-c", command, str(site)]
        subprocess.run([*base, "run", "river_valley", "--set", "steps=20", "--set", "seeds=2", "--quiet"], cwd=empty, env=env, check=True)
        subprocess.run([*base, "compare", "river_valley.zarr"], cwd=empty, env=env, check=True)
        assert sorted(p.name for p in empty.iterdir()) == ["river_valley.zarr"]
    print("wheel: complete, and a study runs from it")


if __name__ == "__main__":
    main()
