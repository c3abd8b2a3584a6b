"""The largest likelihood over the width of the model, on a subspace and near one."""

import numpy as np
import thalweg


def draw(axes):
    runs = thalweg.run("singular_likelihood", settings=["seeds=8", "steps=3000", "record.every=3000"])["adam"].to_dataset().isel(step=-1)
    for axis, tau, title in zip(axes, runs.tau.values, ("data on a subspace", "data near it, tau = 0.3"), strict=True):
        run = runs.sel(tau=tau)
        axis.semilogx(run.s, run.loss.median("seed"), "o", color="C0", label="reached by Adam")
        axis.semilogx(run.s, run.best.median("seed"), color="C1", lw=1, label="principal components")
        if tau == 0:
            s = np.array([0.1, 0.5])
            axis.semilogx(s, float(run.best.median("seed").sel(s=0.1)) + 3 * np.log(s / 0.1), ":", color="black", label="slope d - r = 3")
        else:
            axis.axvline(tau, color="black", lw=0.8, ls=":", label="s = tau")
        axis.set_xticks(run.s.values, [f"{s:g}" for s in run.s.values])
        axis.minorticks_off()
        axis.set(xlabel="standard deviation s of the model", ylabel="negative log-likelihood, a sample", title=title)
