"""thalweg verify."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..text.sizes import duration
from ..text.tables import Column, Table, console
from ._options import Settings, studies_and_systems
from ._say import command, say, to_look_at

if TYPE_CHECKING:
    from ...specs.stages import Stages
    from ...specs.study import Study
    from ..claims.verdict import Verdict


def verify(
    specs: Annotated[
        list[str],
        typer.Argument(
            metavar="SPEC...",
            autocompletion=studies_and_systems,
            help="Studies (paths or bundled names), systems (folders of bundled studies), `all`, or stores.",
        ),
    ],
    settings: Settings = None,
    quick: Annotated[bool, typer.Option("--quick", help="Run the small version of each study; 'undecided' is then no failure.")] = False,
    out: Annotated[str | None, typer.Option(metavar="FOLDER", help="Keep the runs in this folder, as NAME.zarr.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing stores in --out.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Finish interrupted stores in --out, and create missing ones.")] = False,
    executor: Annotated[str, typer.Option(help="auto, fused or array.")] = "auto",
    allow_none: Annotated[bool, typer.Option("--allow-none", help="Do not treat a study without claims as an error.")] = False,
    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also write the results to a file: .json for JSON, .xml for JUnit XML, otherwise Markdown."),
    ] = None,
    format: Annotated[str, typer.Option("--format", "-f", help="The format to print: table, markdown, json or junit.")] = "table",
) -> None:
    """Run studies and check their claims; the exit code is 0 if all pass, 2 if a study has none, else 1."""
    import time

    from ...specs.errors import SpecError, StoreError, suggest
    from ..api import verify_study
    from ..claims.formats import FORMATS, SUFFIXES
    from ..claims.verdict import FAILED, PASSED, UNDECIDED
    from ..text.whole_file import write_whole

    if format != "table" and format not in FORMATS:
        raise SpecError(f"--format {format}: there is no such format{suggest(format, FORMATS)} (known: table, {', '.join(FORMATS)})")
    if report and not report.absolute().parent.is_dir():
        raise StoreError(f"--report {report}: there is no folder {report.absolute().parent}")
    terminal, judged = console(), []
    studies, without_claims = members(specs), []
    for spec in studies:
        began = time.perf_counter()
        study, verdicts = verify_study(spec, settings or (), quick, place(spec, out), executor=executor, overwrite=overwrite, resume=resume)
        took = time.perf_counter() - began
        judged.append((study, verdicts, took))
        if not verdicts:
            without_claims += [study.name] if spec in specs else []  # one of a system, or of all, may have none
            say(f"{study.name}: has no claims", error=format != "table")
        elif format == "table":
            terminal.print(table(study, verdicts))
        if format == "table":
            terminal.print(f"{duration(took)}\n", style="dim")
    if report:
        write_whole(report, FORMATS[SUFFIXES.get(report.suffix, "markdown")](judged))
    if format != "table":
        print(FORMATS[format](judged), end="")
    every = [verdict for _, verdicts, _ in judged for verdict in verdicts]
    counts = {name: sum(v.verdict == name for v in every) for name in (PASSED, UNDECIDED, FAILED)}
    found = ", ".join(f"{n} {name}" for name, n in counts.items())
    say(f"{found}; next: {following(studies[-1], out, specs if quick else None, settings or [])}", error=format != "table")
    if without_claims and not allow_none:
        raise SpecError(f"{', '.join(without_claims)}: nothing to verify, there are no claims; write `claims:`, or give --allow-none")
    if counts[FAILED] or (counts[UNDECIDED] and not quick):
        raise typer.Exit(1)


def members(specs: list[str]) -> list[str]:
    """What is named, with the studies of a system in place of its name. A file, a store or a study goes before a system of its name."""
    from ...specs.load import gallery, systems

    groups = {"all": [*gallery()], **systems()}
    chosen = [
        name for spec in specs for name in (groups.get(spec, [spec]) if spec not in gallery() and not Path(spec).exists() else [spec])
    ]
    return [*dict.fromkeys(chosen)]


def table(study: "Study | Stages", verdicts: "list[Verdict]") -> Table:
    """The verdicts as a table for the terminal."""
    from ..claims.verdict import FAILED, PASSED, UNDECIDED, lines

    verdict, claim, measured, relation, expected, margin, tolerance, points = (list(cells) for cells in zip(*lines(verdicts), strict=True))
    colours = {PASSED: "green", UNDECIDED: "yellow", FAILED: "red"}
    columns = (
        Column("verdict", verdict, text=True, styles=[colours[word] for word in verdict]),
        Column("claim", claim, name=True),
        Column("measured", measured),
        Column("expected", [" ".join(pair) for pair in zip(relation, expected, strict=True)]),
        Column("margin", margin, minor=True),
        Column("tolerance", tolerance, minor=True),
        Column("points", points, minor=True),
    )
    return Table(
        columns,
        title=": ".join(filter(None, (study.name, study.title))),
        otherwise="a wider terminal shows them, --report FILE has them all",
    )


def place(spec: str, out: str | None) -> str | None:
    """The store of a study's runs in the folder `out`, if there is one."""
    return f"{out.rstrip('/')}/{Path(spec).stem}.zarr" if out else None


def following(spec: str, out: str | None, quick: list[str] | None, settings: list[str]) -> str:
    """What to do after this study: look at its runs where they are kept, else check what was `quick` at full size, else keep its runs."""
    from ..store.lock import is_store

    kept = spec if is_store(spec) else place(spec, out)
    if kept and is_store(kept):  # a study without claims is not run
        return to_look_at(kept)
    given = [word for setting in settings for word in ("--set", setting)]
    return command("verify", *quick, *given) if quick else command("run", spec, *given)
