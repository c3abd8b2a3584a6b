"""What people see of each view: columns of short texts, and a note that says how the numbers came about."""

from typing import Any

import numpy as np

from ..results.best import rule
from ..text.tables import Column


def columns(dataset: Any) -> list[Column]:
    """The columns of a view."""
    return [*problem_column(dataset), *MADE[dataset.attrs["view"]](dataset)]


def note(dataset: Any) -> str:
    """What has to be said below the table."""
    return "\n".join(line for line in NOTES[dataset.attrs["view"]](dataset) if line)


def problem_column(dataset: Any) -> list[Column]:
    """Which problem, where there are several and a row is one of them."""
    if "problem" not in dataset or len({*dataset["problem"].values}) == 1:
        return []
    times = 1 if dataset.attrs["view"] != "targets" else dataset["ert"].shape[1]
    return [Column("problem", [str(p) for p in np.repeat(dataset["problem"].values, times)], text=True)]


def final_columns(dataset: Any) -> list[Column]:
    names = ("median", "low", "high", "q25", "q75")
    median, low, high, q25, q75 = ([number(v) for v in dataset[name].values] for name in names)
    between = [f"[{a}, {b}]" if not np.isnan(v) else "-" for a, b, v in zip(low, high, dataset["low"].values, strict=True)]
    lost = [
        f"{a:,} ({b:,} at best)" if a else "0" for a, b in zip(dataset["diverged"].values, dataset["diverged_at_best"].values, strict=True)
    ]
    return [
        Column("optimizer", words(dataset["optimizer"]), name=True),
        Column("best at", words(dataset["best"]), text=True),
        Column("median", median),
        Column("25 %", q25, minor=True),
        Column("75 %", q75, minor=True),
        Column(f"{dataset.attrs.get('confidence', 0.95):.0%} of median".replace("%", " %"), between),
        Column("seeds", counts(dataset["seeds"])),
        Column("runs", counts(dataset["runs"]), minor=True),
        Column("diverged", lost),
    ]


def final_note(dataset: Any) -> list[str]:
    missing, total = int(dataset["unfinished"].sum()), int(dataset["runs"].sum())
    left = f"{missing:,} of {total:,} runs are not finished and left out; finish them with thalweg run --resume"
    return [choices(dataset), f"interval: {dataset.attrs.get('interval', '')}", left if missing else ""]


def targets_columns(dataset: Any) -> list[Column]:
    dim = "gap" if "gap" in dataset.dims else "target"
    along = dataset[dim].values
    n = len(along)

    def each(name: str, show: Any = None) -> list[str]:
        return [(show or number)(v) for v in dataset[name].values.ravel()]

    times = [never(v) for v in dataset["ert"].values.ravel()]
    rate = [f"{a}/{b}" for a, b in zip(counts(dataset["successes"]), counts(dataset["seeds"]), strict=True)]
    low, high = (each(name, lambda v: f"{v:.2f}") for name in ("low", "high"))
    return [
        Column("optimizer", np.repeat(words(dataset["optimizer"]), n).tolist(), name=True),
        Column("best at", np.repeat(words(dataset["best"]), n).tolist(), text=True, minor=True),
        *([Column("gap left", [number(g) for g in along] * dataset.sizes["optimizer"])] if dim == "gap" else []),
        Column("target", each("loss")),
        Column("reached", rate),
        Column(f"{dataset.attrs['confidence']:.0%} of rate".replace("%", " %"), [f"[{a}, {b}]" for a, b in zip(low, high, strict=True)]),
        Column("median steps", [never(v) for v in dataset["median"].values.ravel()], minor=True),
        Column("ERT", times),
    ]


def targets_note(dataset: Any) -> list[str]:
    default = "targets: what leaves so much of the gap between the median start and the landscape's minimum or, unknown or lower, the best median (--target gives others)"
    return [
        choices(dataset),
        default if "gap" in dataset.dims else "",
        "ERT: steps in all runs until reached, over the runs that reached it",
    ]


def profile_columns(dataset: Any) -> list[Column]:
    """One row an optimizer (and accuracy), one column a ratio or budget."""
    view = dataset.attrs["view"]
    along = "ratio" if view == "performance" else "budget"
    solved = dataset["solved"].transpose("optimizer", ..., along)
    if view != "ecdf":
        solved = solved.transpose("accuracy", "optimizer", along)
    at = pick(len(dataset[along]))
    shown = {at[k] for k in pick(len(at), 6)}
    cells = solved.values.reshape(-1, len(dataset[along]))
    names = words(dataset["optimizer"])
    made = [] if view == "ecdf" else [Column("accuracy", np.repeat([number(a) for a in dataset["accuracy"].values], len(names)).tolist())]
    made.append(Column("optimizer", names * (len(cells) // len(names)), name=True))
    return made + [Column(heading(float(dataset[along][k]), view), [f"{v:.2f}" for v in cells[:, k]], minor=k not in shown) for k in at]


def pick(count: int, most: int = 10) -> list[int]:
    """At most so many of the columns, evenly, the last always."""
    return sorted({round(k) for k in np.linspace(0, count - 1, min(count, most))})


def heading(limit: float, view: str) -> str:
    if view == "performance":
        return "solved" if np.isinf(limit) else f"{limit:g}x"
    return f"{limit:,.0f}" if limit >= 10 else f"{limit:g}"


def profile_note(dataset: Any) -> list[str]:
    about = dataset.attrs
    what = {
        "performance": "fraction of instances solved within so many times the steps of the fastest optimizer (Dolan and Moré)",
        "data": "fraction of instances solved within so many simplex gradients (Moré and Wild)",
        "ecdf": f"fraction of instances and targets reached within so many steps; targets: {about.get('targets', '')}",
    }[about["view"]]
    where = f"{about['instances']:,} instances: the reported seeds of {about['problems']:,} problem{'s' * (about['problems'] > 1)}"
    unmoved = f", {about['unmoved']:,} without any progress left out" if about["unmoved"] else ""
    return [choices(dataset), what, where + unmoved, left_out(dataset)]


def sensitivity_columns(dataset: Any) -> list[Column]:
    field = dataset.attrs["field"]
    edge = {"": "", "below": "ends below", "above": "ends above", "below and above": "whole"}
    return [
        Column("optimizer", words(dataset["optimizer"]), name=True),
        Column(f"best {field}", [number(v) for v in dataset["best"].values]),
        Column("median", [number(v) for v in dataset["median"].values]),
        Column("decades", ["-" if np.isnan(v) else f"{v:.2f}" for v in dataset["width"].values]),
        Column("from", ["-" if np.isnan(v) else number(v) for v in dataset["low"].values]),
        Column("to", ["-" if np.isnan(v) else number(v) for v in dataset["high"].values]),
        Column("points", counts(dataset["points"])),
        Column("sweep", [edge[str(v)] for v in dataset["open"].values], text=True),
    ]


def sensitivity_note(dataset: Any) -> list[str]:
    field, factor = dataset.attrs["field"], dataset.attrs["factor"]
    lows = ", ".join(dict.fromkeys(number(v) for v in dataset["lowest"].values))
    return [
        choices(dataset),
        f"decades of {field} around the best whose median is at most {factor:g} times as far above the lowest loss known ({lows})",
    ]


def pairs_columns(dataset: Any) -> list[Column]:
    won = zip(*(counts(dataset[name]) for name in ("wins", "ties", "losses")), strict=True)
    return [
        Column("better", words(dataset["first"]), name=True),
        Column("than", words(dataset["second"]), name=True),
        Column("difference", [number(v) for v in dataset["difference"].values]),
        Column("won-tied-lost", ["-".join(three) for three in won]),
        Column("p", [chance(v) for v in dataset["p"].values]),
        Column("p (Holm)", [chance(v) for v in dataset["holm"].values]),
    ]


def pairs_note(dataset: Any) -> list[str]:
    return [f"{dataset.attrs['test']}, on the final losses of the seeds that both report; {dataset.attrs['correction']}"]


def ranks_columns(dataset: Any) -> list[Column]:
    return [
        Column("optimizer", words(dataset["optimizer"]), name=True),
        Column("average rank", [f"{v:.2f}" for v in dataset["rank"].values]),
        Column(
            "cannot be told from",
            [others(str(c), str(o)) for c, o in zip(dataset["clique"].values, dataset["optimizer"].values, strict=True)],
            name=True,
        ),
    ]


def ranks_note(dataset: Any) -> list[str]:
    about = dataset.attrs
    one = "" if about["blocks"] == "problems" else " of one problem, which says nothing of others"
    tests = f"Friedman chi-square {about['friedman']:.4g} (p {chance(about['p_friedman'])}), Iman-Davenport F {about['iman_davenport']:.4g} (p {chance(about['p_iman_davenport'])})"
    return [
        f"ranks over {about['count']:,} {about['blocks']}{one}; {tests}",
        f"Nemenyi's critical difference at {about['alpha']:g}: {about['critical_difference']:.3g}",
        left_out(dataset),
    ]


def others(clique: str, own: str) -> str:
    return ", ".join(name for name in clique.split(", ") if name != own) or "-"


def left_out(dataset: Any) -> str:
    gone = dataset.attrs.get("left_out")
    return f"left out, as they did not run on every problem: {gone}" if gone else ""


def choices(dataset: Any) -> str:
    """How hyperparameters were chosen, in words."""
    if "chosen" not in dataset:
        return ""
    return rule({str(name): str(way) for name, way in zip(dataset["optimizer"].values, dataset["chosen"].values, strict=True)})


def words(values: Any) -> list[str]:
    return [str(v) or "-" for v in values.values]


def counts(values: Any) -> list[str]:
    return [f"{int(v):,}" for v in values.values.ravel()]


def number(value: float) -> str:
    """Four significant digits, or the word for what is no number."""
    if np.isnan(value):
        return "not run yet"
    return "diverged" if np.isinf(value) else f"{value:.4g}"


def never(value: float) -> str:
    """Steps for people."""
    if np.isnan(value):
        return "not run yet"
    return "never" if np.isinf(value) else f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def chance(value: float) -> str:
    """A p value for people."""
    return "< 0.0001" if value < 1e-4 else f"{value:.4f}"


MADE = {
    "final": final_columns,
    "targets": targets_columns,
    "ecdf": profile_columns,
    "performance": profile_columns,
    "data": profile_columns,
    "sensitivity": sensitivity_columns,
    "pairs": pairs_columns,
    "ranks": ranks_columns,
}
NOTES = {
    "final": final_note,
    "targets": targets_note,
    "ecdf": profile_note,
    "performance": profile_note,
    "data": profile_note,
    "sensitivity": sensitivity_note,
    "pairs": pairs_note,
    "ranks": ranks_note,
}
