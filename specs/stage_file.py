"""A file of stages as it is written: its keys, the names of its stages, and that each needs only those before it."""

import re
from collections.abc import Iterator
from typing import Any

from .errors import SpecError, suggest
from .plain import Key, Source
from .stages import Stage
from .study import Study

STAGE = {
    "name": "the stage's name, a plain word: its runs are in the store's group of that name",
    "from": "the stage that the runs continue: STAGE, or STAGE.OPTIMIZER",
    "at": "the step at which they leave it; default: the last; a list becomes a dimension",
    "keep": "state, the whole state (the default), or params, only the parameters, with a fresh optimizer at step 0",
    "uses": "name -> STAGE.VARIABLE, or a mapping with of, at, seed: parameters of a stage as an array of the formula, frozen",
    "set": "settings as for --set, which change parts of what is taken over from the other stage",
    "repeat": "how often the stage runs, each time from the end of the one before: NAME_0, NAME_1, ...; numbers may be formulas of the repetition k",
}
"""The keys that only a stage has."""
ALONE = ("claims", "quick", "probes", "branch", "description", "source", "title", "name")
"""What a stage does not take over from another."""
WHOLE = ("stages", "name", "title", "source", "description", "claims", "quick", "probes")
"""Keys of the whole file; all others are common to the stages."""
MOST = 200
"""Stages of a file, repetitions counted."""


class StageFile:
    """The data of such a file, and the problems that were found in it."""

    def __init__(self, source: Source):
        self.source = source
        self.problems: list[str] = []
        self.stages: dict[str, Stage] = {}

    def fail(self, path: Key, problem: str) -> None:
        """Note a problem with the file at this place."""
        self.problems.append(f"{self.source.at(path)}: {problem}")

    def stop(self) -> None:
        """Raise SpecError if anything is wrong so far."""
        if self.problems:
            raise SpecError(list(dict.fromkeys(self.problems)))

    def text(self, key: str) -> str:
        return str(self.source.data.get(key) or "")

    def check_keys(self, k: int, one: Any) -> None:
        """A stage is a mapping of known keys, with a name of its own."""
        known = [*STAGE, *(name for name in Study.model_fields if name not in ("branch", "quick"))]
        if not isinstance(one, dict):
            self.fail(("stages", k), f"stages[{k}]: must be a mapping of keys to values")
            return
        for key in one:
            if key not in known:
                self.fail(
                    ("stages", k, key),
                    f"stages[{k}]: unknown key '{key:.60}'{suggest(str(key), known)} (allowed: {', '.join(dict.fromkeys(known))})",
                )
        name = one.get("name")
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,59}", name):
            self.fail(
                ("stages", k, "name"), f"stages[{k}].name: a stage needs a name of letters, digits and underscores, beginning with a letter"
            )
        elif name in Study.model_fields or name in WHOLE:
            self.fail(("stages", k, "name"), f"stages[{k}].name: '{name}' is the name of a part of a study; choose another")
        if one.get("keep", "state") not in ("state", "params"):
            self.fail(("stages", k, "keep"), f"stages[{k}].keep: must be state or params, given {one['keep']!r:.60}")
        for key in ("at", "keep"):
            if key in one and "from" not in one:
                self.fail(("stages", k, key), f"stages[{k}].{key}: belongs to `from`, which the stage does not have")
        count = one.get("repeat")
        if count is not None and (not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= MOST):
            self.fail(("stages", k, "repeat"), f"stages[{k}].repeat: must be a whole number from 1 to {MOST}, given {count!r:.60}")
        elif count is not None and "at" in one:
            self.fail(("stages", k, "at"), f"stages[{k}].at: each repetition begins where the one before ended; leave out `at`")
        for key in ("uses", "set"):
            if not isinstance(one.get(key, {}), dict):
                self.fail(("stages", k, key), f"stages[{k}].{key}: must be a mapping of keys to values")

    def check_file(self, data: dict[str, Any]) -> None:
        """The rest of the file has known keys, and no two stages one name."""
        known = [*WHOLE, *(name for name in Study.model_fields if name != "branch")]
        for key in data:
            if key not in known:
                self.fail((key,), f"unknown key '{key:.60}'{suggest(str(key), known)} (allowed: {', '.join(dict.fromkeys(known))})")
        names: dict[str, int] = {}
        for k, one in enumerate(data["stages"]):
            name = one.get("name") if isinstance(one, dict) else None
            if isinstance(name, str) and names.setdefault(name.casefold(), k) != k:
                self.fail(("stages", k, "name"), f"stages[{k}].name: two stages are called '{name:.60}'")

    def check_order(self, listed: list[Any], names: list[str]) -> None:
        """Every stage needs stages that come before it."""
        needs = {one["name"]: [name for name, _ in self.needed(one)] for one in listed}
        for k, one in enumerate(listed):
            for name, key in self.needed(one):
                if name not in names:
                    if not re.search(r"_\d+$", name) or name.rpartition("_")[0] not in names:
                        self.fail(
                            ("stages", k, key),
                            f"stages[{k}].{key}: there is no stage '{name:.60}'{suggest(name, names)} (known: {', '.join(names)})",
                        )
                elif name == one["name"]:
                    self.fail(("stages", k, key), f"stages[{k}].{key}: a stage cannot begin with itself")
                elif names.index(name) > k:
                    circle = _reaches(name, one["name"], needs)
                    why = f"{name} needs {one['name']} in turn: a circle" if circle else f"{name} comes later; put it before {one['name']}"
                    self.fail(("stages", k, key), f"stages[{k}].{key}: {why}")

    def needed(self, one: dict[str, Any]) -> Iterator[tuple[str, str]]:
        """(stage, key) of every stage that this one names, as far as its data are in order."""
        if isinstance(origin := one.get("from"), str):
            yield origin.partition(".")[0], "from"
        for used in one.get("uses", {}).values():
            of = used.get("of") if isinstance(used, dict) else used
            if isinstance(of, str):
                yield of.partition(".")[0], "uses"
        init = one.get("init")
        starts = init.get("of") if isinstance(init, dict) and init.get("kind") == "mix" else None
        for entry in starts if isinstance(starts, list) else ():
            if isinstance(entry, str) and entry != "fresh":
                yield entry.partition(".")[0], "init"

    def check_named(self, part: str) -> None:
        """Claims and probes at the end of the file name stages that there are; probes must name one."""
        listed = self.source.data.get(part, [])
        if not isinstance(listed, list):
            self.fail((part,), f"{part}: must be a list")
            return
        heads = self.heads()
        for n, entry in enumerate(listed):
            stage = entry.get("stage") if isinstance(entry, dict) else None
            if stage is not None and stage not in heads:
                self.fail(
                    (part, n, "stage"),
                    f"{part}[{n}].stage: there is no stage '{stage!s:.60}'{suggest(str(stage), heads)} (known: {', '.join(sorted(heads))})",
                )
            if stage is None and part == "probes":
                self.fail((part, n), f"probes[{n}]: name the `stage` whose runs it looks at (known: {', '.join(sorted(heads))})")

    def heads(self) -> set[str]:
        """The first words of settings that belong to one stage."""
        return {str(one["name"]) for one in self.source.data["stages"]} | {*self.stages}


def _reaches(start: str, goal: str, needs: dict[str, list[str]]) -> bool:
    """Whether a stage needs another, itself or through others."""
    seen, waiting = set(), [start]
    while waiting:
        name = waiting.pop()
        if name == goal:
            return True
        if name not in seen:
            seen.add(name)
            waiting += needs.get(name, [])
    return False
