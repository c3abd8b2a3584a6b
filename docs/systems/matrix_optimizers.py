"""Steps to the target against conditioning, and the singular values of steps."""

import numpy as np
import thalweg

COLOURS = [f"C{k}" for k in range(7)]


def draw(axes):
    tree = thalweg.run("muon_conditioning", settings=["seeds=3"])
    names = {"sgd": "SGD", "adam": "Adam", "muon": "Muon, exact", "muon_ns": "Muon, Newton-Schulz", "fismo": "FISMO"}
    for colour, (group, label) in zip(COLOURS, names.items(), strict=False):
        loss = tree[group].to_dataset().loss
        reached = (loss / loss.isel(step=0)) < 1e-4
        steps = loss.step.where(reached).min("step").fillna(np.inf).median("seed").min("lr")
        axes[0].loglog(steps.left**2, steps, "o-", color=colour, label=label)
    axes[0].set(xlabel="condition number of the Hessian", ylabel="steps to 1e-4 of the loss", title="each at its best learning rate")
    presets = thalweg.run("muon_presets", settings=["seeds=4"])
    for colour, (group, label) in zip(COLOURS[2:], (("exact", "exact"), ("keller", "Newton-Schulz")), strict=False):
        values = presets[group].to_dataset().update_singular_values.isel(step=slice(1, 100)).values.ravel() / 0.02
        values = values / (1.2247 if group == "keller" else 1)
        axes[1].hist(values, bins=np.linspace(0, 1.3, 53), density=True, color=colour, alpha=0.7, label=label)
    axes[1].set(xlabel="singular value of the step / learning rate", ylabel="density", yscale="log", title="what orthogonalisation leaves")
