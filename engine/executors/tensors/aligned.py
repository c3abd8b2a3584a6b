"""Arrays that begin where a line of the cache does."""

import math

import numpy as np


def aligned(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """A C-contiguous array, not initialised, that begins at a multiple of 64 bytes: a vector of 512 bits that straddles two lines of the cache
    costs two accesses."""
    size = math.prod(shape)
    raw = np.empty(size + 64, dtype)
    skip = -raw.ctypes.data % 64 // raw.itemsize
    return raw[skip : skip + size].reshape(shape)


def align(values: np.ndarray) -> np.ndarray:
    """A copy that is `aligned`."""
    made = aligned(values.shape, values.dtype)
    made[...] = values
    return made
