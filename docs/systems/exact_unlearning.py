"""Distance to the oracle's outputs over the steps, and where it ends over the learning rate."""

import numpy as np
import thalweg


def draw(axes):
    tree = thalweg.run("unlearning_by_matching", settings=["seeds=8"])
    retain, match = tree["retain/sgd"].to_dataset(), tree["match/sgd"].to_dataset()
    for k, lr in enumerate(retain.lr.values):
        axes[0].semilogy(retain.step, retain.distance.sel(lr=lr).mean("seed"), color=f"C{k}", label=f"retained data, rate {lr:g}")
        axes[0].semilogy(match.step, match.distance.sel(lr=lr).mean("seed"), "--", color=f"C{k}", label=f"matching, rate {lr:g}")
    axes[0].set(xlabel="step", ylabel="distance to the oracle's outputs", ylim=(1e-7, 2), title="forgetting the class 3")
    axes[0].legend(frameon=False, fontsize=8, loc="upper right", ncol=2)
    half = retain.step >= retain.step[-1] / 2
    level, rates = retain.distance.isel(step=half).mean(["seed", "step"]), np.geomspace(retain.lr[0], retain.lr[-1], 50)
    axes[1].loglog(retain.lr, level, "o", color="C0", label="retained data")
    axes[1].loglog(rates, rates * float(retain.floor.isel(step=-1).mean()), color="C0", lw=1, label="lr/2 trace(S H^-1 C)")
    axes[1].loglog(match.lr, match.distance.isel(step=-1).mean("seed"), "s", color="C1", label="matching, at the end")
    axes[1].set(xlabel="learning rate", ylabel="distance to the oracle's outputs", title="a floor that grows with the rate")
