"""Starts that lie in a file."""

import zipfile

import numpy as np

from ....specs.data import MAX_BYTES
from ....specs.errors import SpecError
from ....specs.init import File

NPY, ZIP = b"\x93NUMPY", b"PK\x03\x04"
"""How an .npy and an .npz file begin."""


def start_from_file(init: File, dim: int, seeds: int) -> np.ndarray:
    """The starts in an .npy or .npz file as (seeds, dim). Raises SpecError with the file's name."""
    path = init.file()
    try:
        with path.open("rb") as file:
            sizes = {"": path.stat().st_size}
            if zipfile.is_zipfile(file):
                with zipfile.ZipFile(file) as archive:
                    sizes = {info.filename.removesuffix(".npy"): info.file_size for info in archive.infolist()}
            key = "" if "" in sizes else init.key or (next(iter(sizes)) if len(sizes) == 1 else None)
            if key not in sizes:
                raise SpecError(f"init.key: {path} holds {', '.join(sizes)}; name one of them")
            if sizes[key] > MAX_BYTES:
                raise SpecError(f"init.path: {path} holds {sizes[key]} bytes; at most {MAX_BYTES} are allowed")
            file.seek(0)
            if not file.read(len(NPY)).startswith((NPY, ZIP)):
                raise SpecError(f"init.path: {path} is neither an .npy nor an .npz file; starts are read from those")
            file.seek(0)
            loaded = np.load(file, allow_pickle=False)
            loaded = loaded[key] if key else loaded
    except SpecError:
        raise
    except (OSError, ValueError, EOFError, MemoryError, zipfile.BadZipFile) as error:
        if "allow_pickle" in str(error):
            raise SpecError(f"init.path: {path} holds Python objects, which are not read; store numbers") from None
        reason = getattr(error, "strerror", None) or "it may be damaged"
        raise SpecError(f"init.path: cannot read {path}: {reason}") from None
    if loaded.dtype.kind not in "iuf" or loaded.shape not in ((dim,), (seeds, dim)):
        raise SpecError(f"init.path: {path} has shape {loaded.shape}; it must hold numbers of shape ({dim},) or ({seeds}, {dim})")
    if not np.isfinite(loaded).all():
        raise SpecError(f"init.path: {path} holds NaN or infinity")
    return np.broadcast_to(loaded, (seeds, dim))
