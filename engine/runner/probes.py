"""Drives the probes of a store: piece by piece, in threads, into the store. What is complete stays, so a run that was cut off goes on."""

import functools
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from ...specs.errors import RunError, ThalwegError
from ..cores import cores
from ..plan import Plan
from ..probes._view import view_of
from ..progress import Progress
from ..store.look import Look, Piece
from ..store.probes import stored_looks, todo, write
from ..store.store import Store
from .threads import Cancelled, do_all, how_to_go_on, stopped


def probe_runs(store: Store, progress: Progress | None = None, threads: int | None = None, wanted: list[Look] | None = None) -> None:
    """Compute every piece of the store's probes that is not complete yet, in `threads` threads (default: one a core), each with its linear algebra
    in one, so that the bits do not depend on either. `wanted` restricts it to some probes."""
    pieces = [piece for look in (stored_looks(store.root, store.plan) if wanted is None else wanted) for piece in todo(store.root, look)]
    drive_pieces(pieces, store, progress, threads)


def drive_pieces(pieces: list[Piece], store: Store, progress: Progress | None = None, threads: int | None = None) -> None:
    """Compute and write these pieces; what one raises ends all."""
    if not pieces:
        return
    most, over = max(1, min(threads or cores(), len(pieces))), threading.Event()
    with threadpool_limits(limits=1), ThreadPoolExecutor(most) as pool:
        do_all((functools.partial(_work, piece, store, over, progress) for piece in pieces), pool, most, over)


def _work(piece: Piece, store: Store, over: threading.Event, progress: Progress | None) -> None:
    """One piece from stored parameters to its completion mark."""
    if over.is_set():
        raise Cancelled
    look = piece.look
    try:
        found = computed(piece, store.root, store.plan)
    except (Cancelled, ThalwegError):
        raise
    except Exception as error:
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise RunError(f"{look.probe.name} of {look.group.name} raised {what}{how_to_go_on(store)}") from error
    try:
        write(store.root, piece, found)
    except OSError as error:
        raise stopped(error, store) from error
    if progress:
        progress.looked(look.group.name, look.probe.name, piece.points, int(np.prod(list(look.sizes.values()))))


def computed(piece: Piece, root: Any, plan: Plan) -> dict[str, Any]:
    """A piece's arrays: (its points along the dimensions that are kept, own dimensions...) each; NaN where a run had diverged."""
    look = piece.look
    view = view_of(root, plan, look.group, piece.box[:-1], piece.steps.tolist())
    with np.errstate(all="ignore"):
        found = look.probe.look(view)
    if look.consumed:
        return found
    made = {}
    for name in look.arrays:
        values = np.asarray(found[name], dtype=np.float64)
        blank = view.valid.reshape(*view.valid.shape, *(1,) * (values.ndim - 2))
        made[name] = view.grid(np.where(blank, values, np.nan))
    return made
