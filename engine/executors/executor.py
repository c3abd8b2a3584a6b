"""Which executor, and where."""

from dataclasses import dataclass
from typing import Literal, get_args

from ...specs.errors import SpecError

Kind = Literal["array", "fused"]
Device = Literal["cpu", "cuda"]


@dataclass(frozen=True)
class Executor:
    """The array executor or the fused one, on the processor or on the CUDA device. A store keeps its text: fused, array-cuda."""

    kind: Kind = "array"
    device: Device = "cpu"

    def __str__(self) -> str:
        return self.kind if self.device == "cpu" else f"{self.kind}-{self.device}"

    @classmethod
    def of(cls, text: "str | Executor") -> "Executor":
        """From its text, as a store has it. Raises SpecError if that is none.

        >>> Executor.of("fused-cuda")
        Executor(kind='fused', device='cuda')
        """
        for executor in (cls(kind, device) for kind in get_args(Kind) for device in get_args(Device)):
            if str(text) == str(executor):
                return executor
        raise SpecError(f"there is no executor '{text!s:.40}'")
