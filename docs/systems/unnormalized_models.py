"""The distance from the true mean over the steps, and the curvature over the distance of noise and data."""

import numpy as np
import thalweg


def draw(axes):
    runs = thalweg.run("contrastive_curvature", settings=["record.every=2"])["sgd"].to_dataset().isel(seed=0)
    distance = np.abs(runs.params.isel(dim=0)) if "dim" in runs.params.dims else np.abs(runs.params)
    for k, r in enumerate(runs.R.values):
        axes[0].semilogy(runs.step, distance.sel(likelihood=0, R=r), color=f"C{k}", label=f"contrastive, R = {r:g}")
    axes[0].semilogy(runs.step, distance.sel(likelihood=1, R=2), color="C6", ls="--", label="likelihood, every R")
    axes[0].set(xlabel="step", ylabel="distance from the true mean", ylim=(1e-8, 1), title="descent with rate 1")
    r = np.linspace(1, 8.5, 100)
    axes[1].semilogy(r, np.sqrt(np.pi / 32) * r * np.exp(-(r**2) / 8), lw=1, color="C0", label="sqrt(pi/32) R exp(-R^2/8)")
    axes[1].semilogy(runs.R, runs.integral.sel(likelihood=0).isel(step=-1), "o", color="C0", label="contrastive: integral")
    axes[1].semilogy(runs.R, runs.hessian_top.sel(likelihood=1).isel(step=-1), "s", color="C6", label="likelihood")
    axes[1].set(xlabel="distance R of noise and data", ylabel="curvature at the optimum", title="why it is slow")
