"""How far policies are from the optimum, and reward against divergence for all strengths beta."""

import thalweg


def draw(axes):
    runs = thalweg.run("preference_policy", settings=["seeds=8", "steps=3000", "record.every=20"])["adam"].to_dataset()
    for k, beta in enumerate(runs.beta.values):
        run = runs.sel(beta=beta)
        axes[0].semilogy(run.step, run.apart.mean("seed"), color=f"C{k}", label=f"beta = {beta:g}")
        end = run.isel(step=-1)
        axes[1].plot(end.divergence, end.reward, "o", color=f"C{k}", label=f"beta = {beta:g}")
    axes[0].set(xlabel="step", ylabel="largest |log pi - log optimum|", title="to pi_ref exp(r/beta)/Z")
    axes[1].set(xlabel="divergence from the reference", ylabel="reward gained", xscale="log", title="what a small beta buys")
