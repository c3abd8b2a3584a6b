"""Excess risk against its bound along descent, and the least excess that a search finds against the bound."""

import numpy as np
import thalweg

COLOURS = [f"C{k}" for k in range(7)]


def draw(axes):
    run = thalweg.run("comp_sum_bound", settings=["seeds=96", "landscape.sizes.n=10", "landscape.parameters.tau=[0.0,1.0,1.5]"])
    run = run["adam"].to_dataset()
    cost = np.linspace(0.005, 0.6, 200)
    for colour, tau in zip(COLOURS, (0.0, 1.0, 1.5), strict=False):
        each = run.sel(tau=tau).isel(step=slice(0, 12))
        wrong, excess = each.wrong.values.ravel(), each.excess.values.ravel()
        axes[0].plot(wrong[wrong > 0], excess[wrong > 0], ".", ms=2, color=colour, alpha=0.5)
        axes[0].plot(cost, bound(cost, tau, 10), color=colour, lw=1.2 if tau else 3, label=f"bound, tau = {tau:g}")
    axes[0].set(
        yscale="log", ylim=(1e-5, 30), xlabel="excess zero-one error", ylabel="excess risk", title="descent from random scores, 10 classes"
    )
    axes[0].legend(frameon=False, fontsize=8, loc="lower right")
    tight = thalweg.run(
        "comp_sum_tight", settings=["seeds=16", "steps=1500", "landscape.sizes.n=5", "landscape.parameters.tau=[0.0,1.0,1.5]"]
    )
    tight = tight["adam"].to_dataset().isel(step=-1)
    cost = np.linspace(0.05, 0.99, 200)
    for colour, tau in zip(COLOURS, (0.0, 1.0, 1.5), strict=False):
        axes[1].plot(tight.beta, tight.loss.sel(tau=tau).min("seed"), "o", color=colour)
        axes[1].plot(cost, bound(cost, tau, 5), color=colour, lw=1.2 if tau else 3, label=f"bound, tau = {tau:g}")
    axes[1].plot(cost, np.sqrt(2.5) * bound(cost, 1.5, 5), ":", color=COLOURS[2], label="times sqrt(n/2)")
    axes[1].set(xlabel="excess zero-one error", ylabel="least excess risk", title="the least excess risk found, 5 classes")


def bound(b, tau, n):
    """The calibration function T."""
    if tau == 1:
        return ((1 + b) * np.log1p(b) + (1 - b) * np.log1p(-b)) / 2
    r = 2 - tau
    m = ((1 + b) ** (1 / r) + (1 - b) ** (1 / r)) / 2
    return (2 if tau < 1 else n) ** (1 - tau) / (1 - tau) * (1 - m**r)
