"""Coverage-guided fuzzing of what reads untrusted text, for a bounded time: python tests/fuzz.py [study|formula] -max_total_time=60

Needs atheris (`make fuzz` installs it). Anything but a SpecError, and a formula's ValueError, is a finding.
"""

import contextlib
import sys

import atheris

with atheris.instrument_imports(include=["thalweg.specs"]):
    from thalweg.specs.errors import SpecError
    from thalweg.specs.expression import Formula, parse
    from thalweg.specs.load import gallery, parse_study


WORDS = ("sin", "exp", "log", "sqrt", "sum", "x[i]", "x", "y", *"**/-+(),0123", "1e308", "__import__", "lambda", "if", "[", "]", ":=")


def study(data: bytes) -> None:
    """A bundled study with a patch from the fuzzer, or the fuzzer's own text."""
    given = atheris.FuzzedDataProvider(data)
    texts = [path.read_text() for path in gallery().values()]
    text = texts[given.ConsumeIntInRange(0, len(texts) - 1)] if given.ConsumeBool() else ""
    at, length = given.ConsumeIntInRange(0, len(text)), given.ConsumeIntInRange(0, 60)
    with contextlib.suppress(SpecError):
        parse_study(text[:at] + given.ConsumeUnicode(200) + text[at + length :])


def formula(data: bytes) -> None:
    """A formula of the language's own words and the fuzzer's text."""
    given = atheris.FuzzedDataProvider(data)
    made = [WORDS[given.ConsumeIntInRange(0, len(WORDS) - 1)] for _ in range(given.ConsumeIntInRange(0, 12))]
    with contextlib.suppress(SpecError, ValueError):
        parse(Formula(" ".join(made) + given.ConsumeUnicode(8), ("x", "y")))


if __name__ == "__main__":
    target = {"study": study, "formula": formula}[sys.argv.pop(1)]
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()
