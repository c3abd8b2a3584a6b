"""Checks a study's claims against its results, with the standard error over the seeds.

A claim's deviation is measure - expected. Its standard error is that of the delete-a-group jackknife: the seeds are dealt into GROUPS
groups and the whole expression is evaluated once without each (Shao and Wu 1989, doi:10.1214/aos/1176347263); it holds for means,
quantiles and ratios alike, and with common random numbers it sees that two groups of runs are paired. The deviation's confidence
interval (Student's t, Bonferroni over the claim's points) decides: inside the tolerance the claim passes, outside it fails, and where
the interval has an end on each side the seeds are too few to tell.
"""

import ast
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..optimizers.base import RuleOptimizer
from ..specs.claim import Claim, parse_claim
from ..specs.errors import SpecError, StoreError
from ..specs.init import FanIn, Normal, Solution, Sphere, Uniform
from ..specs.noise import NoNoise
from ..specs.study import Study
from . import places
from .claims import Results

GROUPS = 20
PASSED, UNDECIDED, FAILED = "passed", "undecided", "failed"


@dataclass(frozen=True)
class Verdict:
    """What became of a claim: numbers at its worst point (the one nearest to failing), and how many points there are."""

    name: str
    group: str
    verdict: str
    measured: float
    relation: str
    expected: float
    deviation: float
    margin: float
    """Half the width of the confidence interval of the deviation."""
    tolerance: float
    points: int
    at: str = ""
    reason: str = ""
    measure: str = ""
    source: str = ""


def verify(tree: Any, study: Study) -> list[Verdict]:
    """A verdict for each of the study's claims, from the xarray.DataTree of its run. Raises SpecError where one cannot be evaluated."""
    results = Results(tree, study)
    return [judge(claim, results) for claim in study.claims]


def judge(claim: Claim, results: Results) -> Verdict:
    """Evaluate one claim and decide it."""
    group = claim.group or results.study.optimizers[0].name
    try:
        return decide(claim, group, results)
    except SpecError as error:
        raise SpecError(f"claim '{claim.name}': {error}") from None
    finally:
        results.seeds = None


def decide(claim: Claim, group: str, results: Results) -> Verdict:
    measured, expected, held = sides(claim, group, results)
    deviation = measured - expected
    shape, points = deviation.dims, int(held.sum())
    if points == 0:
        raise SpecError("`where` holds at no point")
    error, reason = standard_error(claim, group, results, deviation)
    margin = half_width(error, claim.confidence, points) if error is not None else np.full(deviation.shape, np.inf)
    if error is not None and counts_seeds(claim, deviation, results.study):
        margin = np.maximum(margin, np.log(points / (1 - claim.confidence)) / results.study.seeds)
    tolerance = claim.atol + claim.rtol * abs(expected)
    inside, outside = room(claim.relation, deviation.values, margin, tolerance.values)
    where = held.values
    unknown = np.isnan(deviation.values) & where
    if unknown.any():
        reason = "the measure or what it is compared with is NaN"
    score = np.where(where, np.where(unknown, -np.inf, inside), np.inf)
    worst = np.unravel_index(np.argmin(score), score.shape) if score.shape else ()
    failed, passed = bool((unknown | (outside < 0))[where].any()), bool((inside >= 0)[where].all())
    verdict = FAILED if failed else PASSED if passed else UNDECIDED
    if verdict == FAILED and not unknown.any():
        worst = np.unravel_index(np.argmin(np.where(where, outside, np.inf)), score.shape) if score.shape else ()
    numbers = [
        float(np.broadcast_to(a, deviation.shape)[worst])
        for a in (measured.values, expected.values, deviation.values, margin, tolerance.values)
    ]
    return Verdict(
        name=claim.name,
        group=group,
        verdict=verdict,
        measured=numbers[0],
        relation=claim.relation,
        expected=numbers[1],
        deviation=numbers[2],
        margin=numbers[3],
        tolerance=numbers[4],
        points=points,
        at=place(deviation, shape, worst) if points > 1 else "",
        reason=reason if verdict == UNDECIDED or unknown.any() else "",
        measure=claim.measure,
        source=claim.source,
    )


def sides(claim: Claim, group: str, results: Results) -> tuple[Any, Any, Any]:
    """(measured, expected, where) as arrays of one shape over the claim's points."""
    import xarray

    given = [results.evaluate(text, group) for text in (claim.measure, claim.other, *([claim.where] if claim.where else ()))]
    arrays = [a if hasattr(a, "dims") else xarray.DataArray(a) for a in given]
    measured, expected, *where = xarray.broadcast(*arrays)
    left = [d for d in measured.dims if d == "step"]
    if left:
        raise SpecError("the measure still has the dimension 'step'; reduce it, with final(), tail() and mean(), ...")
    measured, expected = measured.astype(np.float64), expected.astype(np.float64)
    held = where[0].astype(bool) if where else xarray.ones_like(measured, dtype=bool)
    return measured, expected, held


def room(relation: str, deviation: Any, margin: Any, tolerance: Any) -> tuple[Any, Any]:
    """How far inside the tolerance the interval's worst end lies, and how far its best end; negative is outside."""
    with np.errstate(invalid="ignore"):
        if relation == "=":
            return tolerance - (np.abs(deviation) + margin), tolerance - (np.abs(deviation) - margin)
        ahead = -deviation if relation == "<" else deviation
        return ahead + tolerance - margin, ahead + tolerance + margin


def standard_error(claim: Claim, group: str, results: Results, deviation: Any) -> tuple[Any, str]:
    """The jackknife's standard error of the deviation and '', or None and why there is none. Zero where nothing is random."""
    zero = np.zeros(deviation.shape)
    if "seed" in deviation.dims or not is_random(results.study):
        return (zero, len(zero)), ""
    if results.study.record.stats:
        return None, "only statistics over the seeds are stored, so there is no standard error; record runs"
    seeds = results.study.seeds
    groups = min(GROUPS, seeds)
    if groups < 2:
        return None, "one seed has no standard error; use more seeds"
    without = []
    for k in range(groups):
        results.seeds = np.nonzero(np.arange(seeds) % groups != k)[0]
        measured, expected, _ = sides(claim, group, results)
        without.append((measured - expected).broadcast_like(deviation).transpose(*deviation.dims).values)
    results.seeds = None
    stacked = np.stack(without)
    with np.errstate(invalid="ignore"):
        error = np.sqrt((groups - 1) / groups * ((stacked - stacked.mean(axis=0)) ** 2).sum(axis=0))
        error = np.where((stacked == stacked[0]).all(axis=0), 0.0, error)  # all infinite, for one
    return (error, groups), f"{seeds} seeds are too few to tell"


def half_width(error: tuple[Any, int], confidence: float, points: int) -> Any:
    """Half the confidence interval, shared out over the points."""
    from scipy.stats import t

    spread, groups = error
    if not np.any(spread):
        return spread
    return spread * float(t.ppf(1 - (1 - confidence) / points, groups - 1))


def counts_seeds(claim: Claim, deviation: Any, study: Study) -> bool:
    """Whether the claim is about a fraction of the seeds, whose interval is log(1/(1 - confidence))/n wide even if none of n (or all) do
    it: the bound of Clopper and Pearson 1934, doi:10.1093/biomet/26.4.404."""
    calls = [n.func for text in (claim.measure, claim.other) for n in ast.walk(parse_claim(text)) if isinstance(n, ast.Call)]
    return "seed" not in deviation.dims and is_random(study) and any(isinstance(f, ast.Name) and f.id == "fraction" for f in calls)


def is_random(study: Study) -> bool:
    """Whether runs of different seeds differ."""
    start = isinstance(study.start(), (Normal, Uniform, Sphere, FanIn, Solution))
    own = any("xi" in o.inputs() for o in study.optimizers if isinstance(o, RuleOptimizer))
    disorder = bool(study.landscapes()[0].disorder(lambda count: np.zeros((1, count))))
    return start or own or disorder or not isinstance(study.noise, NoNoise)


def place(deviation: Any, dims: Any, index: tuple[Any, ...]) -> str:
    """'lr=0.1, k=2' for a point."""
    made = []
    for dim, k in zip(dims, index, strict=True):
        value = deviation[dim].values[int(k)] if dim in deviation.coords else int(k)
        made.append(f"{dim}={value:.4g}" if isinstance(value, (float, np.floating)) else f"{dim}={value}")
    return ", ".join(made)


def verify_study(
    source: "str | Path | Study", settings: Iterable[str] = (), quick: bool = False, out: "str | Path | None" = None, **options: Any
) -> tuple[Study, list[Verdict]]:
    """Run a study (or open the store at this path) and check its claims; a store gets the verdicts as its attribute `claims`.

    `quick` takes the study's own `quick` settings: fewer seeds and points. Raises SpecError, StoreError.
    """
    from .api import available_memory, check, load_study, open_run, run

    if isinstance(source, (str, Path)) and places.is_store(source):
        tree = open_run(source)
        study = load_study(stored_study(tree, source))
        made = verify(tree, study)
        note(source, made)
        return study, made
    study = load_study(source, settings, quick)
    if not study.claims:
        return study, []
    if out is None and check(study).bytes * 2 > available_memory():
        raise SpecError(f"{study.name}: its results do not fit into memory; give --out")
    tree = run(study, out, **options)
    made = verify(tree, study)
    if out is not None:
        note(out, made)
    return study, made


def stored_study(tree: Any, where: Any) -> dict[str, Any]:
    from .store import study_in

    if not tree.attrs.get("complete"):
        raise StoreError(f"{where}: the run is not finished; `thalweg run --resume` finishes it")
    return study_in(tree.attrs, where)


def note(store: "str | Path", verdicts: list[Verdict]) -> None:
    """Keep the verdicts in the store's attributes."""
    import zarr

    from .store import quiet

    with quiet(), places.reached(store, "written"):
        root = zarr.consolidate_metadata(places.opened(store))
        root.attrs["claims"] = json.dumps([{k: plain(v) for k, v in asdict(verdict).items()} for verdict in verdicts])


def plain(value: Any) -> Any:
    """JSON has no infinity and no NaN."""
    return value if not isinstance(value, float) or np.isfinite(value) else str(value)


def table(study: Study, verdicts: list[Verdict]) -> Any:
    """The verdicts as a Rich table."""
    from rich.table import Table

    made = Table(title=f"{study.name}: {study.title}", title_justify="left", box=None, padding=(0, 2, 0, 0))
    for column in ("verdict", "claim", "measured", "", "expected", "margin", "tolerance", "points"):
        text = column in ("verdict", "claim", "")
        made.add_column(column, justify="left" if text else "right", overflow="fold", no_wrap=column != "claim")
    colours = {PASSED: "green", UNDECIDED: "yellow", FAILED: "red"}
    for row in lines(verdicts):
        made.add_row(f"[{colours[row[0]]}]{row[0]}[/]", *row[1:])
    return made


def lines(verdicts: list[Verdict]) -> Iterator[list[str]]:
    """A table's cells."""
    for v in verdicts:
        name = v.name + (f" [{v.at}]" if v.at else "") + (f" ({v.reason})" if v.reason else "")
        numbers = [f"{v.margin:.2g}", f"{v.tolerance:.2g}", str(v.points)]
        yield [v.verdict, name, f"{v.measured:.5g}", v.relation, f"{v.expected:.5g}", *numbers]


def markdown(study: Study, verdicts: list[Verdict]) -> str:
    """The verdicts as a section of a Markdown page."""
    head = [f"## {study.title or study.name}", "", f"`thalweg verify {study.name}`. Source: {study.source or 'none'}.", ""]
    rows = ["| | claim | measured | | expected | margin | tolerance | points |", "|---|---|---:|---|---:|---:|---:|---:|"]
    rows += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines(verdicts)]
    return "\n".join([*head, *rows, ""])
