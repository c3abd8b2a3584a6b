"""thalweg cache."""

from typing import Annotated

import typer

from ._say import say


def cache(
    action: Annotated[str, typer.Argument(metavar="[clear]", help="clear empties the cache; by default, the cache is shown.")] = "",
) -> None:
    """Show or clear the compiled kernels on disk."""
    from ...specs.errors import SpecError
    from ..executors.codegen import disk_cache as kernels
    from ..text.sizes import bytes_for_people

    if action == "clear":
        count, freed = kernels.clear()
        say(f"cleared {count} kernels, {bytes_for_people(freed)}, from {kernels.directory()}")
    elif action:
        raise SpecError(f"cache: there is no action '{action}' (known: clear)")
    else:
        kernels_there = kernels.entries()
        size = bytes_for_people(sum(size for _, size, _ in kernels_there))
        say(
            f"{kernels.directory()}: {kernels.count(kernels_there)} kernels, {size} of at most {bytes_for_people(kernels.limit())}; thalweg cache clear empties it"
        )
