"""The references of the Python interface and of the command line."""

import re
import subprocess
import sys
from pathlib import Path

import thalweg

from .units import put

PLUGINS = (
    ("thalweg.optimizers.base", ("Optimizer", "RuleOptimizer", "ElementwiseOptimizer", "VectorOptimizer")),
    ("thalweg.optimizers._matrix", ("MatrixOptimizer",)),
    ("thalweg.optimizers._particles", ("ParticleOptimizer", "consensus")),
    ("thalweg.specs.landscapes.base", ("Landscape", "SymbolicLandscape", "FormulaLandscape", "Minimum")),
)


def write(folder: Path) -> None:
    """python.md and commands.md in this folder."""
    put(folder / "python.md", python())
    put(folder / "commands.md", commands())


def python() -> str:
    """Everything public, by autodoc."""
    public = [name for name in thalweg.__all__ if name != "__version__"]
    parts = ["# Python interface", "Results are xarray objects; what to do with them is [a page of its own](../howto/xarray.md)."]
    parts += [auto("thalweg", name) for name in public]
    parts += ["## For landscapes and optimizers of your own", "See [the how-to](../howto/own_optimizer.md)."]
    parts += [auto(module, name, members=True) for module, names in PLUGINS for name in names]
    return "\n\n".join(parts) + "\n"


def auto(module: str, name: str, members: bool = False) -> str:
    """The autodoc directive of a function or class."""
    thing = getattr(__import__(module, fromlist=[name]), name)
    if isinstance(thing, type):
        error = issubclass(thing, Exception)
        more = "   :members:\n   :member-order: bysource\n   :exclude-members: model_config, definition_\n" if members else ""
        return f"```{{eval-rst}}\n.. auto{'exception' if error else 'class'}:: {module}.{name}\n{more}   :no-index-entry:\n```"
    return f"```{{eval-rst}}\n.. autofunction:: {module}.{name}\n```"


def commands() -> str:
    """What `typer utils docs` writes, less its list of half sentences."""
    command = [sys.executable, "-m", "typer", "thalweg.engine.cli", "utils", "docs", "--name", "thalweg", "--title", "Command line"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    text = re.sub(r"\*\*Commands\*\*:\n\n(?:\* .*\n)+\n?", "", text)
    text = re.sub(r"<(\w+(?: \w+)*)>`", r"(\1)`", text)
    return "\n".join(line for line in text.splitlines() if "-completion`" not in line) + "\n"
