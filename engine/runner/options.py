"""How a study is to be run."""

from dataclasses import dataclass

from ...specs.errors import SpecError


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How a study is to be run; what it computes does not depend on these, but for the executor's rounding.

    Parameters
    ----------
    device: cpu, cuda, or auto: cuda where there is a device, what it needs is installed and the work is worth it.
    executor: fused (compiled kernels), array (runs everything), or auto: the fused one where it can and pays.
    overwrite: replace an existing store.
    resume: finish an interrupted store, or start it.
    threads: shards simulated at a time; by default one a processor.
    workers: local processes that share the shards (Dask).
    scheduler: the address of a Dask cluster that does.

    Raises
    ------
    SpecError for threads or workers that are no whole number of at least 1.
    """

    device: str = "auto"
    executor: str = "auto"
    overwrite: bool = False
    resume: bool = False
    threads: int | None = None
    workers: int | None = None
    scheduler: str | None = None

    def __post_init__(self) -> None:
        for option in ("threads", "workers"):
            number = getattr(self, option)
            if number is not None and (isinstance(number, bool) or not isinstance(number, int) or number < 1):
                raise SpecError(f"{option}: takes a whole number of at least 1, given {number!r:.40}")
