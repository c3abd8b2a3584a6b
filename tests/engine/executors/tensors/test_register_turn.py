"""Matrices turned in registers: the exchanges for every width of a vector, and compiled programs that copy transposed matrices."""

import numpy as np
import pytest
from thalweg.engine import check
from thalweg.engine.executors.choose import array_simulation, simulation
from thalweg.engine.executors.tensors.programs import lanes, programs
from thalweg.engine.executors.tensors.register_turn import exchanges


@pytest.mark.parametrize(("count", "size"), [(2, 8), (4, 8), (8, 8), (4, 4), (8, 4), (16, 4)])
def test_exchanges_turn_a_block(count, size):
    block = np.arange(count * count).reshape(count, count)
    held = list(block)
    for distance, low, high in exchanges(count, size):
        for k in (k for k in range(count) if not k & distance):
            both = np.concatenate([held[k], held[k + distance]])
            held[k], held[k + distance] = both[low], both[high]
    np.testing.assert_array_equal(held, block.T)


@pytest.mark.parametrize(("rows", "columns"), [(16, 16), (19, 17), (40, 16), (16, 35)])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_kernel_that_turns_matrices(rows, columns, precision):
    landscape = {
        "kind": "expression",
        "variables": {"A": [rows, columns], "B": [columns, rows]},
        "value": f"sum((A @ B)**2)/{rows} + sum(reshape(A.T, [{columns}, {rows}])*B)",
    }
    study = {"name": "t", "landscape": landscape, "init": "normal", "optimizers": [{"kind": "sgd", "lr": 1e-3}], "seeds": 2, "steps": 5}
    (shard,) = check({**study, "precision": precision, "record": {"variables": ["loss", "params"]}}).groups[0].shards()
    text = programs(shard).gradient.text
    assert ("turned0(at(" in text) == (min(rows, columns) >= lanes(precision)), text
    (wanted, _), (found, _) = (list(one.run()) for one in (array_simulation(shard), simulation(shard, "fused")))
    for name in ("loss", "params"):
        np.testing.assert_allclose(found.data[name], wanted.data[name], rtol=1e-9 if precision == "float64" else 1e-3, atol=1e-5)
