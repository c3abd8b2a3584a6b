"""What the commands verify, branch, merge and differ do, as functions for Python and notebooks."""

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import api

if TYPE_CHECKING:
    from ..specs.stages import Stages
    from ..specs.study import Study
    from .claims.verdict import Verdict

COLOURS = {"passed": "#1a7f37", "undecided": "#9a6700", "failed": "#cf222e"}


class Verdicts(tuple["Verdict", ...]):
    """The verdicts on a study's claims, in the claims' order. It prints as a table, and is an HTML table in notebooks."""

    study: "Study | Stages"

    @classmethod
    def of(cls, study: "Study | Stages", verdicts: "Iterable[Verdict]") -> "Verdicts":
        """These verdicts on the claims of this study."""
        made = cls(verdicts)
        made.study = study
        return made

    @property
    def passed(self) -> bool:
        """Whether every claim passed."""
        return all(one.verdict == "passed" for one in self)

    def __repr__(self) -> str:
        from .claims.verdict import lines

        rows = [("verdict", "claim", "measured", "", "expected"), *((a, b, c, d, e) for a, b, c, d, e, *_ in lines([*self]))]
        widths = [max(len(row[k]) for row in rows) for k in range(5)]
        return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)

    def _repr_html_(self) -> str:
        from .claims.verdict import lines

        heads = ("", "claim", "measured", "", "expected", "margin", "tolerance", "points")
        rows = [f"<tr>{''.join(f'<th>{head}</th>' for head in heads)}</tr>"]
        for verdict, claim, *numbers in lines([*self]):
            cells = f'<td style="color: {COLOURS[verdict]}">{verdict}</td><td style="text-align: left">{escape(claim)}</td>'
            rows.append(f"<tr>{cells}{''.join(f'<td>{escape(number)}</td>' for number in numbers)}</tr>")
        title = escape(self.study.title or self.study.name)
        return f"<table><caption>{title}</caption>{''.join(rows)}</table>"


def verify(
    study: "str | Path | dict[str, Any] | Study", settings: Iterable[str] = (), quick: bool = False, out: "str | Path | None" = None
) -> Verdicts:
    """Run a study and check its claims, or check those of a store.

    Parameters
    ----------
    study : a path, a bundled name, a mapping or a Study; or the path of a store, which is not run again.
    settings : changes KEY=VALUE, as of `--set`.
    quick : the study's own smaller version.
    out : where to keep the runs; in memory if not given.

    Returns
    -------
    Verdicts : one for each claim; `.passed` says whether all passed.

    Raises
    ------
    SpecError : if the study is wrong or has no claims, or a claim cannot be evaluated.
    StoreError : if a store is there already or cannot be read.
    """
    from ..specs.errors import SpecError

    loaded, verdicts = api.verify_study(study, settings, quick, out)  # type: ignore[arg-type]
    if not verdicts:
        raise SpecError(f"{loaded.name}: nothing to verify, there are no claims; write `claims:`")
    return Verdicts.of(loaded, verdicts)


def branch(store: "str | Path", at: int, settings: Iterable[str] = (), out: "str | Path | None" = None, **options: Any) -> Any:
    """Continue from a stored step under changed settings, on the same noise: branch("runs.zarr", 500, ["sgd.lr=0.01"]).

    Parameters
    ----------
    store : a store with states at that step, `record: {state: [STEPS]}`.
    at : the step.
    settings : changes KEY=VALUE, as of `--set`.
    out : where to store the runs; in memory if not given.
    options : those of `thalweg.run`.

    Returns
    -------
    xarray.DataTree : the runs from that step on.

    Raises
    ------
    SpecError, StoreError : as `thalweg.run`, and where the state was not stored.
    """
    from .runner.branch import branched

    return api.run(branched(store, at, settings), out, **options)


def merge(stores: "Sequence[str | Path]", out: "str | Path", overwrite: bool = False) -> Any:
    """Join stores of one study with other seeds, sweep values or optimizers; runs that none of them has are computed. Returns the new store, opened.

    Raises StoreError or SpecError where they are not of one study.
    """
    from .runner.merge import merge as join

    join(stores, out, overwrite)
    return api.open_run(out)


def differ(runs: Any, first: str, second: str, rtol: float = 1e-6) -> Any:
    """The first step at which two groups of a store differ by more than `rtol` of a variable's largest value.

    Parameters
    ----------
    runs : a store's path, or an opened one.
    first, second : the groups' names.
    rtol : what counts as a difference.

    Returns
    -------
    xarray.Dataset : along `variable`: step (-1 if never), size of the difference there, and at the end.

    Raises
    ------
    SpecError : if there is no such group, or they share no variable.
    """
    from .comparison.first_difference import differ as found

    return found(api.open_run(runs) if isinstance(runs, (str, Path)) else runs, first, second, rtol)
