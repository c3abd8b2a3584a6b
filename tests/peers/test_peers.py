"""Every deterministic rule takes the same path as its peer in torch or optax: 200 updates in float64, to 1e-10."""

import numpy as np
import pytest
from thalweg.specs.registry import LANDSCAPES, OPTIMIZERS
from thalweg.specs.sweep import SweepMarker

STEPS, TOLERANCE = 200, 1e-10
CURVATURES = np.array([0.1, 0.5, 1.0, 5.0, 20.0])
ROSENBROCK = LANDSCAPES.load("rosenbrock")(a=1.0, b=100.0)


def rosenbrock(x):
    p = {"a": np.full((1, 1), 1.0), "b": np.full((1, 1), 100.0)}
    return ROSENBROCK.value_and_grad(x.reshape(1, 1, 2), p, np)[1].reshape(2)


def quadratic(x):
    return CURVATURES * x


PLACES = {
    "rosenbrock": (rosenbrock, np.array([-1.2, 1.0])),
    "quadratic": (quadratic, np.array([1.0, -2.0, 0.5, 1.5, -0.7])),
}
EVERYWHERE = pytest.mark.parametrize("place", sorted(PLACES))

# settings left out are the defaults of both sides, which must then be the same
TORCH = [
    ("sgd", "SGD", {"lr": 5e-4}),
    ("sgd", "SGD", {"lr": 2e-4, "momentum": 0.9}),
    ("sgd", "SGD", {"lr": 2e-4, "momentum": 0.8, "dampening": 0.3, "weight_decay": 0.1}),
    ("sgd", "SGD", {"lr": 2e-4, "dampening": 0.5}),
    ("sgd", "SGD", {"lr": 2e-4, "momentum": 0.9, "nesterov": True}),
    ("sgd", "SGD", {"lr": 1e-4, "momentum": 0.95, "nesterov": True, "weight_decay": 0.05}),
    ("adam", "Adam", {}),
    ("adam", "Adam", {"lr": 0.01, "beta1": 0.8, "beta2": 0.95, "eps": 1e-6}),
    ("adam", "Adam", {"lr": 0.01, "beta1": 0.0, "weight_decay": 0.1}),
    ("adamw", "AdamW", {}),
    ("adamw", "AdamW", {"lr": 0.02, "beta1": 0.95, "beta2": 0.9, "weight_decay": 0.3}),
    ("amsgrad", "Adam", {"amsgrad": True}),
    ("amsgrad", "Adam", {"amsgrad": True, "lr": 0.05, "beta2": 0.9, "weight_decay": 0.1}),
    ("adagrad", "Adagrad", {}),
    ("adagrad", "Adagrad", {"lr": 0.3, "lr_decay": 0.02, "initial_accumulator_value": 0.5, "eps": 1e-6, "weight_decay": 0.1}),
    ("rmsprop", "RMSprop", {}),
    ("rmsprop", "RMSprop", {"lr": 1e-3, "alpha": 0.9, "momentum": 0.9, "weight_decay": 0.1}),
    ("rmsprop", "RMSprop", {"lr": 1e-3, "alpha": 0.95, "eps": 1e-4, "centered": True}),
    ("rmsprop", "RMSprop", {"lr": 1e-3, "alpha": 0.99, "eps": 1e-3, "momentum": 0.5, "centered": True}),
    ("adadelta", "Adadelta", {}),
    ("adadelta", "Adadelta", {"lr": 0.1, "rho": 0.95, "eps": 1e-4, "weight_decay": 0.1}),
    ("nadam", "NAdam", {}),
    ("nadam", "NAdam", {"lr": 0.005, "beta1": 0.8, "beta2": 0.95, "momentum_decay": 0.05, "weight_decay": 0.1}),
    ("nadam", "NAdam", {"lr": 0.01, "momentum_decay": 0.0}),
    ("radam", "RAdam", {}),
    ("radam", "RAdam", {"lr": 5e-4, "beta1": 0.8, "beta2": 0.95, "weight_decay": 0.1}),
    ("radam", "RAdam", {"lr": 1e-4, "beta2": 0.5}),
]

OPTAX = [
    ("lion", "lion", {}),
    ("lion", "lion", {"lr": 0.01, "beta1": 0.95, "beta2": 0.98, "weight_decay": 0.1}),
    ("adabelief", "adabelief", {}),
    ("adabelief", "adabelief", {"lr": 0.005, "beta1": 0.8, "beta2": 0.95, "eps": 1e-6, "eps_root": 1e-8}),
    ("signum", "signum", {}),
    ("signum", "signum", {"lr": 0.01, "beta": 0.5}),
    ("signum", "sign_sgd", {"lr": 0.01, "beta": 0.0}),
]


def label(part):
    return part if isinstance(part, str) else ",".join(f"{name}={value}" for name, value in part.items()) or "defaults"


def ours(kind, chosen, grad, x):
    """The path of our rule."""
    optimizer = OPTIMIZERS.load(kind)(**chosen)
    structural = {
        n for n, f in type(optimizer).model_fields.items() if any(isinstance(m, SweepMarker) and m.structural for m in f.metadata)
    }
    given = {n: getattr(optimizer, n) for n in optimizer.inputs() if n != "t"}
    given = {n: v if n in structural else np.full((1, 1), v) for n, v in given.items()}
    x = x.reshape(1, 1, -1)
    state = [np.full_like(x, getattr(optimizer, optimizer.initial.get(name, ""), 0.0)) for name in optimizer.state]
    path = []
    for t in range(1, STEPS + 1):
        step = {"t": t} if "t" in optimizer.inputs() else {}
        x, *state = optimizer.update(x, grad(x.reshape(-1)).reshape(x.shape), *state, **given, **step)
        path.append(x.reshape(-1))
    return np.array(path)


def compare(mine, theirs):
    """Largest deviation at any update, relative to the size of the path (a point close to 0 is a difference of larger ones)."""
    assert np.all(np.isfinite(theirs))
    deviation = np.max(np.abs(mine - theirs)) / np.max(np.abs(theirs))
    assert deviation <= TOLERANCE
    assert np.all(theirs[-1] != theirs[0])
    print(f"relative deviation {deviation:.2e}")


def without(chosen, name):
    return {key: value for key, value in chosen.items() if key != name}


@EVERYWHERE
@pytest.mark.parametrize(("kind", "peer", "chosen"), TORCH, ids=label)
def test_agrees_with_torch(kind, peer, chosen, place):
    torch = pytest.importorskip("torch")
    grad, start = PLACES[place]
    theirs = dict(chosen)
    if "beta1" in OPTIMIZERS.load(kind).model_fields:
        theirs["betas"] = (theirs.pop("beta1", 0.9), theirs.pop("beta2", 0.999))
    point = torch.nn.Parameter(torch.tensor(start))
    optimizer = getattr(torch.optim, peer)([point], foreach=False, **theirs)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)  # nadam keeps its product of momenta in the default type, float32
    path = []
    try:
        for _ in range(STEPS):
            point.grad = torch.from_numpy(np.array(grad(point.detach().numpy().copy())))
            optimizer.step()
            path.append(point.detach().numpy().copy())
    finally:
        torch.set_default_dtype(before)
    compare(ours(kind, without(chosen, "amsgrad"), grad, start), np.array(path))


@EVERYWHERE
@pytest.mark.parametrize(("kind", "peer", "chosen"), OPTAX, ids=label)
def test_agrees_with_optax(kind, peer, chosen, place):
    jax = pytest.importorskip("jax")
    optax = pytest.importorskip("optax")
    grad, start = PLACES[place]
    names = {"lr": "learning_rate", "beta1": "b1", "beta2": "b2"}
    defaults = OPTIMIZERS.load(kind)(**chosen)
    theirs = {str(names.get(n, n)): getattr(defaults, n) for n in defaults.inputs() if n != "t" and (peer, n) != ("sign_sgd", "beta")}
    before = jax.config.read("jax_enable_x64")
    jax.config.update("jax_enable_x64", True)
    try:
        optimizer = getattr(optax, peer)(**theirs)
        point = jax.numpy.asarray(start)
        state, path = optimizer.init(point), []
        step = jax.jit(optimizer.update)
        for _ in range(STEPS):
            change, state = step(jax.numpy.asarray(grad(np.asarray(point))), state, point)
            point = optax.apply_updates(point, change)
            path.append(np.array(point))
    finally:
        jax.config.update("jax_enable_x64", before)
    assert path[0].dtype == np.float64
    compare(ours(kind, chosen, grad, start), np.array(path))
