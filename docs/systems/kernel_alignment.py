"""Change of the tangent kernel over the width, with closed forms, and alignment with the labels on digits."""

import numpy as np
import thalweg

COLOURS = [f"C{k}" for k in range(7)]
NAMES = {0: "NTP", 1: "muP"}


def draw(axes):
    widths = [16, 64, 256, 1024]
    settings = ["seeds=6", f"landscape.sizes.N={widths}", "landscape.parameters.y=3.0"]
    change = thalweg.run("kernel_regimes", settings=settings)["sgd/probe/kernel"].change.isel(probe_step=-1)
    s, many = np.sqrt(10), np.geomspace(10, 1500, 50)
    typical = np.sqrt((3**4 - 2 * 3**2 + 24 + 6 * ((3**2 - 4) ** 2 + 8)) / 4) / 4
    for mup, line in ((0, typical / many), (1, (s - 1) * np.sqrt(7) / 4 + 0 * many)):
        axes[0].loglog(widths, change.sel(mup=mup).mean("seed"), "o", color=COLOURS[mup], label=NAMES[mup])
        axes[0].loglog(many, line, color=COLOURS[mup], lw=1)
    axes[0].set(xlabel="width", ylabel="change of the kernel", title="linear network (lines: closed forms)")
    axes[0].legend(frameon=False, fontsize=8, loc="lower left")
    settings = ["seeds=3", "landscape.sizes.N=256", "record.every=25", "steps=300"]
    tree = thalweg.run("kernel_digits", settings=settings)
    for style, probe, label in (("-", "kernel", "tangent kernel"), ("--", "gram", "hidden features")):
        alignment = tree[f"sgd/probe/{probe}"].alignment.mean("seed")
        for mup in (1, 0):
            each = alignment.sel(mup=mup)
            axes[1].plot(each.probe_step, each, style, color=COLOURS[mup], label=f"{NAMES[mup]}, {label}")
    axes[1].set(xlabel="step", ylabel="alignment with the labels", ylim=(0, 0.85), title="tanh network of width 256 on digits")
    axes[1].legend(frameon=False, fontsize=8, loc="upper right", ncols=2)
