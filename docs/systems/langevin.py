"""Overlap against samples for mean and last iterate; single samples against all of them."""

import numpy as np
import thalweg

COLOURS = [f"C{k}" for k in range(7)]


def draw(axes):
    runs = thalweg.run("spherical_langevin", settings=["seeds=60", "landscape.samples={logspace: [10, 10000, 7]}"])
    run = runs["spherical_langevin"].to_dataset().isel(step=-1)
    mean = (run.average_params.isel(dim=0) / np.sqrt((run.average_params**2).sum("dim"))).mean("seed")
    axes[0].semilogx(run.samples, mean, "o", color="C0", label="mean iterate")
    axes[0].semilogx(run.samples, np.abs(run.overlap).mean("seed"), "s", color="C1", label="last iterate")
    d, e, t, n = 16, 2.0, 375.0, np.geomspace(10, 10000, 200)
    s = 6 * e / (d * (d + 2)) * np.sqrt(1 + d * (d + 2) / (3 * n))
    axes[0].plot(n, 6 * e / (d * (d + 2)) / np.sqrt(s**2 + 4 / ((d - 1) * t)), color="C0", lw=1, label="closed form")
    axes[0].set(xlabel="samples", ylabel="overlap with the planted direction", ylim=(0, 1), title="tensor PCA, 16 dimensions")
    tree = thalweg.run("averaged_sgd", settings=["seeds=8"])
    labels = {"spherical_sgd": "SGD, one sample a step", "spherical_langevin": "Langevin, all samples"}
    for colour, (group, label) in zip(COLOURS, labels.items(), strict=False):
        run = tree[group].to_dataset()
        average = run.average_params.isel(dim=0) / np.sqrt((run.average_params**2).sum("dim"))
        axes[1].plot(run.step, average.mean("seed"), color=colour, label=f"{label}: mean")
        axes[1].plot(run.step, np.abs(run.overlap).mean("seed"), color=colour, lw=0.7, alpha=0.7, label="last")
    axes[1].set(xlabel="step", ylabel="overlap", ylim=(0, 1), title="a cubic single-index model")
    axes[1].legend(frameon=False, fontsize=8, loc="center right")
