"""Reductions of all entries of arrays with short rows, of which several are taken at a time: any number of rows, and whatever lies behind them."""

import numpy as np
import pytest
from helpers.compiled import compiled
from thalweg.specs.program.arrays import Evaluation
from thalweg.specs.program.function import given
from thalweg.specs.program.node import apply

ROWS = (1, 7, 8, 9, 11, 13, 30)


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_all_entries_of_short_rows(precision):
    rng, outputs, data = np.random.default_rng(3), [], {}
    for rows in ROWS:
        for columns in (2, 5, 16, 19):
            a, b = (given(f"{name} {rows} {columns}", (rows, columns)) for name in "ab")
            far = apply("subtract", apply("matmul", a, given(f"c {columns}", (columns, columns))), b)  # rows of whole vectors
            outputs += [apply("sum", far * far), apply("max", far), apply("min", far), far]
            outputs += [apply("sum", apply("matmul", apply("T", far), far))]
            data |= {f"{name} {rows} {columns}": rng.normal(size=(rows, columns)) for name in "ab"}
            data[f"c {columns}"] = rng.normal(size=(columns, columns))
    for one, other in zip(compiled(outputs, data, precision), Evaluation(outputs)(np, data), strict=True):
        np.testing.assert_allclose(
            one, other, rtol=1e-4 if precision == "float32" else 1e-11, atol=1e-4 if precision == "float32" else 1e-11
        )
