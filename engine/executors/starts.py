"""Starts that lie in a file."""

import numpy as np

from ...specs.errors import SpecError
from ...specs.init import File


def start_from_file(init: File, dim: int, seeds: int) -> np.ndarray:
    """The starts in an .npy or .npz file as (seeds, dim). Raises SpecError with the file's name."""
    from pathlib import Path

    path = Path(init.root or ".") / init.path
    try:
        loaded = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise SpecError(f"init.path: cannot read {path}: {error}") from None
    if isinstance(loaded, np.lib.npyio.NpzFile):
        key = init.key or (loaded.files[0] if len(loaded.files) == 1 else None)
        if key not in loaded.files:
            raise SpecError(f"init.key: {path} holds {', '.join(loaded.files)}; name one of them")
        loaded = loaded[key]
    if not np.issubdtype(loaded.dtype, np.number) or loaded.shape not in ((dim,), (seeds, dim)):
        raise SpecError(f"init.path: {path} has shape {loaded.shape}; needed are numbers of shape ({dim},) or ({seeds}, {dim})")
    if not np.isfinite(loaded).all():
        raise SpecError(f"init.path: {path} holds NaN or infinity")
    return np.broadcast_to(loaded, (seeds, dim))
