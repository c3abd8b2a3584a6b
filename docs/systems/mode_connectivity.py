"""How often two runs end on opposite sides of a ridge, by the step at which they part; mean barriers of networks."""

import numpy as np
import thalweg
from scipy.stats import norm


def draw(axes):
    tree = thalweg.run("barrier_pitchfork", settings=["seeds=8000"])
    path = tree["fork/sgd/probe/path"].to_dataset().isel(probe_step=-1, pair=0)
    k = np.linspace(60, 340, 200)
    common = norm.cdf((k - 200) * np.sqrt(2 * 0.1 * 0.002))
    axes[0].plot(k, np.arccos(common) / np.pi, color="C0", lw=1, label="arccos(rho)/pi")
    axes[0].plot(path["at"], (path.barrier > 0.01).mean("seed"), "o", color="C0", label="measured")
    axes[0].axvline(200, color="0.7", lw=0.8, zorder=0)
    axes[0].text(203, 0.02, "the ridge rises", color="0.4", fontsize=8)
    axes[0].set(xlabel="step at which two runs part", ylabel="share on opposite sides", ylim=(0, 0.55), title="a valley that divides")
    tree = thalweg.run("barrier_network", settings=["seeds=48"])
    path = tree["fork/sgd/probe/path"].to_dataset().isel(probe_step=-1, pair=0)
    for clean, label in ((0, "random labels"), (1, "labels that a line separates")):
        found = path.barrier.sel(clean=clean).mean("seed")
        axes[1].semilogy(path["at"], found.where(found > 1e-6), "o-", ms=4, lw=1, label=label)
    height = float(tree["twins/sgd/probe/path"].barrier.sel(clean=0).mean())
    axes[1].axhline(height, color="C2", lw=1, ls="--", label="to a permuted copy (0 once matched)")
    axes[1].set(xlabel="step at which two runs part", ylabel="mean barrier", title="tanh networks, minibatches of 8", ylim=(1e-6, 200))
    axes[1].legend(frameon=False, fontsize=8, loc="upper right")
