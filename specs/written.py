"""Trees as program text: what is used twice gets a name, the rest is written where it is used."""

from collections import Counter
from collections.abc import Iterator

from .tree import COMPARISONS, Node, ordered

DEPTH = 16
"""So many operations are written inside one another at most."""


class Writer:
    """Writes the nodes below some outputs; `text` has what is written for each, at first for symbols. The program's text for numbers,
    functions and powers is the subclass's."""

    def __init__(self, text: dict[Node, str]):
        self.text = dict(text)

    def statements(self, outputs: list[Node]) -> Iterator[tuple[Node, str, str]]:
        """(node, name, text) of every node with a name of its own, in the order in which they can be computed."""
        nodes = ordered(outputs)
        uses = Counter(a for e in nodes for a in e.args)
        uses.update(outputs)
        alone = {a for e in nodes for a in e.args if self.apart(e, a)}
        depth: dict[Node, int] = {}
        count = 0
        for e in nodes:
            if e.kind == "symbol":
                depth[e] = 0
                continue
            shown, depth[e] = self.show(e), 1 + max((depth[a] for a in e.args), default=-1)
            if e.args and (uses[e] > 1 or depth[e] > DEPTH or e in alone):
                depth[e], name = 0, f"s{count}"
                count += 1
                yield e, name, shown
                shown = name
            self.text[e] = shown

    def apart(self, e: Node, a: Node) -> bool:
        """Whether `a`, which `e` is made of, is computed in another place and so needs a name."""
        return False

    def show(self, e: Node) -> str:
        text = self.text
        match e.kind:
            case "number":
                return self.number(e.value)
            case "truth":
                return str(e.data)
            case "add":
                return f"({text[e.args[0]]}{self.added(e.args[1])})"
            case "multiply" | "divide":
                first, second = (text[a] for a in e.args)
                if e.kind == "multiply" and e.args[0].is_number and e.args[0].value == -1:
                    return f"(-{second})"
                left = first[1:-1] if e.args[0].kind == "multiply" and first.startswith("(") else first  # a*b*c
                return f"({left} {'*' if e.kind == 'multiply' else '/'} {second})"
            case kind if kind in COMPARISONS:
                return f"({text[e.args[0]]} {kind} {text[e.args[1]]})"
        return self.function(e)

    def added(self, b: Node) -> str:
        """' + b', or ' - c' if b is -c."""
        if b.kind == "multiply" and b.args[0].is_number and b.args[0].value < 0 and self.text[b].startswith("("):
            size, rest = -b.args[0].value, self.text[b.args[1]]
            return f" - {rest}" if size == 1 else f" - {self.number(size)} * {rest}"
        if b.is_number and b.value < 0:
            return f" - {self.number(-b.value)}"
        return f" + {self.text[b]}"

    def number(self, value: float) -> str:
        raise NotImplementedError

    def function(self, e: Node) -> str:
        """The text of a function, a power or a choice."""
        raise NotImplementedError
