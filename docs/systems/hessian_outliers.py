"""Eigenvalues of softmax regression against their closed forms; those of networks of three widths."""

import numpy as np
import thalweg


def draw(axes):
    m, s, d = 3.0, 0.5, 12
    tree = thalweg.run("softmax_clusters", settings=["seeds=2"])
    found = tree["sgd/probe/spectrum"].eigenvalues.sel(m=m).isel(seed=0, probe_step=0)
    for colour, k in (("C0", 2), ("C1", 3), ("C2", 5)):
        values = np.sort(found.sel(k=k).dropna("eigenvalue"))[::-1]
        axes[0].plot(np.arange(1, values.size + 1), values, ".", color=colour, ms=4, label=f"{k} clusters")
        edges, heights = np.array([0, k * (k - 1), d * (k - 1), d * k]), [(s**2 + m**2 / k) / k, s**2 / k, 0.0]
        axes[0].stairs(heights, edges + 0.5, color=colour, lw=0.8, baseline=None)
    axes[0].set(xlabel="rank", ylabel="eigenvalue at W = 0", title="softmax regression (lines: closed forms)", ylim=(-0.1, 2.6))
    axes[0].legend(frameon=False, fontsize=8)
    tree = thalweg.run("network_clusters", settings=["seeds=6"])
    found = tree["sgd/probe/spectrum"].to_dataset().sel(k=5).isel(probe_step=-1)
    for h in found.h.values:
        values = np.sort(found.eigenvalues.sel(h=h).dropna("eigenvalue"), axis=-1)[:, ::-1]
        values = np.median(values / values[:, :1], axis=0)[:40]
        axes[1].semilogy(np.arange(1, 41), values, "o-", ms=2.5, lw=0.8, label=f"{h} hidden units")
    for edge, text in ((4.5, "k - 1"), (24.5, "d (k - 1)")):
        axes[1].axvline(edge, color="0.75", lw=0.8, zorder=0)
        axes[1].text(edge + 0.4, 0.012, text, color="0.4", fontsize=8)
    axes[1].set(xlabel="rank", ylabel="eigenvalue / largest", title="tanh networks, 5 clusters in 6 dimensions", ylim=(0.01, 1.3))
    axes[1].legend(frameon=False, fontsize=8)
