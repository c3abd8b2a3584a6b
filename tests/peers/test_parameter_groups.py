"""Factors on the learning rates of single variables against torch's parameter groups, in float64, on a network."""

import numpy as np
import pytest
from thalweg.engine import run
from thalweg.specs.landscapes.mlp import Mlp

STEPS = 60
LAND = {"kind": "mlp", "data": {"builtin": "blobs"}, "hidden": [5]}
SCALES = {"W1": 0.25, "b1": 3.0, "W2": 2.0}
RULES = [
    ("sgd", "SGD", {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1}),
    ("adam", "Adam", {"lr": 0.01, "weight_decay": 0.1}),
    ("adamw", "AdamW", {"lr": 0.01, "weight_decay": 0.3}),
    ("rmsprop", "RMSprop", {"lr": 1e-3, "momentum": 0.9}),
    ("adagrad", "Adagrad", {"lr": 0.1, "lr_decay": 0.02}),
    ("nadam", "NAdam", {"lr": 0.005, "weight_decay": 0.1}),
    ("radam", "RAdam", {"lr": 0.005, "weight_decay": 0.1}),
]


@pytest.mark.parametrize(("kind", "peer", "fields"), RULES, ids=[peer for _, peer, _ in RULES])
def test_agrees_with_parameter_groups(kind, peer, fields):
    torch = pytest.importorskip("torch")
    study = {"name": "p", "landscape": LAND, "optimizers": [{"kind": kind, **fields, "lr_scale": SCALES}], "steps": STEPS}
    found = run(study)[kind].to_dataset().isel(seed=0)
    land, names = Mlp.model_validate(LAND), ("W1", "b1", "W2", "b2")
    blocks = {name: torch.nn.Parameter(torch.tensor(found[f"params_{name}"].isel(step=0).values)) for name in names}
    given = [{"params": [blocks[name]], "lr": fields["lr"] * SCALES.get(name, 1.0)} for name in names]
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        optimizer = getattr(torch.optim, peer)(given, foreach=False, **fields)
        for _ in range(STEPS):
            point = np.concatenate([blocks[name].detach().numpy().reshape(-1) for name in names])
            _, gradient = land.value_and_grad(point[None, None], {"l2": np.zeros((1, 1))}, np)
            for name, where in land.block_slices.items():
                blocks[name].grad = torch.tensor(gradient[0, 0, where].reshape(land.blocks[name]))
            optimizer.step()
    finally:
        torch.set_default_dtype(before)
    for name in names:
        mine, theirs = found[f"params_{name}"].isel(step=-1).values, blocks[name].detach().numpy()
        assert np.abs(mine - theirs).max() <= 1e-10 * np.abs(theirs).max()
        assert not np.allclose(mine, found[f"params_{name}"].isel(step=0).values, rtol=1e-3)
