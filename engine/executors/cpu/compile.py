"""Compiles what a study needs on the processor: the generated modules, and the package's own files for their precision and lane width."""

import contextlib
from typing import Any

from ..codegen.disk_cache import is_cached, load, place
from ..codegen.sources import Sources
from .arguments import Functions
from .compile_ahead import ahead
from .specialise import specialise


def modules(sources: Sources, seldom: bool) -> dict[str, str]:
    """The text of all that is compiled. `seldom` is that of drive_points.py."""
    lanes = specialise("lane_functions", (("PRECISION", sources.precision), ("W", sources.lanes)))
    constants: dict[str, str | int | bool] = {"CHANGES": sources.changes}
    if sources.driver == "drive_points":
        constants["SELDOM"] = seldom
    driver = specialise(sources.driver, tuple(constants.items()), ((f"{__package__}.lane_functions", place(lanes).stem),))
    return {"lanes": lanes, "driver": driver, "landscape": sources.landscape, "rule": sources.rule, "average": sources.average}


def compiled(sources: Sources, seldom: bool = True) -> tuple[Any, Functions]:
    """(drive, the addresses it takes), compiled or from the cache on disk; their modules stay loaded. For one simulation alone (llvm.unchecked)."""
    texts = modules(sources, seldom)
    other_half = contextlib.nullcontext() if is_cached(texts["driver"]) else ahead([texts["lanes"], texts["driver"], sources.landscape])
    with other_half:
        lanes, rule, average = map(load, (texts["lanes"], sources.rule, sources.average))
    driver, landscape = load(texts["driver"]), load(sources.landscape)
    from .llvm import address, unchecked  # imports Numba, which the other process need not wait for

    slope, slope_far = (landscape.slope, landscape.slope_far) if sources.apart else (landscape.landscape,) * 2
    return unchecked(driver.drive), Functions(
        landscape=address(landscape.landscape, lanes.LANDSCAPE),
        observe=address(landscape.observe, lanes.OBSERVE),
        prelude=address(rule.prelude, lanes.PRELUDE),
        rule=address(rule.rule, lanes.RULE),
        average_prelude=address(average.prelude, lanes.PRELUDE),
        average_rule=address(average.rule, lanes.RULE),
        slope=address(slope, lanes.LANDSCAPE),
        slope_far=address(slope_far, lanes.LANDSCAPE),
    )
