"""Muon with the preset `optax` takes optax.contrib.muon's path, in float64 to 1e-10; with `torch` torch.optim.Muon's, whose
orthogonalisation runs in bfloat16, to what bfloat16 allows."""

import numpy as np
import pytest
from thalweg.optimizers.muon import Muon

RNG = np.random.default_rng(0)
SHAPES = [(6, 6), (4, 9), (9, 4)]


def ours(g, preset, **fields):
    optimizer = Muon(preset=preset, **fields)
    given = {name: getattr(optimizer, name) for name in optimizer.inputs() if name != "t"}
    x, m = np.zeros(g.shape[1:]), np.zeros(g.shape[1:])
    for t, each in enumerate(g, 1):
        x, m = Muon.update(x, each, m, t=t, **given)
    return x


@pytest.mark.parametrize("nesterov", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_preset_optax(shape, nesterov):
    jax = pytest.importorskip("jax")
    optax = pytest.importorskip("optax")
    jax.config.update("jax_enable_x64", True)
    g = RNG.normal(size=(50, *shape))
    optimizer = optax.contrib.muon(0.02, nesterov=nesterov)
    w = jax.numpy.zeros(shape, "float64")
    state = optimizer.init(w)
    for each in g:
        update, state = optimizer.update(jax.numpy.asarray(each), state, w)
        w = optax.apply_updates(w, update)
    np.testing.assert_allclose(ours(g, "optax", nesterov=nesterov), w, atol=1e-10)


@pytest.mark.parametrize("shape", SHAPES)
def test_preset_torch(shape):
    torch = pytest.importorskip("torch")
    if not hasattr(torch.optim, "Muon"):
        pytest.skip("this torch has no Muon")
    g = RNG.normal(size=(50, *shape))
    w = torch.nn.Parameter(torch.zeros(shape, dtype=torch.float64))
    optimizer = torch.optim.Muon([w])
    for each in g:
        w.grad = torch.as_tensor(each)
        optimizer.step()
    found, expected = ours(g, "torch"), w.detach().numpy()
    assert np.linalg.norm(found - expected) < 0.03 * np.linalg.norm(expected)
