"""The phase diagram with its boundary, and the error on new inputs."""

import matplotlib.pyplot as plt
import numpy as np
import thalweg

COLOURS = [f"C{k}" for k in range(7)]


def draw(axes):
    study = thalweg.run("curl_phase", settings=["seeds=3"])["curl_descent"].to_dataset()
    unstable = (study.error.isel(step=-1) > study.error.isel(step=0)).mean("seed")
    ratio = study.inputs.values / (220 - study.inputs.values)
    drawn = axes[0].pcolormesh(ratio, study.hidden_flips, unstable.transpose("hidden_flips", "inputs"), cmap="cividis", vmin=0, vmax=1)
    plt.colorbar(drawn, ax=axes[0], label="runs that leave their solution")
    s = np.linspace(1.001, 2, 400)
    flips = (1 + 1 / (s + 1) ** 2) / (1 / (s - 1) ** 2 + 1 / (s + 1) ** 2)
    shape = 1 / (s * (1 + (1 - flips) / (s + 1) + flips / (s - 1)))
    axes[0].plot(shape, flips, color="C1", lw=2, label="boundary (free probability)")
    axes[0].set(xlabel="inputs / hidden neurons", ylabel="fraction of inputs flipped", ylim=(0, 0.9), title="where solutions hold")
    runs = thalweg.run("curl_speed", settings=["seeds=6"])
    for colour, (group, label) in zip(
        COLOURS, (("gradient", "gradient descent"), ("one_flip", "1 of 10 readouts flipped"), ("three_flips", "3 of 10")), strict=False
    ):
        error = runs[group].to_dataset().test_error
        axes[1].semilogy(error.step[1:], np.exp(np.log(error).mean("seed"))[1:], color=colour, label=label)
    axes[1].set(xlabel="step", ylabel="error on new inputs", title="a flip that helps")
