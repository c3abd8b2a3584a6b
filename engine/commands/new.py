"""thalweg new."""

import os
from pathlib import Path
from typing import Annotated

import typer

from ._options import bundled
from ._say import command, say


def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name of the study; the file is NAME.yaml.")],
    like: Annotated[str | None, typer.Option(metavar="STUDY", autocompletion=bundled, help="Begin with a copy of a bundled study.")] = None,
    network: Annotated[bool, typer.Option("--network", help="Begin with a network on data: a formula over named tensors.")] = False,
) -> None:
    """Write a commented starter study for you to change."""
    from ...specs.errors import SpecError, StoreError
    from ...specs.load import parse_study
    from ..text.whole_file import write_whole
    from ._starter import starter

    path = Path(f"{name.removesuffix('.yaml')}.yaml")
    if path.name != str(path):
        raise SpecError(f"new: '{name}' must be a name, not a path; change into the folder first")
    text = starter(path.stem, like, network)
    parse_study(text, path.name)
    if os.path.lexists(path):
        raise StoreError(f"{path}: exists already; choose another name")
    write_whole(path, text)
    say(f"wrote {path}; next: {command('check', path)}, {command('run', path)}")
