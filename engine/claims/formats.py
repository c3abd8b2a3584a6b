"""Verdicts for other programs: Markdown for pages, JSON for scripts, JUnit's XML for continuous integration.

FORMATS[name](studies) -> text, where `studies` are (study, its verdicts, seconds it took)
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any
from xml.etree import ElementTree

from ...specs.stages import Stages
from ...specs.study import Study
from .verdict import FAILED, PASSED, UNDECIDED, Verdict, lines

Judged = tuple["Study | Stages", list[Verdict], float]


def markdown(studies: Sequence[Judged]) -> str:
    """A page with a section and a table for each study."""
    from ..text.escape import for_markdown

    pages = ["# Claims, and what was measured", ""]
    for study, verdicts, _ in studies:
        if not verdicts:
            continue
        source = for_markdown(study.source) or "none"
        pages += [f"## {for_markdown(study.title or study.name)}", "", f"`thalweg verify {study.name}`. Source: {source}.", ""]
        pages += ["| | claim | measured | | expected | margin | tolerance | points |", "|---|---|---:|---|---:|---:|---:|---:|"]
        pages += ["| " + " | ".join([verdict, for_markdown(claim), *numbers]) + " |" for verdict, claim, *numbers in lines(verdicts)]
        pages.append("")
    return "\n".join(pages)


def as_json(studies: Sequence[Judged]) -> str:
    """A list of studies: name, title, source, seconds, claims with all that is known of each. What is no number is null, infinity a text."""
    data = [
        {
            "study": study.name,
            "title": study.title,
            "source": study.source,
            "seconds": round(seconds, 3),
            "claims": [{key: number(value) for key, value in asdict(verdict).items()} for verdict in verdicts],
        }
        for study, verdicts, seconds in studies
    ]
    return json.dumps(data, indent=2, allow_nan=False) + "\n"


def number(value: Any) -> Any:
    """JSON knows neither NaN nor infinity."""
    if not isinstance(value, float) or math.isfinite(value):
        return value
    return None if math.isnan(value) else str(value)


def junit(studies: Sequence[Judged]) -> str:
    """A test suite for each study, a test case for each claim; failed and undecided claims are failures, of the types `failed` and `undecided`."""
    root = ElementTree.Element("testsuites", name="thalweg")
    for study, verdicts, seconds in studies:
        bad = [verdict for verdict in verdicts if verdict.verdict != PASSED]
        suite = ElementTree.SubElement(
            root, "testsuite", name=study.name, tests=str(len(verdicts)), failures=str(len(bad)), errors="0", time=f"{seconds:.3f}"
        )
        for verdict in verdicts:
            case = ElementTree.SubElement(suite, "testcase", classname=study.name, name=clean(verdict.name), time="0")
            said = f"measured {verdict.measured:.5g} {verdict.relation} {verdict.expected:.5g}, margin {verdict.margin:.2g}, "
            said += f"tolerance {verdict.tolerance:.2g}{f', at {verdict.at}' if verdict.at else ''}{f'; {verdict.reason}' if verdict.reason else ''}"
            if verdict.verdict in (FAILED, UNDECIDED):
                failure = ElementTree.SubElement(case, "failure", type=verdict.verdict, message=clean(said))
                failure.text = clean(verdict.measure)
            else:
                ElementTree.SubElement(case, "system-out").text = clean(said)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def clean(text: str) -> str:
    """Text without what XML 1.0 cannot hold."""
    return "".join(
        letter if letter in "\t\n\r" or " " <= letter <= "\ud7ff" or "\ue000" <= letter <= "\ufffd" or letter > "\uffff" else "?"
        for letter in text
    )


FORMATS: Mapping[str, Callable[[Sequence[Judged]], str]] = {"markdown": markdown, "json": as_json, "junit": junit}
SUFFIXES: Mapping[str, str] = {".md": "markdown", ".json": "json", ".xml": "junit"}
"""The format of a file, by the end of its name."""
