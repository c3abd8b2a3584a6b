"""thalweg cache."""

from typing import Annotated

import typer

from ._say import say


def cache(
    action: Annotated[str, typer.Argument(metavar="[clear]", help="clear empties the cache; without it, it is shown.")] = "",
) -> None:
    """Show or clear the compiled kernels kept on disk."""
    from ...specs.errors import SpecError
    from ..executors.codegen import disk_cache as kernels
    from ..text.sizes import nice_bytes

    if action == "clear":
        count, freed = kernels.clear()
        say(f"cleared {count} kernels, {nice_bytes(freed)}, from {kernels.directory()}")
    elif action:
        raise SpecError(f"cache: there is no action '{action}' (known: clear)")
    else:
        found = kernels.entries()
        size = nice_bytes(sum(size for _, size, _ in found))
        say(
            f"{kernels.directory()}: {kernels.count(found)} kernels, {size} of at most {nice_bytes(kernels.limit())}; thalweg cache clear empties it"
        )
