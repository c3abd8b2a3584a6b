"""Products of small matrices beside NumPy's, of every ragged size, and nothing written beyond the end of a row."""

import numpy as np
import pytest
from helpers.compiled import pointers
from helpers.repetitions import few
from thalweg.engine.executors.codegen.disk_cache import load
from thalweg.engine.executors.tensors.programs import lanes

HEAD = """
from numba import njit, types
from thalweg.engine.executors.tensors.pointers import at
from thalweg.engine.executors.tensors.register_tile import product

P = types.CPointer(types.{precision})
{products}

@njit(types.void(P, P, P), cache=True, nogil=True, _nrt=False, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def multiply(c, a, b):
{calls}
"""
MOST = 21
COUNT = 20


def cases(precision, seed=0):
    """(rows, columns, inner, whether A is transposed, whether C has exact rows, room behind its rows)."""
    rng, width = np.random.default_rng(seed), lanes(precision)
    made = [
        (r, c, k, r % 2 == 0, c % 3 == 0, 0)
        for r in (1, 2, 7, 8, 9)
        for c in (2, width - 1, width, width + 1, 4 * width + 3)
        for k in (1, 3)
    ]
    for _ in range(COUNT):
        rows, columns, inner = (int(n) for n in rng.integers(1, MOST, 3))
        made.append((rows, columns + 1, inner, bool(rng.integers(2)), bool(rng.integers(2)), int(rng.integers(3))))
    return made


@pytest.mark.parametrize(("precision", "every"), few([("float32", 3), ("float32", 1), ("float64", 1)], keep=[("float32", 3)]))
def test_products_are_numpys(precision, every):
    """Of all sizes, or of each third."""
    sizes = cases(precision)[::every]
    width, bits, rng = lanes(precision), np.dtype(precision).itemsize * 8, np.random.default_rng(1)
    products, calls, offsets, parts = [], [], np.zeros(3, int), []
    for k, (rows, columns, inner, turned, exact, room) in enumerate(sizes):
        wide = -(-columns // width) * width
        a, b = rng.normal(size=(rows, inner)), rng.normal(size=(inner, columns))
        c_row = columns + room if exact else wide + room * width
        a_row, a_step = (1, rows + room) if turned else (inner + room, 1)
        memory_a = np.full((inner, a_step) if turned else (rows, a_row), np.nan)
        memory_a[:, : a.T.shape[1] if turned else inner] = a.T if turned else a
        memory_b = np.full((inner, wide), np.nan)
        memory_b[:, :columns] = b
        memory_c = np.full((rows, c_row), -7.0)
        key = (bits, width, rows, columns, inner, a_row, a_step, wide, c_row, exact)
        products.append(f"product{k} = product({', '.join(map(repr, key))})")
        calls.append("    product{}(at(c, {}), at(a, {}), at(b, {}))".format(k, *offsets))
        parts.append((memory_c, memory_a, memory_b, a @ b, columns, columns if exact else wide))
        offsets += [memory_c.size, memory_a.size, memory_b.size]
    c, a, b = (np.concatenate([*(part[n].ravel() for part in parts), np.full(64, -7.0)]).astype(precision) for n in range(3))
    text = HEAD.format(precision=precision, products="\n".join(products), calls="\n".join(calls))
    pointers(load(text).multiply, c, a, b)
    start = 0
    for (memory, _, _, expected, columns, written), case in zip(parts, sizes, strict=True):
        found = c[start : start + memory.size].reshape(memory.shape)
        start += memory.size
        np.testing.assert_allclose(found[:, :columns], expected, rtol=0, atol=100 * np.finfo(precision).eps, err_msg=str(case))
        assert (found[:, written:] == -7.0).all(), f"{case}: written beyond the end of a row"
    assert (c[start:] == -7.0).all()
