"""Checks a study's claims against its results, with confidence intervals over the seeds.

A claim's deviation is measure - expected. Its confidence interval (intervals.py; two-sided for `expected`, one-sided for an
inequality; Bonferroni over the claim's points) decides: where all of it lies inside the tolerance the claim passes, where none of it does
the claim fails, and where a part does the seeds are too few to tell.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...optimizers.base import RuleOptimizer
from ...specs.claim import Claim, normal, parse_claim
from ...specs.compatibility import every_start
from ...specs.errors import SpecError
from ...specs.init import FanIn, File, Mix, Normal, Orthogonal, Solution, Sphere, Uniform
from ...specs.noise import NoNoise
from ...specs.status import Status
from ...specs.study import Study
from ...specs.sweep import values_of
from .evaluate import Results
from .intervals import difference, interval, outermost

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
    """How far the deviation's confidence interval reaches: for `=` on the side where it reaches farther, for `<` above, for `>` below."""
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
    with named(claim):
        return decide(claim, claim.group or results.first, results)


@contextlib.contextmanager
def named(claim: Claim) -> Iterator[None]:
    """What cannot be evaluated says which claim it is in."""
    try:
        yield
    except SpecError as error:
        raise SpecError(f"claim '{claim.name}': {error}") from None


def decide(claim: Claim, group: str, results: Results) -> Verdict:
    results.ignore = claim.diverged == "ignore"
    measured, expected, held, reductions = evaluate(claim, group, results)
    deviation = measured - expected
    points = int(held.sum())
    if points == 0:
        raise SpecError("`where` holds at no point")
    low, high, reason = ends(claim, group, results, deviation, reductions, points)
    tolerance = (claim.atol + claim.rtol * abs(expected)).values
    inside, outside = room_to_tolerance(claim.relation, low, high, tolerance)
    where = held.values
    lost = lost_points(claim, group, results, deviation) & where
    unknown = np.isnan(deviation.values) & where
    bad = unknown if results.ignore else unknown | lost
    score = np.where(where, np.where(bad, -np.inf, inside), np.inf)
    failed, passed = bool((bad | (outside < 0))[where].any()), bool((inside >= 0)[where].all())
    verdict = FAILED if failed else PASSED if passed else UNDECIDED
    if verdict == FAILED and not bad.any():
        score = np.where(where, outside, np.inf)
    worst = np.unravel_index(np.argmin(score), score.shape) if score.shape else ()
    of_runs = diverged_runs(claim, group, results, deviation, worst)
    if unknown.any():
        reason = "the measure or what it is compared with is NaN" + (f"; {of_runs} diverged" if of_runs else "")
    elif lost.any() and not results.ignore:
        reason = f"{of_runs} diverged, and the measure would ignore them; `diverged: ignore` allows that"
    elif verdict != UNDECIDED:
        reason = f"{of_runs} diverged and are left out" if of_runs and lost.any() else ""
    margin = {"=": np.fmax(difference(high, deviation.values), difference(deviation.values, low))}
    margin |= {"<": difference(high, deviation.values), ">": difference(deviation.values, low)}
    numbers = [measured.values, expected.values, deviation.values, margin[claim.relation], tolerance]
    numbers = [float(np.broadcast_to(a, deviation.shape)[worst]) for a in numbers]
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
        at=point_in_words(deviation, deviation.dims, worst) if points > 1 else "",
        reason=reason,
        measure=claim.measure,
        source=claim.source,
    )


def evaluate(claim: Claim, group: str, results: Results) -> tuple[Any, Any, Any, list[Any]]:
    """(measured, expected, where) as arrays of one shape over the claim's points, and the reductions of the seeds in them."""
    import xarray

    results.reductions = {}
    where = results.evaluate(claim.where, group) if claim.where else True
    measured, expected = sides(claim, group, results)
    texts = [normal(text) for text in (claim.measure, claim.other)]
    reductions = {r.key: r for text in texts for r in outermost(parse_claim(text), text, results)}
    left = [d for d in measured.dims if d == "step"]
    if left:
        raise SpecError("the measure still has the dimension 'step'; reduce it, with final(), tail() and mean(), ...")
    where = where if hasattr(where, "dims") else xarray.DataArray(where)
    measured, expected, held = xarray.broadcast(measured, expected, where)
    return measured, expected, held.astype(bool), [*reductions.values()]


def sides(claim: Claim, group: str, results: Results) -> tuple[Any, Any]:
    """(measured, expected) as arrays of one shape."""
    import xarray

    given = [results.evaluate(text, group) for text in (claim.measure, claim.other)]
    measured, expected = xarray.broadcast(*(a if hasattr(a, "dims") else xarray.DataArray(a) for a in given))
    return measured.astype(np.float64), expected.astype(np.float64)


def ends(claim: Claim, group: str, results: Results, deviation: Any, reductions: list[Any], points: int) -> tuple[Any, Any, str]:
    """The ends of the deviation's confidence interval, infinite where there is none, and why they are not nearer."""
    import xarray

    study = results.study
    none = np.full(deviation.shape, -np.inf), np.full(deviation.shape, np.inf)
    random = any(is_random(results.study_of(name)) for name in named_groups(claim, group, results))
    if random and study.record.stats:
        return *none, "only statistics over the seeds are stored, so there is no standard error; record runs"
    if random and reductions and study.seeds < 2:
        return *none, "one seed has no standard error; use more seeds"
    level = (1 - claim.confidence) / points / (2 if claim.relation == "=" else 1)

    def again() -> tuple[Any, Any]:
        measured, expected = sides(claim, group, results)
        return xarray.broadcast(measured, expected, deviation)[:2]

    low, high = interval(again, reductions, results, group, level, random)
    return low, high, f"{study.seeds} seeds are too few to tell"


def room_to_tolerance(relation: str, low: Any, high: Any, tolerance: Any) -> tuple[Any, Any]:
    """How far inside the tolerance the interval's worst end lies, and how far its best end; negative is outside."""
    with np.errstate(invalid="ignore"):
        if relation == "=":
            nearest = np.where((low <= 0) & (high >= 0), 0.0, np.minimum(np.abs(low), np.abs(high)))
            return tolerance - np.maximum(np.abs(low), np.abs(high)), tolerance - nearest
        worst, best = (-high, -low) if relation == "<" else (low, high)
        return worst + tolerance, best + tolerance


def lost_points(claim: Claim, group: str, results: Results, deviation: Any) -> Any:
    """Where the deviation is known since it leaves runs out that diverged."""
    if not any(bool((s == Status.DIVERGED).any()) for _, s in statuses(claim, group, results)):
        return np.zeros(deviation.shape, bool)
    ignore, results.ignore, results.strict = results.ignore, False, True
    try:
        measured, expected = sides(claim, group, results)
        strict = (measured - expected).broadcast_like(deviation).transpose(*deviation.dims).values
    finally:
        results.ignore, results.strict = ignore, False
    return np.isnan(strict) & ~np.isnan(deviation.values)


def statuses(claim: Claim, group: str, results: Results) -> list[tuple[str, Any]]:
    """The groups that a claim names, with how their runs ended."""
    names = named_groups(claim, group, results)
    return [(name, results.variable(name, "status")) for name in names if "status" in results.names(name)]


def named_groups(claim: Claim, group: str, results: Results) -> list[str]:
    """The groups that a claim names."""
    return sorted({name for text in (claim.measure, claim.other) for name in results.groups(parse_claim(text), group)})


def diverged_runs(claim: Claim, group: str, results: Results, deviation: Any, worst: tuple[Any, ...]) -> str:
    """'31 of 50 runs' for those that diverged at a point, '' for none."""
    bad = total = 0
    for _, status in statuses(claim, group, results):
        for dim, k in zip(deviation.dims, worst, strict=True):
            if dim in status.dims and dim in deviation.coords and status.sizes[dim] == deviation.sizes[dim]:
                status = status.isel({dim: int(k)})
        bad, total = bad + int((status == Status.DIVERGED).sum()), total + status.size
    return f"{bad} of {total} runs" if bad else ""


def is_random(study: Study) -> bool:
    """Whether runs of different seeds differ."""
    drawn = (Normal, Uniform, Sphere, FanIn, Orthogonal, Solution)
    starts = [init for one in study.variants() for init in every_start(one)]
    start = any(isinstance(init, drawn) or (isinstance(init, File) and has_rows(init)) for init in starts)
    in_rules = any("xi" in o.inputs() for o in study.optimizers if isinstance(o, RuleOptimizer))
    noise = any(not isinstance(one, NoNoise) and getattr(one, "sampling", "") != "in_order" for one in values_of(study.noise))
    disorder = bool(study.landscapes()[0].disorder(lambda count: np.zeros((1, count))))
    taken = study.branch is not None or isinstance(study.init, Mix) or bool(study.landscape.stored)
    return start or in_rules or disorder or taken or noise


def has_rows(init: File) -> bool:
    """Whether a file of starts has one a seed that differ, or cannot be looked into any more."""
    try:
        starts = np.load(init.file(), mmap_mode="r", allow_pickle=False)
        starts = starts if isinstance(starts, np.ndarray) else starts[init.key or next(iter(starts))]
    except (OSError, ValueError, EOFError, KeyError, StopIteration):
        return True
    return starts.ndim > 1 and bool((starts != starts[:1]).any())


def point_in_words(deviation: Any, dims: Any, index: tuple[Any, ...]) -> str:
    """'lr=0.1, k=2' for a point."""
    parts = []
    for dim, k in zip(dims, index, strict=True):
        value = deviation[dim].values[int(k)] if dim in deviation.coords else int(k)
        parts.append(f"{dim}={value:.4g}" if isinstance(value, (float, np.floating)) else f"{dim}={value}")
    return ", ".join(parts)


def lines(verdicts: list[Verdict]) -> Iterator[list[str]]:
    """A table's cells."""
    for v in verdicts:
        name = v.name + (f" [{v.at}]" if v.at else "") + (f" ({v.reason})" if v.reason else "")
        numbers = [f"{v.margin:.2g}", f"{v.tolerance:.2g}", str(v.points)]
        yield [v.verdict, name, f"{v.measured:.5g}", v.relation, f"{v.expected:.5g}", *numbers]
