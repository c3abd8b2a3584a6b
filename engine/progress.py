"""What a run tells while it goes on."""

from typing import Any


class Progress:
    """Override what is of interest. All methods may be called from any thread; what they raise ends the run."""

    def advanced(self, group: str, steps: int) -> None:
        """The runs of this group have made so many optimizer steps more, all runs together."""

    def recorded(self, group: str, steps: Any, data: dict[str, Any]) -> None:
        """Some runs of this group have recorded these steps: variable -> (points, seeds, records, ...). Not told of workers in other
        processes, nor where only statistics are stored."""

    def finished(self, group: str, seconds: float) -> None:
        """A shard of this group took so long, in its thread."""

    def looked(self, group: str, probe: str, points: int, total: int) -> None:
        """A probe has looked at so many points more of this group, of so many in all."""
