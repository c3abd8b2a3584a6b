"""The largest eigenvalue of a batch's Hessian, and the largest learning rate of minibatch SGD, by the size of the batch."""

import numpy as np
import thalweg


def draw(axes):
    top, s = 2.0, 4.0
    tree = thalweg.run("spiked_hessian", settings=["seeds=6", "landscape.parameters.B=[1, 2, 3, 4, 6, 8, 12, 16, 32, 64]"])
    run = tree["sgd"].to_dataset().isel(step=-1)
    b = np.geomspace(1, 64, 200)
    width = s / np.sqrt(b)
    axes[0].semilogx(run.B, run.sharpness.mean("seed"), "o", color="C0", label="largest eigenvalue")
    axes[0].plot(b, np.where(width < top, top + width**2 / top, 2 * width), color="C0", lw=1, label="closed form")
    axes[0].plot(run.B, run.overlap.mean("seed"), "s", color="C1", ms=4, label="squared overlap of its eigenvector")
    axes[0].plot(b, np.maximum(1 - width**2 / top**2, 0), color="C1", lw=1)
    axes[0].axhline(top, color="0.75", lw=0.8, zorder=0)
    axes[0].text(1, top + 0.1, "of all data", color="0.4", fontsize=8)
    axes[0].set(xlabel="size of the batch", title="the Hessian of a batch: signal plus noise", ylim=(-0.2, 9))
    axes[0].legend(frameon=False, fontsize=8)
    sizes = "landscape.sizes.B=[1, 2, 4, 8, 16, 32, 64]"
    rates = "landscape.parameters.f=[0.9, 1.1]"
    run = thalweg.run("batch_stability", settings=["seeds=1500", sizes, rates])["sgd"].to_dataset()
    growth = np.log((run.phi.isel(step=-1) / run.phi.isel(step=0)).mean("seed"))
    low, high = growth.sel(f=0.9), growth.sel(f=1.1)
    found = (0.9 - 0.2 * low / (high - low)) * run.largest.isel(step=-1, seed=0, f=0)
    b, eta = np.geomspace(1, 128, 100), np.linspace(1e-3, 1.999, 20_000)
    values, counts = np.array([1.0, 0.25]), np.array([2, 30])
    below = 2 * b[:, None] - eta * (b[:, None] + 1)  # where it is positive the sum grows with eta
    total = sum(n * eta * v / (2 * b[:, None] - eta * v * (b[:, None] + 1)) for v, n in zip(values, counts, strict=True))
    limit = [eta[np.flatnonzero((total[k] >= 1) | (below[k] <= 0))[0]] for k in range(b.size)]
    axes[1].loglog(run.B, found, "o", color="C0", label="where the mean square neither falls nor grows")
    axes[1].plot(b, limit, color="C0", lw=1, label="root of the equation")
    axes[1].plot(b[b < 12], 2 * b[b < 12] / (values @ counts), color="0.5", ls="--", lw=0.8, label="2 B / trace")
    axes[1].axhline(2, color="0.5", ls=":", lw=0.8, label="2 / largest variance")
    axes[1].set(xlabel="size of the batch", ylabel="largest learning rate", title="minibatch SGD on least squares", ylim=(0.1, 4))
    axes[1].set_yticks([0.1, 0.2, 0.5, 1, 2, 4], ["0.1", "0.2", "0.5", "1", "2", "4"])
    for each in axes:
        each.set_xticks([1, 4, 16, 64], ["1", "4", "16", "64"])
        each.minorticks_off()
    axes[1].legend(frameon=False, fontsize=8, loc="lower right")
