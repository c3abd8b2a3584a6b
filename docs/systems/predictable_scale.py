"""The planted law and what comes back, and the best learning rate of SGD on a stream."""

import numpy as np
import thalweg
from thalweg.engine.claims.fit import vertex


def draw(axes):
    bowl = thalweg.run("step_law")["sgd"].to_dataset().loss.isel(step=-1, seed=0, B=4)
    for k, n in enumerate(bowl.N.values):
        axes[0].loglog(bowl.D, vertex(bowl.sel(N=n), "eta"), "o", color=f"C{k}", label=f"N = {n:.0e}")
        axes[0].loglog(bowl.D, 1.79 * n**-0.713 * bowl.D**0.307, color=f"C{k}", lw=1)
    axes[0].set(xlabel="tokens D", ylabel="best learning rate", title="planted lines, points from the grid")
    runs = thalweg.run("best_rate", settings=["seeds=200"])["sgd"].to_dataset().loss.isel(step=-1).mean("seed")
    d, sigma, steps = 10, 0.5, 120
    h = np.geomspace(0.004, 0.15, 200)
    for k, b in enumerate(runs["size"].values):
        r = 1 - 2 * h + h**2 * (1 + (d + 1) / b)
        exact = d / 2 * r**steps + h**2 * d * sigma**2 / (2 * b) * (1 - r**steps) / (1 - r)
        axes[1].loglog(h, exact, color=f"C{k}", lw=1)
        axes[1].loglog(runs.lr, runs.sel(size=b), "o", color=f"C{k}", label=f"batch {b:g}")
    axes[1].set(xlabel="learning rate", ylabel="excess loss", title="SGD on a stream: runs and closed form")
