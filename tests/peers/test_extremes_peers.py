"""Both executors against torch in float32, with gradients of all magnitudes, where the formulas are the same."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from helpers.extremes import SLOPES, alike, both, closeness, study

RULES = {
    "sgd": ("SGD", {"lr": 0.1, "momentum": 0.9}),
    "rmsprop": ("RMSprop", {"lr": 0.1}),
    "adagrad": ("Adagrad", {"lr": 0.1}),
    "adadelta": ("Adadelta", {"lr": 0.1}),
    "adam": ("Adam", {"lr": 0.1}),
    "adamw": ("AdamW", {"lr": 0.1, "weight_decay": 0.01}),
    "nadam": ("NAdam", {"lr": 0.1}),
    "radam": ("RAdam", {"lr": 0.1}),
}
CORRECTED = ("adam", "adamw", "nadam")
"""Rules that correct v before its root, which overflows in ours where torch, correcting the root, still has a number."""


def by_torch(name, options, s):
    """x of five records; NaN from where it or the loss is no longer finite, for there a run has diverged."""
    x = torch.tensor([0.0, 1.0], dtype=torch.float32, requires_grad=True)
    optimizer, path = getattr(torch.optim, name)([x], **options), [x.detach().numpy().copy()]
    for _ in range(4):
        x.grad = torch.tensor([s, -s / 4], dtype=torch.float32)
        optimizer.step()
        path.append(x.detach().numpy().copy())
    path = np.array(path)
    with np.errstate(all="ignore"):
        loss = np.float32(s) * path[:, 0] - np.float32(s / 4) * path[:, 1]
    path[np.maximum.accumulate(~(np.isfinite(path).all(axis=1) & np.isfinite(loss)))] = np.nan
    return path


@pytest.mark.parametrize("decay", [None, 0.99999999])
@pytest.mark.parametrize("kind", RULES)
def test_float32_at_all_magnitudes(kind, decay):
    name, options = RULES[kind]
    if decay is not None:
        if "Adam" not in name:
            pytest.skip("no second decay rate")
        ours, theirs = options | {"beta2": decay}, options | {"betas": (0.9, decay)}
    else:
        ours, theirs = options, options
    normal = [s for s in SLOPES["float32"] if s == 0 or s > 1e-35]  # products with smaller ones depend on their order
    slopes = [s for s in normal if not (kind in CORRECTED and 1e17 < s < (1e26 if decay else 1e22))]
    slopes = slopes[:-1] if kind == "nadam" else slopes  # the sum of its two parts overflows at the largest
    for _, *every in both(study("float32", [{"kind": kind, **ours}], slopes=slopes)):
        for data, _ in every:
            for s, found in zip(slopes, np.asarray(data["params"])[:, 0], strict=True):
                expected = by_torch(name, theirs, s)
                assert alike(expected, found, closeness("float32", {"landscape/parameters/s": s})), (s, expected.tolist(), found.tolist())
