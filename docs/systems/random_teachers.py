"""Accuracy of a ridge regression on the student's features over the steps, on digits and on noise."""

import thalweg


def draw(axes):
    runs = thalweg.run("random_teacher", settings=["seeds=12", "student.record.every=25"])["student/adam"].to_dataset()
    for k, (structured, name) in enumerate(((1, "digits"), (0, "noise"))):
        run = runs.sel(structured=structured)
        axes[0].semilogy(run.step, run.loss.mean("seed"), color=f"C{k}", label=name)
        axes[1].plot(run.step, run.accuracy.mean("seed"), color=f"C{k}", label=f"student, {name}")
        axes[1].plot(run.step, run.of_teacher.mean("seed"), "--", color=f"C{k}", label=f"teacher, {name}")
    axes[0].set(xlabel="step", ylabel="divergence from the teacher", title="the student learns to agree")
    axes[1].set(xlabel="step", ylabel="accuracy of a ridge regression", ylim=(0, 0.8), title="and what its features are worth")
