"""Arguments and options that several commands have."""

from typing import Annotated

import typer

Spec = Annotated[str, typer.Argument(metavar="SPEC", help="A YAML study, or the name of a bundled one (thalweg list studies).")]
Settings = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a value, e.g. adam.lr=0.1; repeatable.")]
Outside = Annotated[bool, typer.Option("--allow-outside", help="Let the study read files outside its own folder.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors and warnings.")]
