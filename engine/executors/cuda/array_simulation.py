"""The array executor on a CUDA device: CuPy in NumPy's place, records and checkpoints copied to the host.

Random numbers are made on the device by the same operations on the same whole numbers. A block of records stays on the device until it is
full, and is then copied at once.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ...store.checkpoint import Checkpoint
from ..array.simulation import NOTHING, Tick
from ..outcome import Block, Outcome


class DeviceSimulation:
    """A simulation whose arrays are on the device; `run` gives out NumPy's."""

    def __init__(self, simulation: Any, to_host: Callable[[Any], np.ndarray] | None = None):
        self.simulation, self.to_host = simulation, to_host or _from_cupy

    def run(self, tick: Tick | None = None, checkpoint: Checkpoint = NOTHING) -> Iterator[Block | Outcome]:
        """As that of the simulation."""
        for made in self.simulation.run(tick, DeviceCheckpoint(checkpoint.part("cuda"), self.to_host)):
            if isinstance(made, Block):
                yield Block(made.start, made.stop, {name: self.to_host(values) for name, values in made.data.items()})
            else:
                yield Outcome(self.to_host(made.status), self.to_host(made.last_step))


class DeviceCheckpoint(Checkpoint):
    """A checkpoint that copies to the host what it keeps."""

    def __init__(self, checkpoint: Checkpoint, to_host: Callable[[Any], np.ndarray]):
        super().__init__(checkpoint.file, checkpoint.key, checkpoint.settle)
        self.to_host = to_host

    def save(self, arrays: dict[str, Any]) -> None:
        super().save({name: value if isinstance(value, (int, float)) else self.to_host(value) for name, value in arrays.items()})


def _from_cupy(values: Any) -> np.ndarray:
    """A copy in page-locked memory, which the device writes to at full speed."""
    import cupyx  # type: ignore[import-not-found]

    made = cupyx.empty_pinned(values.shape, values.dtype)
    values.get(out=made)
    return made
