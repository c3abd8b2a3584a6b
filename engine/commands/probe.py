"""thalweg probe."""

from typing import Annotated, Any

import typer

from ._options import Quiet
from ._say import say, to_look_at
from ._terminal import interrupted


def probe(
    store: Annotated[str, typer.Argument(metavar="STORE", help="A complete store with params or states (record: {state: [STEPS]}).")],
    kind: Annotated[str, typer.Argument(metavar="KIND", help="The kind of probe (thalweg list probes).")],
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="Set a field of the probe, e.g. at=all; repeatable.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="The name of the probe in the store; default: the kind.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Pieces computed at a time; default: one per core.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a probe of this name.")] = False,
    quiet: Quiet = False,
) -> None:
    """Analyse the landscape at the stored parameters of finished runs, and store the results beside the runs."""
    from ...specs.errors import SpecError
    from ...specs.plain import read_text
    from ..runner.added_probe import add_probe

    given: dict[str, Any] = {"kind": kind}
    for setting in settings or ():
        field, equals, text = setting.partition("=")
        if not equals or not field.strip():
            raise SpecError(f"--set {setting:.80}: write FIELD=VALUE, for example at=all or nodes=20")
        given[field.strip()] = read_text(text, f"--set {setting:.80}").data
    if name is not None:
        given["name"] = name
    try:
        done = add_probe(store, given, overwrite, threads)
    except KeyboardInterrupt:
        interrupted(store)
    if not quiet:
        called = given.get("name", kind)
        say(f"{'stored' if done else 'there already:'} GROUP/probe/{called} in {store}; next: {to_look_at(store)}")
