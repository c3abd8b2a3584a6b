"""Arguments and options that several commands have."""

from typing import Annotated

import typer


def bundled(incomplete: str) -> list[str]:
    """Names of bundled studies that begin like this, for the shell's completion."""
    from ...specs.load import gallery

    return [name for name in gallery() if name.startswith(incomplete)]


def studies(incomplete: str) -> list[str]:
    """Bundled studies, and YAML files of this folder."""
    from pathlib import Path

    return [*bundled(incomplete), *(str(path) for path in sorted(Path().glob("*.y*ml")) if path.name.startswith(incomplete))]


def studies_and_systems(incomplete: str) -> list[str]:
    """What can be verified: systems, bundled studies, YAML files and stores of this folder."""
    from pathlib import Path

    from ...specs.load import systems

    stores = [str(path) for path in sorted(Path().glob("*.zarr")) if path.name.startswith(incomplete)]
    return [*(name for name in ("all", *systems()) if name.startswith(incomplete)), *studies(incomplete), *stores]


Spec = Annotated[
    str,
    typer.Argument(metavar="SPEC", autocompletion=studies, help="A YAML study, or the name of a bundled one (thalweg list studies)."),
]
Settings = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a value, e.g. adam.lr=0.1; repeatable.")]
Outside = Annotated[bool, typer.Option("--allow-outside", help="Let the study read files outside its own folder.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors and warnings.")]
