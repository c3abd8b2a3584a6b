"""Compiles the programs of a study over tensors, or takes them from the cache on disk."""

import contextlib
from collections.abc import Callable

from ..codegen.disk_cache import is_cached, load
from ..tensors.programs import Programs
from .compile_ahead import ahead
from .program_arguments import Functions
from .specialise import specialise


def modules(made: Programs, precision: str) -> dict[str, str]:
    """The text of all that is compiled, by what it is."""
    texts = {"driver": specialise("drive_programs", (("PRECISION", precision),))}
    parts = {"gradient": made.gradient, "looks": made.looks, "rule": made.rule.compute, "average": made.average and made.average.compute}
    return texts | {f"program {name}": part.text for name, part in parts.items() if part is not None}


def compiled(made: Programs, precision: str) -> tuple[Callable[..., None], Functions]:
    """(drive, the addresses it takes). For one simulation alone (llvm.unchecked)."""
    texts = modules(made, precision)
    new = [name for name in texts if not is_cached(texts[name])]
    with ahead([texts[new[0]]]) if len(new) > 1 else contextlib.nullcontext():  # the largest of them comes first
        for name in new[1:]:
            load(texts[name])
    driver, gradient, looks, rule = (load(texts[name]) for name in ("driver", "program gradient", "program looks", "program rule"))
    average = load(texts.get("program average", texts["program rule"]))
    from .llvm import address, unchecked

    return unchecked(driver.drive), Functions(
        gradient=address(gradient.compute, driver.COMPUTE),
        looks=address(looks.compute, driver.COMPUTE),
        rule=address(rule.rule, driver.RULE),
        average=address(average.rule, driver.RULE),
    )
