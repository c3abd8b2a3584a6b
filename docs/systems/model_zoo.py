"""Training loss over temperature for three widths, and barriers between seeds along straight lines and curves."""

import thalweg


def draw(axes):
    tree = thalweg.run("zoo_of_networks", settings=["seeds=6"])
    runs, curve, straight = tree["sgd"].to_dataset(), tree["sgd/probe/curve"], tree["sgd/probe/straight"]
    for k, width in enumerate(runs.h.values):
        axes[0].semilogx(runs.lr, runs.loss.sel(h=width).isel(step=-1).mean("seed"), "o-", color=f"C{k}", label=f"width {width:g}")
        for probe, style, name in ((straight, "o--", "straight"), (curve, "o-", "curve")):
            barrier = probe.barrier.sel(h=width).isel(probe_step=-1).mean("pair")
            axes[1].plot(runs.lr, barrier, style, color=f"C{k}", label=f"{name}, width {width:g}")
    axes[0].set(xlabel="learning rate (temperature)", ylabel="training loss", title="load and temperature")
    axes[1].set(xlabel="learning rate (temperature)", ylabel="mean barrier between seeds", xscale="log", title="curves join wide networks")
    axes[1].set_yscale("symlog", linthresh=0.05)
    axes[1].set_ylim(-0.005, 100)
    axes[1].legend(frameon=False, fontsize=8, loc="upper left", ncol=2)
