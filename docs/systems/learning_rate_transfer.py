"""How the curvature moves in both parametrisations, and which learning rates converge."""

import numpy as np
import thalweg


def draw(axes):
    runs = thalweg.run("lr_transfer", settings=["seeds=8", "landscape.parameters.eta=0.02"])["sgd"].to_dataset()
    for mup, style, name in ((0, "-", "NTP"), (1, "--", "muP")):
        for k, width in enumerate(runs.N.values):
            kappa = runs.kappa.sel(mup=mup, N=width).mean("seed")
            axes[0].plot(kappa.step, kappa / kappa[0], style, color=f"C{k}", label=f"{name}, width {width:g}")
    axes[0].set(xlabel="step", ylabel="curvature x rate unit, relative", xlim=(0, 600), title="muP moves alike at every width")
    edge = thalweg.run("lr_transfer_edge", settings=["seeds=16"])["sgd"].to_dataset()
    converged = (edge.loss.isel(step=-1) < 1e-3).mean("seed")
    for mup, style, name in ((0, "-", "NTP"), (1, "--", "muP")):
        for k, width in enumerate(edge.N.values):
            share = converged.sel(mup=mup, N=width)
            axes[1].plot(share.eta, share, style, color=f"C{k}", label=f"{name}, width {width:g}")
    axes[1].axvline(2, color="black", lw=0.8, ls=":")
    axes[1].set(xlabel="learning rate / g^2", ylabel="runs that converge", xticks=np.arange(0.5, 2.6, 0.5), title="the largest rate")
