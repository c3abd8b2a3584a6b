"""thalweg widen."""

import json
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from ._say import command, say


def widen(
    store: Annotated[str, typer.Argument(metavar="STORE", help="A store whose best values may be at the edge of their sweep.")],
    more: Annotated[int, typer.Option("--more", min=1, max=20, help="How many values to add.")] = 3,
) -> None:
    """Propose how to extend a sweep whose best value is its smallest or largest, without running it.

    The sweep is extended in the direction of the best value, with the ratio of its last two values (or their difference if they are not positive).
    """
    from ...specs.errors import SpecError
    from ...specs.load import gallery
    from ..api import open_run
    from ..comparison.entries import entries
    from ..store.staged import stage_names

    if names := stage_names(store):
        raise SpecError(f"{store}: has several parts, each of which is a store; name one, such as {store.rstrip('/')}/{names[0]}")
    tree = open_run(store)
    name = str(json.loads(tree.attrs["study"])["name"])
    found: dict[str, list[float]] = {}
    for one in entries([store]):
        for key, values in next_values(one, more):
            found[key] = sorted({*found.get(key, []), *values})
    if not found:
        say(f"{name}: no best value lies at the edge of its sweep")
        return
    settings = [word for key, values in found.items() for word in ("--set", f"{key}=[{', '.join(f'{v:.6g}' for v in values)}]")]
    wider = f"{store.rstrip('/').removesuffix('.zarr')}-wider.zarr"
    for key, values in found.items():
        say(f"{key}: the best value is at the edge; next {', '.join(f'{v:.6g}' for v in values)}")
    say(
        f"next: {command('run', name if name in gallery() else f'{name}.yaml', *settings, '--out', wider)}, then {command('merge', store, wider, '--out', f'{name}-merged.zarr')}"
    )


def next_values(one: Any, more: int) -> Iterator[tuple[str, list[float]]]:
    """(the setting, the values that come next) for each field of an optimizer whose best value is an end of its sweep."""
    from ...specs.study import PARTS
    from ..comparison.views.final import at_the_edge
    from ..results.swept import swept_field

    for dim in at_the_edge(one):
        owner, path = swept_field(one.dataset[dim])
        values = sorted(set(map(float, one.dataset[dim].values)))
        if float(one.best.values[dim]) == values[0]:
            values = values[::-1]
        before, last = values[-2:]
        ratio = before > 0 and last > 0
        steps = [last * (last / before) ** k if ratio else last + (last - before) * k for k in range(1, more + 1)]
        yield f"{owner if owner in PARTS else one.group}.{path}", steps
