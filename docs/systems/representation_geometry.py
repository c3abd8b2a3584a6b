"""Effective rank over the steps for four laws of frequency, and when classes are learnt."""

import numpy as np
import thalweg

COLOURS = [f"C{k}" for k in range(7)]


def draw(axes):
    settings = ["seeds=6", "steps=1500", "landscape.sizes.d=8", "record.every=5"]
    run = thalweg.run("rank_phases", settings=settings)["sgd"].to_dataset()
    mean = run.mean("seed")
    for colour, alpha in zip(COLOURS, mean.alpha.values, strict=False):
        each = mean.sel(alpha=alpha)
        label = "equal frequencies" if alpha == 0 else f"alpha = {alpha:g}"
        axes[0].semilogx(each.step[1:], each.effective_rank[1:], color=colour, label=label)
        early = each.sel(step=slice(5, 100))
        axes[0].semilogx(early.step, early.linear_rank, ":", color=colour, lw=1)
    axes[0].set(xlabel="step", ylabel="effective rank of the features", ylim=(0, 9), title="dotted: linear solution")
    axes[0].legend(frameon=False, fontsize=8, loc="lower right")
    start = 2 * np.log(16) / (0.001**2 * 8)
    rates = np.geomspace(0.017, 0.1, 50)
    axes[1].loglog(rates, np.log(start) / (2 * np.log1p(rates)), color="black", lw=1, label="closed form")
    for marker, k, label in (("o", 3, "fourth class"), ("s", 7, "eighth class")):
        right, rate = run[f"right_{k}"], run[f"frequency_{k}"].isel(step=0, seed=0)
        when = right.step.where(right > 0.5).min("step").mean("seed")
        axes[1].loglog(rate, when, marker, color=COLOURS[k // 4], label=label)
    axes[1].set(xlabel="frequency of the class", ylabel="step at which it is learnt", title="rare classes come later")
    for axis, ticks in ((axes[1].xaxis, (0.02, 0.04, 0.06, 0.1)), (axes[1].yaxis, (70, 100, 200, 400))):
        axis.set_ticks(ticks, [f"{tick:g}" for tick in ticks])
        axis.set_ticks([], minor=True)
    axes[1].legend(frameon=False, fontsize=8, loc="upper right")
