"""What Zarr takes for the place of a store."""

from pathlib import Path
from typing import Any

from .location import path_of, reached, real, remote


def zarr_store(target: "str | Path", read_only: bool = False) -> Any:
    """What Zarr takes for this place. Raises StoreError for a kind of URL that nothing installed can reach."""
    if not remote(target):
        from zarr.storage import LocalStore

        from .durable import DurableStore

        return str(path_of(target)) if read_only else DurableStore(LocalStore(real(target)))
    from zarr.storage import FsspecStore

    with reached(target):
        return FsspecStore.from_url(str(target), read_only=read_only)
