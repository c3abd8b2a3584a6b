"""From a file of stages to stages: what each takes over from others, and where its runs begin."""

import copy
import re
from collections.abc import Callable, Iterable
from typing import Any

from .errors import SpecError, suggest
from .plain import Key, Source
from .settings import change
from .stage_claims import read_claims
from .stage_file import ALONE, MOST, STAGE, WHOLE, StageFile
from .stage_formulas import with_repetition
from .stages import Stage, Stages, names_of_stores
from .study import Study
from .sweep import Sweep


class Program(StageFile):
    """Makes stages of a file's data, one after the other; `make` checks a stage's data and returns its Study. `part` is what each is called."""

    def __init__(
        self,
        source: Source,
        settings: Iterable[tuple[str, Any, str, str]],
        make: Callable[[Source, Iterable[str]], Study],
        part: str = "stage",
    ):
        super().__init__(source)
        self.make, self.settings, self.part = make, list(settings), part
        self.sources: dict[str, Source] = {}

    def expand(self) -> Stages:
        """All stages. Raises SpecError with every problem found."""
        data = self.source.data
        listed = data["stages"]
        if not isinstance(listed, list) or not listed:
            self.fail(("stages",), "stages: must be a list of at least one stage")
        self.stop()
        for one in listed:
            for key, value, _, _ in self.settings:
                if isinstance(one, dict) and key == f"{one.get('name')}.at":
                    one["at"] = copy.deepcopy(value)
        for k, one in enumerate(listed):
            self.check_keys(k, one)
        self.check_file(data)
        self.stop()
        names = [one["name"] for one in listed]
        self.check_order(listed, names)
        self.stop()
        for k, one in enumerate(listed):
            count = one.get("repeat")
            if count is None:
                self.add(k, one["name"], one, one.get("from"), None)
            for r in range(count or 0):
                before = f"{one['name']}_{r - 1}" if r else one.get("from")
                self.add(k, f"{one['name']}_{r}", with_repetition(one, r, lambda p, k=k: self.source.at(("stages", k, *p))), before, r)
            self.stop()
        for key, _, shown, _ in self.settings:
            head = key.partition(".")[0]
            if head in names and head not in self.stages and f"{head}_0" not in self.stages:
                self.problems.append(f"{shown}: there is no stage '{head}'")
        self.stop()
        for part in ("claims", "probes"):
            self.check_named(part)
        self.stop()
        claims = read_claims(self, data.get("claims", []))
        return Stages(
            self.text("name") or "stages", self.text("title"), self.text("source"), tuple(self.stages.values()), claims, self.part
        )

    def add(self, k: int, name: str, one: dict[str, Any], origin: Any, repetition: int | None) -> None:
        """Make one stage, or one repetition of it."""
        if len(self.stages) >= MOST:
            self.fail(("stages", k), f"stages: more than {MOST} stages, repetitions counted")
            return
        if name in self.stages:
            self.fail(("stages", k, "name"), f"stages[{k}].name: two stages are called '{name}'")
            return
        source = self.merged(k, one, origin)
        if origin is not None and not isinstance(origin, str):
            self.fail(("stages", k, "from"), f"stages[{k}].from: must be the name of a stage, given {origin!r:.60}")
            return
        if source is None:
            return
        needs = [self.latest(stage) for stage, _ in self.needed(one)]
        if origin:
            origin, _, group = origin.partition(".")
            origin = self.latest(origin)
            needs.append(origin)
            self.begin(k, source, one, origin, group, repetition)
        self.resolve_mix(k, source)
        for label, used in one.get("uses", {}).items():
            self.use(k, source, str(label), used)
        for part in ("claims", "probes"):
            self.give(k, name, source, part)
        source.data["name"] = f"{self.text('name') or 'stages'}.{name}"[:100]
        source.data.setdefault("title", f"{self.text('title') or self.text('name') or 'Stages'}: {name}"[:1000])
        if self.problems:
            return
        for key, value, shown, place in self.settings:
            head, _, rest = key.partition(".")
            if rest == "at" and head == one["name"]:
                continue  # which the stage has since the file was read
            if rest and head in (name, one["name"]):
                self.change(source, rest, value, shown, place)
            elif head not in self.heads():
                self.change(source, key, value, shown, place)
        try:
            study = self.make(source, self.stages)
        except SpecError as error:
            self.problems += (
                error.problems if self.source.places else [f"{p.removesuffix(': ')} ({self.part} {name})" for p in error.problems]
            )
            return
        self.sources[name] = source
        self.stages[name] = Stage(name, study, origin or "", tuple(dict.fromkeys([*needs, *names_of_stores(study)])))

    def give(self, k: int, name: str, source: Source, part: str) -> None:
        """Give a stage what the end of the file says of it: claims and probes that name it as their `stage`."""
        listed: Any = self.source.data.get(part, [])
        for n, entry in enumerate(listed if isinstance(listed, list) else ()):
            said: dict[str, Any] = entry if isinstance(entry, dict) else {}
            if said.get("stage") in (name, self.source.data["stages"][k]["name"]):
                own: Any = source.data.setdefault(part, [])
                if isinstance(own, list):
                    own.append({key: value for key, value in said.items() if key != "stage"})
                    head: Key = (part, len(own) - 1)
                    source.places |= {head + p: at for p, at in self.below(part, n).items()}

    def below(self, *head: str | int) -> dict[Key, Any]:
        """The places of what lies at this path of the file, by the rest of their paths."""
        return {p[len(head) :]: at for p, at in self.source.places.items() if p[: len(head)] == head}

    def latest(self, name: str) -> str:
        """The stage of this name; of a repeated one the last repetition."""
        if name in self.stages:
            return name
        return max(
            (s for s in self.stages if re.fullmatch(rf"{re.escape(name)}_\d+", s)), key=lambda s: int(s.rpartition("_")[2]), default=name
        )

    def merged(self, k: int, one: dict[str, Any], origin: Any) -> Source | None:
        """What a stage says, on top of what it takes over, with the places of both."""
        base: Source | None = None
        if isinstance(origin, str):
            base = self.sources.get(self.latest(origin.partition(".")[0]))
            if base is None:
                self.fail(("stages", k, "from"), f"stages[{k}].from: there is no stage '{origin:.60}'")
                return None
        common = {key: value for key, value in self.source.data.items() if key not in WHOLE}
        data = {key: value for key, value in (base.data if base else common).items() if key not in ALONE}
        places = {p: at for p, at in (base.places if base else self.source.places).items() if p and p[0] in data}
        own = {key: value for key, value in one.items() if key not in STAGE}
        places = {p: at for p, at in places.items() if p[0] not in own}
        places |= {p: at for p, at in self.below("stages", k).items() if not p or p[0] in own}
        made = Source(self.source.name, copy.deepcopy({**data, **own}), places)
        if base is not None and "record" not in own and isinstance(record := made.data.get("record"), dict):
            record.pop("state", None)  # whose steps are those at which others leave that stage
        for key, value in one.get("set", {}).items():
            place = self.source.at(("stages", k, "set", key))
            self.change(made, str(key), value, f"{place}: stages[{k}].set.{key}", place)
        return made

    def change(self, source: Source, key: str, value: Any, shown: str, place: str) -> None:
        try:
            change(source, key, copy.deepcopy(value), shown, place)
        except SpecError as error:
            self.problems += error.problems

    def begin(self, k: int, source: Source, one: dict[str, Any], origin: str, group: str, repetition: int | None) -> None:
        """Have a stage begin where the stage `origin` was."""
        other = self.stages[origin].study
        at, path = one.get("at"), ("stages", k, "at" if "at" in one else "from")
        steps = at if isinstance(at, list) else [other.steps if at is None else at]
        if not steps or not all(isinstance(t, int) and not isinstance(t, bool) for t in steps):
            self.fail(path, f"stages[{k}].at: must be a step, or a list of steps, given {at!r:.60}")
            return
        if group and group not in (known := [o.name for o in other.optimizers]):
            self.fail(
                ("stages", k, "from"),
                f"stages[{k}].from: {origin} has no optimizer '{group:.60}'{suggest(group, known)} (it has {', '.join(known)})",
            )
            return
        if one.get("keep", "state") == "params":
            entry = {"store": origin} | ({"group": group} if group else {})
            past = self.past(origin, source)
            if "init" in one:
                self.fail(
                    ("stages", k, "init"),
                    f"stages[{k}].init: the stage begins with the parameters of {origin}; leave out `init`, or `from`",
                )
            self.check_recorded(path, f"stages[{k}].at", origin, steps)
            source.data["init"] = (
                {"kind": "mix", "of": [entry], "weights": [1.0]} | ({} if at is None else {"at": at}) | ({"past": past} if past else {})
            )
            source.places = {p: place for p, place in source.places.items() if p[:1] != ("init",)}
            return
        if "init" in one:
            self.fail(
                ("stages", k, "init"), f"stages[{k}].init: the stage begins with the states of {origin}; leave out `init`, or keep: params"
            )
        if repetition is not None and "steps" in one:
            source.data["steps"] = steps[0] + one["steps"] if isinstance(one["steps"], int) else one["steps"]
        missing = [t for t in steps if t not in other.record.state]
        if missing and at is None:
            self.keep_state(origin, other.steps)
        elif missing:
            have = f"it stores those of {', '.join(map(str, other.record.state))}" if other.record.state else "it stores none"
            self.fail(
                path, f"stages[{k}].at: {origin} has no states of step {missing[0]} ({have}); give {origin} record: {{state: {steps}}}"
            )
        source.data["branch"] = {"store": origin, "at": at if at is not None else steps[0]} | ({"group": group} if group else {})
        if past := self.past(origin, source, starts=False):
            source.data["branch"]["past"] = past

    def past(self, origin: str, source: Source, starts: bool = True) -> dict[str, list[Any]]:
        """The dimensions along which a stage's runs were begun: what goes on from them has the same, under a name of that stage. `starts`: also
        where starts were swept."""
        other = self.stages[origin].study
        found: dict[str, Any] = {} if other.branch is None else {**other.branch.past, f"{origin}_at": other.branch.at}
        if source.data.get("noise_seed") != self.sources[origin].data.get("noise_seed"):
            found[f"{origin}_noise_seed"] = other.noise_seed
        for path, (sweep, _) in other.start().swept().items() if starts else ():
            found[path[-1] if path[0] == "past" else f"{origin}_{path[-1]}"] = sweep
        return {name: list(values.values) for name, values in found.items() if isinstance(values, Sweep)}

    def keep_state(self, name: str, step: int) -> None:
        """Have a stage store its states of this step, which the next one begins with."""
        stage = self.stages[name]
        state = tuple(sorted({*stage.study.record.state, step}))
        try:
            record = stage.study.record.replace({("state",): state})
        except ValueError:
            self.problems.append(
                f"{self.source.name}: the stage {name} stores only statistics, and another begins with its states; leave out `stats`"
            )
            return
        self.stages[name] = Stage(name, stage.study.model_copy(update={"record": record}), stage.origin, stage.needs)

    def check_recorded(self, path: Key, key: str, name: str, steps: Iterable[int]) -> None:
        """Parameters of these steps are stored by that stage."""
        study = self.stages[name].study
        names, record = study.record.names, study.record
        kept = set(record.state) | (
            set() if record.stats or (names is not None and "params" not in names) else set(record.steps(study.steps).tolist())
        )
        if missing := [t for t in steps if t not in kept]:
            if record.stats:
                why = "it stores only statistics; leave out `stats`"
            elif not kept:
                why = "record params there"
            else:
                near = sorted(kept, key=lambda t: abs(t - missing[0]))[:2]
                why = f"the nearest that are stored: {' and '.join(map(str, sorted(near)))}"
            self.fail(path, f"{key}: {name} has no parameters of step {missing[0]} ({why})")

    def resolve_mix(self, k: int, source: Source) -> None:
        """Put stores in the place of stages' names in a start that is a mix."""
        init = source.data.get("init")
        if not isinstance(init, dict) or init.get("kind") != "mix" or not isinstance(init.get("of"), list):
            return
        at = init.get("at")
        for n, entry in enumerate(init["of"]):
            if isinstance(entry, str) and entry != "fresh":
                name, _, group = entry.partition(".")
                if (name := self.latest(name)) not in self.stages:
                    self.fail(("stages", k, "init"), f"stages[{k}].init.of: there is no stage '{entry:.60}' before this one")
                    continue
                study, path = self.stages[name].study, ("stages", k, "init")
                if group and group not in (known := [o.name for o in study.optimizers]):
                    self.fail(path, f"stages[{k}].init.of: {name} has no optimizer '{group:.60}' (it has {', '.join(known)})")
                steps = at if isinstance(at, list) else [study.steps if at is None else at]
                if all(isinstance(t, int) for t in steps):
                    self.check_recorded(path, f"stages[{k}].init.at", name, steps)
                init["of"][n] = {"store": name} | ({"group": group} if group else {})
                if past := {**init.get("past", {}), **self.past(name, source)}:
                    init["past"] = past

    def use(self, k: int, source: Source, label: str, used: Any) -> None:
        """Give the formula an array that is a variable of another stage."""
        path, key = ("stages", k, "uses", label), f"stages[{k}].uses.{label}"
        given = {"of": used} if isinstance(used, str) else used
        if not isinstance(given, dict) or not isinstance(given.get("of"), str) or {*given} - {"of", "at", "seed"}:
            self.fail(path, f"{key}: must be STAGE.VARIABLE, or a mapping with of, at and seed")
            return
        first, *middle, variable = given["of"].split(".") if "." in given["of"] else (given["of"], "")
        name, group = self.latest(first), ".".join(middle)
        if name not in self.stages:
            self.fail(path, f"{key}: there is no stage '{first:.60}' before this one")
            return
        study = self.stages[name].study
        known = study.landscape.places
        if variable not in known:
            self.fail(path, f"{key}: {name} has no variable '{variable:.60}'{suggest(variable, known)} (it has {', '.join(known)})")
            return
        if group and group not in (labels := [o.name for o in study.optimizers]):
            self.fail(path, f"{key}: {name} has no optimizer '{group:.60}' (it has {', '.join(labels)})")
            return
        if len(study.optimizers) > 1 and not group and not self.same_groups(source, study):
            self.fail(path, f"{key}: {name} has several optimizers; say whose: {name}.{study.optimizers[0].name}.{variable}")
            return
        at = given.get("at", study.steps)
        if isinstance(at, int):
            self.check_recorded(path, f"{key}.at", name, [at])
        land = source.data.get("landscape")
        if not isinstance(land, dict) or land.get("kind") != "expression":
            self.fail(path, f"{key}: needs a formula over tensors, a landscape of kind expression with named variables")
            return
        entry = {"store": name, "group": group, "variable": variable, "shape": list(known[variable][1])}
        entry |= {part: given[part] for part in ("at", "seed") if part in given}
        if not isinstance(land.get("uses", {}), dict):
            return
        land["uses"] = {**land.get("uses", {}), label: entry}
        for p in ((), ("store",), ("at",), ("seed",)):
            source.places[("landscape", "uses", label, *p)] = self.source.at(path)

    def same_groups(self, source: Source, study: Study) -> bool:
        """Whether the stage has the optimizers of the other one, by name."""
        units = source.data.get("optimizers")
        named = [(u.get("label") or u.get("kind")) if isinstance(u, dict) else u for u in units] if isinstance(units, list) else []
        return {*named} <= {o.name for o in study.optimizers}
