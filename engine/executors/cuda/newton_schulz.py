"""Newton-Schulz orthogonalisation of many small matrices on a CUDA device: one kernel in place of fifteen products and what lies between.

Batched products of matrices of 64 x 64 wait for memory, and sums of matrices do nothing else. Here a block of threads keeps its matrix in
shared memory from the first step to the last (newton_schulz.cu). Float32 and at most LARGEST rows and columns; others go by products.
"""

import functools
import math
from pathlib import Path
from typing import Any

from ....specs.functions.newton_schulz import by_products
from .device import namespace

LARGEST = 64
THREADS = 64


def newton_schulz(xp: Any, g: Any, steps: int, coefficients: tuple[float, ...], eps: Any, clamp: bool) -> Any:
    """As by_products, for CuPy arrays g (..., rows, cols)."""
    import cupy  # type: ignore[import-not-found]

    *lead, rows, cols = g.shape
    count, side = math.prod(lead), max(16, 1 << (max(rows, cols) - 1).bit_length())
    if g.dtype != cupy.float32 or side > LARGEST or not count:
        return by_products(xp, g, steps, coefficients, eps, clamp)
    kernel, memory = compiled(side)
    g, out = cupy.ascontiguousarray(g), cupy.empty(g.shape, g.dtype)
    least = cupy.ascontiguousarray(cupy.broadcast_to(cupy.asarray(eps, dtype=g.dtype), (*lead, 1, 1)))
    numbers = (cupy.int32(rows), cupy.int32(cols), cupy.int32(clamp), cupy.int32(steps), *map(cupy.float32, coefficients))
    kernel((count,), (THREADS,), (g, out, least, *numbers), shared_mem=memory)
    return out


class WithKernels:
    """An array namespace that has this kernel for the function `newton_schulz` of programs."""

    def __init__(self, xp: Any):
        self.xp, self.newton_schulz = xp, newton_schulz

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.xp, name)
        setattr(self, name, found)
        return found


@functools.cache
def with_kernels() -> WithKernels:
    """CuPy's namespace with kernels."""
    return WithKernels(namespace())


@functools.cache
def compiled(side: int) -> tuple[Any, int]:
    """The kernel for matrices of at most side x side, and the bytes of shared memory it takes."""
    import cupy  # type: ignore[import-not-found]

    vector = min(4, side // 8)
    options = (f"-DSIDE={side}", f"-DVECTOR={vector}", f"-DPACK=float{vector}")
    kernel = cupy.RawKernel(Path(__file__).with_name("newton_schulz.cu").read_text(), "newton_schulz", options)
    memory = 3 * side * (side + 4) * 4
    kernel.max_dynamic_shared_size_bytes = memory
    return kernel, memory
