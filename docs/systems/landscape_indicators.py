"""Lanczos nodes against the spectrum they stand for; indicators of a network on digits that it has seen, and on others."""

import numpy as np
import thalweg


def draw(axes):
    tree = thalweg.run("lanczos_indicators")
    probes, s = tree["sgd/probe"], 0.25
    true = probes["all"].eigenvalues.sel(s=s).isel(seed=0, probe_step=0)
    axes[0].step(true, np.arange(1, true.size + 1) / true.size, where="post", color="0.6", lw=1, label="64 eigenvalues")
    for colour, name in (("C0", "m4"), ("C1", "m12")):
        found = probes[name].sel(s=s).isel(seed=0, probe_step=0, vector=0)
        label = f"{found.nodes.size} Lanczos nodes"
        axes[0].step(found.nodes, found.weights.cumsum("node"), "o-", where="post", ms=4, lw=1, color=colour, label=label)
    axes[0].axvline(0, color="0.8", lw=0.8, zorder=0)
    axes[0].set(xlabel="curvature", ylabel="share of the spectrum below", title="a spectrum from 4 and 12 steps")
    axes[0].legend(frameon=False, fontsize=8, loc="upper left")
    tree = thalweg.run("indicators_network", settings=["seeds=8", "record.every=20"])
    probes = tree["adam/probe"]
    for colour, l2 in (("C0", 0.0), ("C1", 0.01)):
        for style, name in (("-", "seen"), ("--", "unseen")):
            found = probes[name].sel(l2=l2)
            mass = found.weights * found.nodes
            k1 = -mass.where(mass < 0).sum("node") / mass.where(mass > 0).sum("node")
            label = f"{name} digits, {f'weight decay {l2}' if l2 else 'no weight decay'}"
            axes[1].semilogy(k1.probe_step, k1.mean(["vector", "seed"]), style, color=colour, lw=1.2, label=label)
    axes[1].set(xlabel="step", ylabel="K_1: negative over positive curvature", title="a tanh network", ylim=(1e-5, 100))
    axes[1].legend(frameon=False, fontsize=8, loc="upper right")
