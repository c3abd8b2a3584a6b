"""The reference of study files, from the Pydantic models."""

from pathlib import Path
from typing import Any

from thalweg.engine.claims import functions
from thalweg.specs import claim, record, schedule
from thalweg.specs.average import AVERAGES
from thalweg.specs.clip import CLIPS
from thalweg.specs.data import Data
from thalweg.specs.init import INITS
from thalweg.specs.noise import NOISES
from thalweg.specs.registry import DIAGNOSTICS, LANDSCAPES, OPTIMIZERS, Choice
from thalweg.specs.schedule import SCHEDULES
from thalweg.specs.study import Study

from . import fields
from .text import cell, markdown, paragraphs
from .units import put

SWEEPS = """\
Wherever the type says *(swept)*, one value may be several, and becomes a dimension of the results with these values as its coordinate:

| written | means |
|---|---|
| `lr: 0.01` | one value |
| `lr: [0.01, 0.1]` or `lr: {values: [0.01, 0.1]}` | these |
| `lr: {linspace: [0, 1, 11]}` | 11 evenly spaced values, both ends included |
| `lr: {logspace: [0.001, 1, 10]}` | 10 values with a constant ratio, from 0.001 to 1 |
| `lr: 0.1/sqrt(t)`, `std: 1/sqrt(h)` | a formula ([how](../howto/numbers.md)): not in a landscape, and not where the type is no number |

Sweeps of one optimizer, and those of landscape, init and noise, form a product; `zip` makes some vary together. Sizes, flags and names may be
swept too; their values then run as batches of their own."""


STARTS = """\
Every seed has its own start; all optimizers and sweep points of a seed share it.

`init: {kind: normal}` is one for all components. `init: {W1: {kind: fan_in}, b1: {kind: point, at: 0}}` has one for each variable that it names;
the others start as the landscape says ([how](../howto/variables.md))."""


def write(folder: Path) -> None:
    """The page spec.md in this folder."""
    put(folder / "spec.md", "\n\n".join(parts()) + "\n")


def parts() -> list[str]:
    """The sections, in the order in which a study has them."""
    kinds = {name: registry.kinds() for name, registry in (("landscapes", LANDSCAPES), ("optimizers", OPTIMIZERS))}
    made = ["# Study files", "Made from the models at build time. `thalweg schema` prints the same for editors; unknown keys are errors."]
    made += ["(spec-study)=\n## The study", fields.table(Study), "(spec-sweep)=\n## Sweeps", SWEEPS]
    for name, noun in (("landscapes", "landscape"), ("optimizers", "optimizer")):
        listed = ", ".join(f"[`{kind}`]({name}/{kind}.md)" for kind in kinds[name])
        made += [
            f"(spec-{noun})=\n## {name.capitalize()}",
            f"A mapping with a `kind` and that kind's fields, or the bare kind. Kinds: {listed}.",
        ]
        if noun == "optimizer":
            some = OPTIMIZERS.load("sgd")
            made += [
                "Fields of every optimizer besides its own:",
                fields.table(some, only=("label", "lr_scale", "schedule", "clip", "average")),
            ]
    made += ["Formulas over tensors have [a page on their language](../language.md) and [one on their functions](functions.md)."]
    made += ["(spec-data)=\n### Data", markdown(Data), fields.table(Data)]
    made += choice("init", "Starts", INITS, STARTS)
    made += choice("noise", "Gradient noise", NOISES, "The loss that is recorded stays the noiseless one.")
    made += choice("schedule", "Schedules", SCHEDULES, "\n\n".join(map(markdown, paragraphs(schedule))))
    made += choice("clip", "Clipping", CLIPS, "Applied to the noisy gradient before the rule sees it.")
    made += choice("average", "Averages", AVERAGES, "Recorded as average_loss and average_params beside the iterate.")
    made += ["(spec-record)=\n## Record", markdown(record.Record), fields.table(record.Record)]
    made += ["Diagnostics that `variables` may name:", "| name | what it is |\n|---|---|"]
    made[-1] += "".join(
        f"\n| `{name}` | {cell(text)} |" for name, text in ((kind, DIAGNOSTICS.load(kind).text) for kind in DIAGNOSTICS.kinds())
    )
    made += ["(spec-stop)=\n## Stop", markdown(record.Stop), fields.table(record.Stop)]
    made += ["(spec-claim)=\n## Claims", markdown(claim.Claim), fields.table(claim.Claim)]
    return [*made, "### The language of claims", markdown(claim), "Functions:", markdown(functions)]


def choice(noun: str, title: str, kinds: Choice, words: str) -> list[str]:
    """A section on one part of a study: its kinds with their fields."""
    made = [f"(spec-{noun})=\n## {title}", words]
    for kind in kinds.kinds():
        cls: Any = kinds.load(kind)
        made += [f"### {noun}: {kind}", markdown(cls, lead=True)]
        made += [fields.table(cls)] if len(cls.model_fields) > 1 else []
    return made
