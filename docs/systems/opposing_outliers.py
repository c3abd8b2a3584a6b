"""Sharpness against the edge, and the two groups' losses in the spike."""

import thalweg

COLOURS = [f"C{k}" for k in range(7)]


def draw(axes):
    runs = thalweg.run("opposing_signals", settings=["seeds=1", "steps=400"])["sgd"].to_dataset().isel(seed=0)
    for colour, lr in zip(COLOURS, (0.0101951, 0.0169918), strict=False):
        run = runs.sel(lr=lr, method="nearest")
        axes[0].plot(run.step, run.sharpness * lr, color=colour, label=f"learning rate {lr:.3f}")
    axes[0].axhline(2, color="black", lw=0.8, ls="--")
    axes[0].text(395, 2.05, "edge of stability", ha="right")
    axes[0].set(xlabel="step", ylabel="sharpness x learning rate", title="learning sharpens the outliers' direction")
    spike = runs.sel(lr=0.0169918, method="nearest").sel(step=slice(80, 130))
    for name, colour, label in (("loss_plus", "C1", "positive outliers"), ("loss_minus", "C0", "negative outliers")):
        axes[1].semilogy(spike.step, spike[name], "o-", ms=3, lw=0.8, color=colour, label=label)
    axes[1].set(xlabel="step", ylabel="loss of the group", title="beyond it, the two groups take turns")
