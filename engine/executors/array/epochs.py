"""Minibatches without replacement: which rows each step sees. They follow from the step alone, so a run goes on anywhere with the same ones."""

from typing import Any

from .. import philox

ORDER_BYTES = 16 * 2**20
"""The random keys of several seeds are sorted at once; they stay below this."""


class Epochs:
    """The rows (seeds, size) of each step: all rows in an order, cut into batches. Those that make no whole batch are left out of the epoch.

    `sampling` is reshuffle (every seed a new order every epoch), shuffle_once (every seed its own, the same in every epoch) or in_order (that
    of the data).
    """

    def __init__(self, root_seed: int, seeds: Any, count: int, size: int, sampling: str, xp: Any):
        self.root_seed, self.seeds, self.count, self.size, self.sampling, self.xp = root_seed, seeds, count, size, sampling, xp
        self.epoch = -1
        self.order: Any = None

    def at(self, step: int) -> Any:
        """The rows of one step."""
        xp = self.xp
        epoch, batch = divmod(step, self.count // self.size)
        first = batch * self.size
        if self.sampling == "in_order":
            return xp.broadcast_to(xp.arange(first, first + self.size, dtype=xp.int64), (len(self.seeds), self.size))
        epoch = 0 if self.sampling == "shuffle_once" else epoch
        if epoch != self.epoch:
            self.epoch, self.order = epoch, None  # the last one goes before the next is made
            self.order = self.orders(epoch)
        return xp.astype(self.order[:, first : first + self.size], xp.int64)

    def orders(self, epoch: int) -> Any:
        """The order of every seed in this epoch, (seeds, count)."""
        most = max(1, ORDER_BYTES // (64 * self.count))
        parts = [self.seeds[k : k + most] for k in range(0, len(self.seeds), most)]
        made = [philox.order(self.root_seed, philox.BATCH, part, epoch, self.count, self.xp) for part in parts]
        return made[0] if len(made) == 1 else self.xp.concat(made, axis=0)
