"""What all parts of generated source share: kernels, each once however often it is called, and numbers alone as statements."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from ....specs.program.node import Node
from .loops import ELEMENTWISE, Loop, Schedule
from .nest import literal, typed
from .places import VIEWS

NAMES = re.compile(r"\b([a-z_][a-z_0-9]*)\(")


@dataclass
class Writer:
    """The text of one program."""

    schedule: Schedule
    precision: str
    lanes: int
    exact: bool = False
    """Numbers alone are float64, whatever the precision of arrays."""
    kernels: dict[str, str] = field(default_factory=dict)
    """The text of a function without its name -> its name."""
    calls: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    operations: float = 0.0
    lapack: float = 0.0
    """Of these, what routines of LAPACK do."""
    products: dict[tuple[int | bool, ...], str] = field(default_factory=dict)
    turns: dict[tuple[int, int], str] = field(default_factory=dict)
    routines: set[str] = field(default_factory=set)
    """Of LAPACK, by their names in Numba's library."""
    workspace: int = 0
    """Numbers of memory that one of them takes behind the arena."""

    def call(
        self, parameters: Sequence[str], body: Sequence[str], arguments: Sequence[str], kinds: Sequence[str], ends: str = "as_vectors"
    ) -> None:
        """A kernel with this body, shared by all that have the same, and a call of it.

        Parameters
        ----------
        parameters, body
            Of the kernel.
        arguments, kinds
            What it is called with, and of which kind that is: a pointer or a number.
        ends
            What is called last in it (pointers.py), if anything.
        """
        text = (
            f"({', '.join(parameters)}):\n    vectorised()\n    estimates()\n"
            + "".join(f"    {line}\n" for line in body)
            + (f"    {ends}()\n" if ends else "")
        )
        signature = f"@njit(types.void({', '.join(kinds)}), **JIT)\n"
        name = self.kernels.setdefault(signature + "def {}" + text.replace("{", "{{").replace("}", "}}"), f"k{len(self.kernels)}")
        self.calls.append(f"{name}({', '.join(arguments)})")

    def scalar(self, n: Node) -> str:
        """A number as text of the calling function."""
        while n.function.name in VIEWS:
            (n,) = n.args
        if n.is_number:
            return literal(n.number)
        if n.function.name == "input" and self.schedule.places[id(n)].base == "scalar":
            return f"s{self.schedule.places[id(n)].offset}"
        return f"v{self.index(n)}"

    def index(self, n: Node) -> int:
        """The number of a node in the program's order."""
        return self.indices[id(n)]

    @cached_property
    def indices(self) -> dict[int, int]:
        """The numbers of all nodes, by id."""
        return {id(m): k for k, m in enumerate(self.schedule.order)}

    def text_of(self, n: Node, args: Sequence[str]) -> str:
        """An elementwise operation on these texts."""
        text = ELEMENTWISE[n.function.name].format(*args)
        self.used |= set(NAMES.findall(ELEMENTWISE[n.function.name])) - {"not"}
        return text

    def numbers_alone(self, loop: Loop) -> None:
        """Statements for numbers."""
        for n in loop.computed:
            args = [self.read_number(a) for a in n.args]
            if self.exact:
                text = (
                    NAMES.sub(lambda found: f"exact_{found[1]}(", ELEMENTWISE[n.function.name])
                    .replace("F(", "float(")
                    .replace("exact_far_", "math.")
                    .format(*args)
                )
            else:
                text = self.text_of(n, args)
            self.calls.append(f"v{self.index(n)} = {text}")

    def read_number(self, a: Node) -> str:
        """A number wherever it lies, as text of the calling function."""
        if self.schedule.is_scalar(a):
            text = self.scalar(a)
            return text.replace("F(", "(") if self.exact else text
        place = self.schedule.place(a)
        text = typed(a, f"{place.base}[{place.offset}]")
        return f"np.float64({text})" if self.exact and a.kind == "float" else text
