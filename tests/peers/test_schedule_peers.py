"""Schedules take the factors of torch's and optax's, update by update."""

import numpy as np
import pytest
from thalweg.specs.schedule import SCHEDULES

STEPS, WARM = 120, 15


def factors(kind, **fields):
    schedule = SCHEDULES.load(kind).model_validate({"kind": kind, **fields})
    p = {path[-1]: np.array([[value]]) for path, value, structural in schedule.fields() if not structural and not isinstance(value, str)}
    return schedule.factor(np.arange(STEPS), STEPS, p)[0]


def torch_factors(make, warm):
    """The learning rates that torch's schedule gives updates 0, 1, ... from a rate of 1."""
    torch = pytest.importorskip("torch")
    kinds = torch.optim.lr_scheduler
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = make(kinds, optimizer)
    if warm:
        rising = kinds.LinearLR(optimizer, start_factor=1 / warm, end_factor=1.0, total_iters=warm - 1)
        schedule = kinds.SequentialLR(optimizer, [rising, schedule], milestones=[warm])
    made = []
    for _ in range(STEPS):
        made.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return np.array(made)


TORCH = {
    "cosine": ({"floor": 0.1}, lambda k, o, w: k.CosineAnnealingLR(o, T_max=STEPS - w, eta_min=0.1)),
    "linear": ({"floor": 0.2}, lambda k, o, w: k.LinearLR(o, start_factor=1.0, end_factor=0.2, total_iters=STEPS - w)),
    "step": ({"every": 10, "gamma": 0.5}, lambda k, o, w: k.StepLR(o, step_size=10, gamma=0.5)),
    "constant": ({}, lambda k, o, w: k.ConstantLR(o, factor=1.0, total_iters=1)),
}


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("warm", [0, WARM])
@pytest.mark.parametrize("kind", sorted(TORCH))
def test_agrees_with_torch(kind, warm):
    fields, make = TORCH[kind]
    theirs = torch_factors(lambda kinds, optimizer: make(kinds, optimizer, warm), warm)
    np.testing.assert_allclose(factors(kind, warmup=warm, **fields), theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
def test_cyclic_cosine_is_torch_s_with_warm_restarts():
    theirs = torch_factors(lambda kinds, o: kinds.CosineAnnealingWarmRestarts(o, T_0=40, eta_min=0.05), 0)
    np.testing.assert_allclose(factors("cyclic_cosine", checkpoints=[40, 80], floor=0.05), theirs, rtol=1e-9)


@pytest.mark.parametrize(("decay", "length"), [(0.25, 30), (30, 30), (0.9, 105), (1.0, 105)])
def test_wsd_is_optax_s_pieces_joined(decay, length):
    optax = pytest.importorskip("optax")
    pieces = [optax.linear_schedule(1 / WARM, 1.0, WARM - 1), optax.constant_schedule(1.0), optax.linear_schedule(1.0, 0.1, length)]
    theirs = optax.join_schedules(pieces, [WARM, STEPS - length])
    wanted = [float(theirs(t)) for t in range(STEPS)]
    np.testing.assert_allclose(factors("wsd", warmup=WARM, decay=decay, floor=0.1), wanted, rtol=1e-6)


def test_wsd_s_is_optax_s_pieces_joined():
    optax = pytest.importorskip("optax")
    rising, falling = optax.linear_schedule(1 / WARM, 1.0, WARM - 1), optax.linear_schedule(1.0, 0.1, 10)
    theirs = optax.join_schedules(
        [rising, optax.constant_schedule(1.0), falling, optax.constant_schedule(1.0), falling], [WARM, 40, 50, 110]
    )
    wanted = [float(theirs(t)) for t in range(STEPS)]
    made = factors("wsd_s", warmup=WARM, checkpoints=[50], decay=10, shape="linear", floor=0.1)
    np.testing.assert_allclose(made, wanted, rtol=1e-6)
