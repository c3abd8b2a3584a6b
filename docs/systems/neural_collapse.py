"""Strengths of the classes on their way to the closed form, and the loss of a class over its strength."""

import numpy as np
import thalweg


def draw(axes):
    runs = thalweg.run("deep_collapse", settings=["seeds=8", "steps=200", "record.every=2"])["adam"].to_dataset()
    weight, features, samples, scale = 0.16, 0.0125, 64, 64 * 0.0125
    for k, (name, count) in enumerate((("large", 40), ("middle", 20), ("small", 4))):
        b = weight * features * samples**2 / count
        axes[0].plot(runs.step, runs[name].mean("seed"), color=f"C{k}", label=f"{count} samples")
        axes[0].axhline(scale * max(1 / np.sqrt(b) - 1, 0), color=f"C{k}", lw=0.8, ls=":")
        x = np.linspace(0, 3, 200)
        axes[1].plot(x, 1 / (1 + x) + b * x, color=f"C{k}", label=f"{count} samples")
        axes[1].plot(max(1 / np.sqrt(b) - 1, 0), 2 * np.sqrt(b) - b if b < 1 else 1, "o", color=f"C{k}")
    axes[0].set(xlabel="step", ylabel="|row of W|^2 of the class", ylim=(-0.05, 1.6), title="dotted: closed form; the smallest collapses")
    axes[1].set(xlabel="strength x", ylabel="loss of the class", ylim=(0, 2.2), title="1/(1 + x) + b x, one layer")
