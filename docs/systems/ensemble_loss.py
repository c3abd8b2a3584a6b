"""Random slopes against the margin, and the angle of the mean iterate over the steps."""

import numpy as np
import thalweg

COLOURS = [f"C{k}" for k in range(7)]


def draw(axes):
    settings = [
        "seeds=1",
        "steps=1",
        "init.std=1.5",
        "record.every=1",
        "record.variables=[params,mean_slope,largest,order,above]",
        "landscape.sizes.n=64",
    ]
    run = thalweg.run("ensloss_slopes", settings=settings)["sgd"].to_dataset().isel(seed=0)
    margin = np.sort(run.params.isel(lam=0, step=0))
    for colour, lam in zip(COLOURS, (-1.0, 0.0, 1.0), strict=False):
        before, after = run.params.sel(lam=lam).transpose("step", ...).values
        order = np.argsort(before)
        axes[0].plot(before[order], ((before - after) / 0.1)[order], ".-", ms=3, lw=0.7, color=colour, label=f"EnsLoss, lam = {lam:g}")
    axes[0].plot(margin, -1 / (1 + np.exp(margin)), color="black", lw=1, ls="--", label="logistic loss")
    axes[0].set(xlabel="margin", ylabel="slope", title="the slopes of one batch of 64")
    axes[0].legend(frameon=False, fontsize=8, loc="upper left")
    run = thalweg.run("ensloss_direction", settings=["seeds=24", "steps=3000", "record.every=100"])["sgd"].to_dataset()
    for colour, which, label in zip(COLOURS, range(4), ("EnsLoss", "logistic", "hinge", "exponential"), strict=False):
        each = run.sel(which=which).isel(step=slice(1, None)).mean("seed")
        axes[1].loglog(each.step, each.average_loss, color=colour, lw=1.8, label=f"{label}: mean")
        axes[1].loglog(each.step, each.loss, color=colour, lw=0.6)
    axes[1].set(xlabel="step", ylabel="1 - cosine with $S^{-1}\\mu$", title="mean iterate, thin: last iterate")
    axes[1].legend(frameon=False, fontsize=8, loc="lower left")
