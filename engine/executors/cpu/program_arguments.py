"""What the driver of compiled programs (drive_programs.py) takes, by name. Caller and driver must import these very classes: Numba compiles for
them."""

from typing import Any, NamedTuple


class Functions(NamedTuple):
    """Addresses of generated functions (tensors/source.py)."""

    gradient: int
    """The gradient at `out`, the loss behind it: on the batch where there is one."""
    looks: int
    """The loss on all data, then the observables that are recorded."""
    rule: int
    average: int


class Flags(NamedTuple):
    """What a study has, and what is recorded."""

    noise: int
    """0, GAUSSIAN or STUDENT_T of arguments.py."""
    clip: int
    """0, BY_VALUE or BY_NORM."""
    xi: bool
    """The rule takes random numbers of its own."""
    batch: int
    """Rows of a minibatch; 0 where there is none."""
    given: bool
    """The rows come from the caller and are not drawn here."""
    samples: int
    """Rows that the batch is drawn from."""
    fresh: int
    """Normal numbers that a step's new samples are made of; 0 where there are none."""
    changes: bool
    """The landscape depends on the step: the loss that an update sees is not the one to record."""
    average: bool
    stops: bool
    keep_loss: bool
    keep_params: bool
    keep_average_loss: bool
    keep_average: bool


class Limits(NamedTuple):
    """Where runs end."""

    above: Any
    below: Any


class Draws(NamedTuple):
    """Where random numbers come from."""

    seeds: Any
    """The seed of every seed's place."""
    noise: Any
    batch: Any
    own: Any
    """Keys of the streams."""
    component: Any
    """What the noise of every component is multiplied by."""
    rows: Any
    """(steps, seeds, batch) where flags.given."""


class State(NamedTuple):
    """Where all runs are, which the driver moves on. Checkpoints keep the fields in this order."""

    iterates: Any
    """(runs, dim and room)."""
    states: Any
    averages: Any
    status: Any
    last_step: Any


class Numbers(NamedTuple):
    """Hyperparameters and what is made of them; a table has one row, or one a point of the sweep."""

    landscape: Any
    """(points or 1, 1 + parameters): the first is the step."""
    drawn: Any
    """(seeds or 1, numbers) of random landscapes."""
    rule: Any
    """(points or 1, 2 + numbers) in float64: the update and the schedule's factor come first."""
    average: Any
    others: Any
    """(points or 1, 4): the noise's scale, df and 2 / df, the threshold of clipping."""
    factors: Any
    """The schedule's, (points or 1, steps of this call) in float64."""


class Room(NamedTuple):
    """Memory for what a call does not keep, one for each thread."""

    arena: Any
    out: Any
    own: Any
    rule: Any
    average: Any
    rows: Any
    normals: Any
    """(2, dim)."""
    xi: Any
    fresh: Any
    """(2, numbers)."""
    looks: Any


class Records(NamedTuple):
    """What is recorded when, and where it goes."""

    marks: Any
    place: int
    observed: int
    """How many observables."""
    scalars: Any
    """(variables, runs, records)."""
    params: Any
    """(runs, records, dim)."""
    averages: Any
