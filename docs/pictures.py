"""The systems' pictures: python docs/pictures.py [NAME ...]. Each is a few lines of xarray and Matplotlib over a bundled study."""

import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import thalweg
from thalweg.engine.text.whole_file import whole

mpl.use("Agg")
import matplotlib.pyplot as plt

HERE = Path(__file__).parent
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00"]  # Okabe and Ito: told apart by everyone


def opposing_signals(axes: Any) -> None:
    """Sharpness against the edge, and the two groups' losses in the spike."""
    runs = thalweg.run("opposing_signals", settings=["seeds=1", "steps=400"])["sgd"].to_dataset().isel(seed=0)
    for colour, lr in zip(COLOURS, (0.0101951, 0.0169918), strict=False):
        run = runs.sel(lr=lr, method="nearest")
        axes[0].plot(run.step, run.sharpness * lr, color=colour, label=f"learning rate {lr:.3f}")
    axes[0].axhline(2, color="black", lw=0.8, ls="--")
    axes[0].text(395, 2.05, "edge of stability", ha="right")
    axes[0].set(xlabel="step", ylabel="sharpness x learning rate", title="learning sharpens the outliers' direction")
    spike = runs.sel(lr=0.0169918, method="nearest").sel(step=slice(80, 130))
    for name, colour, label in (("loss_plus", COLOURS[1], "positive outliers"), ("loss_minus", COLOURS[0], "negative outliers")):
        axes[1].semilogy(spike.step, spike[name], "o-", ms=3, lw=0.8, color=colour, label=label)
    axes[1].set(xlabel="step", ylabel="loss of the group", title="beyond it, the two groups take turns")


def curl_descent(axes: Any) -> None:
    """The phase diagram with its boundary, and the error on new inputs."""
    study = thalweg.run("curl_phase", settings=["seeds=3"])["curl_descent"].to_dataset()
    unstable = (study.error.isel(step=-1) > study.error.isel(step=0)).mean("seed")
    ratio = study.inputs.values / (220 - study.inputs.values)
    drawn = axes[0].pcolormesh(ratio, study.hidden_flips, unstable.transpose("hidden_flips", "inputs"), cmap="cividis", vmin=0, vmax=1)
    plt.colorbar(drawn, ax=axes[0], label="runs that leave their solution")
    s = np.linspace(1.001, 2, 400)
    flips = (1 + 1 / (s + 1) ** 2) / (1 / (s - 1) ** 2 + 1 / (s + 1) ** 2)
    shape = 1 / (s * (1 + (1 - flips) / (s + 1) + flips / (s - 1)))
    axes[0].plot(shape, flips, color=COLOURS[1], lw=2, label="boundary (free probability)")
    axes[0].set(xlabel="inputs / hidden neurons", ylabel="fraction of inputs flipped", ylim=(0, 0.9), title="where solutions hold")
    runs = thalweg.run("curl_speed", settings=["seeds=6"])
    for colour, (group, label) in zip(
        COLOURS, (("gradient", "gradient descent"), ("one_flip", "1 of 10 readouts flipped"), ("three_flips", "3 of 10")), strict=False
    ):
        error = runs[group].to_dataset().test_error
        axes[1].semilogy(error.step[1:], np.exp(np.log(error).mean("seed"))[1:], color=colour, label=label)
    axes[1].set(xlabel="step", ylabel="error on new inputs", title="a flip that helps")


def muon(axes: Any) -> None:
    """Steps to the target against conditioning, and the singular values of steps."""
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


def langevin(axes: Any) -> None:
    """Overlap against samples for mean and last iterate; single samples against all of them."""
    runs = thalweg.run("spherical_langevin", settings=["seeds=60", "landscape.samples={logspace: [10, 10000, 7]}"])
    run = runs["spherical_langevin"].to_dataset().isel(step=-1)
    mean = (run.average_params.isel(dim=0) / np.sqrt((run.average_params**2).sum("dim"))).mean("seed")
    axes[0].semilogx(run.samples, mean, "o", color=COLOURS[0], label="mean iterate")
    axes[0].semilogx(run.samples, np.abs(run.overlap).mean("seed"), "s", color=COLOURS[1], label="last iterate")
    d, e, t, n = 16, 2.0, 375.0, np.geomspace(10, 10000, 200)
    s = 6 * e / (d * (d + 2)) * np.sqrt(1 + d * (d + 2) / (3 * n))
    axes[0].plot(n, 6 * e / (d * (d + 2)) / np.sqrt(s**2 + 4 / ((d - 1) * t)), color=COLOURS[0], lw=1, label="closed form")
    axes[0].set(xlabel="samples", ylabel="overlap with the planted direction", ylim=(0, 1), title="tensor PCA, 16 dimensions")
    tree = thalweg.run("averaged_sgd", settings=["seeds=8"])
    labels = {"spherical_sgd": "SGD, one sample a step", "spherical_langevin": "Langevin, all samples"}
    for colour, (group, label) in zip(COLOURS, labels.items(), strict=False):
        run = tree[group].to_dataset()
        average = run.average_params.isel(dim=0) / np.sqrt((run.average_params**2).sum("dim"))
        axes[1].plot(run.step, average.mean("seed"), color=colour, label=f"{label}: mean")
        axes[1].plot(run.step, np.abs(run.overlap).mean("seed"), color=colour, lw=0.7, alpha=0.7, label="last")
    axes[1].set(xlabel="step", ylabel="overlap", ylim=(0, 1), title="a cubic single-index model")


def consensus(axes: Any) -> None:
    """Success rates, and where particles of three variants end on a double well."""
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


PICTURES = {f.__name__: f for f in (opposing_signals, curl_descent, muon, langevin, consensus)}

if __name__ == "__main__":
    plt.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    for wanted in sys.argv[1:] or PICTURES:
        figure, pair = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
        PICTURES[wanted](pair)
        for one in pair:
            one.legend(frameon=False, fontsize=8, loc="center right" if wanted == "langevin" and one is pair[1] else "best")
        with whole(HERE / f"{wanted}.png") as part:
            figure.savefig(part, dpi=130)
        plt.close(figure)
        print(f"wrote {HERE / wanted}.png")
