"""Success rates, and where particles of three variants end on a double well."""

import numpy as np
import thalweg

COLOURS = [f"C{k}" for k in range(7)]


def draw(axes):
    tree = thalweg.run("cbo_rastrigin", settings=["seeds=200", "anisotropic.particles=[5, 10, 20, 40, 80, 160]"])
    run = tree["anisotropic"].to_dataset().isel(step=-1)
    for colour, sigma in zip(COLOURS, run.sigma.values, strict=False):
        rate = (run.loss.sel(sigma=sigma) < 0.8).mean("seed")
        axes[0].semilogx(run.particles, rate, "o-", color=colour, label=f"noise {sigma:.2f}")
    axes[0].set(xlabel="particles", ylabel="runs that find the minimum", ylim=(0, 1.02), title="Rastrigin's function, 4 dimensions")
    well = {"kind": "expression", "variables": ["x"], "value": "(x**2 - 1)**2"}
    kinds = [
        {"kind": "cbo", "alpha": 20.0, "sigma": 0.3, "lr": 0.05},
        {"kind": "cbo_polar", "alpha": 20.0, "sigma": 0.3, "lr": 0.05, "kernel": 0.3},
    ]
    kinds.append({"kind": "cbs", "alpha": 4.0})
    study = {"name": "wells", "landscape": well, "init": {"kind": "uniform", "low": -2.0, "high": 2.0}, "optimizers": kinds, "seeds": 20}
    ends = thalweg.run({**study, "steps": 200, "record": {"last": True, "variables": ["loss", "swarm"]}})
    for colour, (kind, label) in zip(COLOURS, {"cbo": "CBO", "cbo_polar": "polarized", "cbs": "sampling"}.items(), strict=False):
        where = ends[kind].to_dataset().swarm.values.ravel()
        axes[1].hist(where, bins=np.linspace(-2, 2, 81), density=True, histtype="step", lw=1.5, color=colour, label=label)
    axes[1].set(xlabel="x", ylabel="density of particles", yscale="log", title="two minima at -1 and 1")
