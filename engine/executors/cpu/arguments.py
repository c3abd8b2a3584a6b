"""What the drivers (drive_points.py, drive_swarms.py) take, by name. Caller and drivers must import these very classes: Numba compiles for them.

A block is W lanes, a run each; what is said to have some rows is (rows, W). None stands for what one of the drivers has no use for.
"""

from typing import Any, NamedTuple

GAUSSIAN, STUDENT_T = 1, 2
BY_VALUE, BY_NORM = 1, 2
"""Kinds of noise, and of clipping."""


class State(NamedTuple):
    """Where all runs are, which the driver moves on. Checkpoints keep the fields in this order."""

    iterates: Any
    """(blocks, dim, W); of swarms (blocks, particles, dim, W), where the consensus is the iterate that is recorded."""
    states: Any
    """The rule's: (blocks, states, dim, W); of swarms (blocks, particles, states, dim, W)."""
    averages: Any
    """Of the iterate: (blocks, dim, W); (blocks, 0, W) where there is none."""
    status: Any
    """(blocks, W)."""
    last_step: Any
    """(blocks, W)."""


class Numbers(NamedTuple):
    """Hyperparameters and what is made of them, in tables (tables, rows, 1 or W): 1 where all runs of a block have the same."""

    landscape: Any
    landscape_of: Any
    """Which table of the landscape a block has."""
    rule: Any
    average: Any
    others: Any
    """Of points the noise's scale, df and 2 / df, and the threshold of clipping; of swarms alpha, its growth a step, its largest value."""
    rule_of: Any
    """Which table of the rule, the average and the others a block has."""
    factors: Any = None
    """The schedule's, a row a step of this call."""
    factors_of: Any = None
    """Which table of factors a block has."""


class Draws(NamedTuple):
    """Where random numbers come from."""

    seeds: Any
    """(blocks, W)."""
    keys: Any
    """The streams of the noise and of the rule's own numbers."""
    component: Any = None
    """What the noise of every component is multiplied by, of points."""


class Limits(NamedTuple):
    """Where runs end."""

    above: Any
    """A loss above this has diverged."""
    below: Any
    """A loss below this is enough, if flags.stops."""
    box: Any
    """How far from the origin no run diverges; 0 if the landscape is to give the loss at every step, and the gradient with it."""


class Flags(NamedTuple):
    """What a study has, and what is recorded."""

    noise: int
    """0, GAUSSIAN or STUDENT_T."""
    clip: int
    """0, BY_VALUE or BY_NORM."""
    xi: bool
    """The rule takes random numbers of its own."""
    average: bool
    stops: bool
    per_lane: bool
    """Every lane has hyperparameters of its own."""
    keep_loss: bool
    keep_params: bool
    keep_average_loss: bool
    keep_average: bool
    keep_swarm: bool


class Prelude(NamedTuple):
    """What preludes read and write (rule_source.py)."""

    update: Any
    """(W,) the numbers of the updates."""
    factor: Any
    """(W,) the schedule's."""
    rule: Any
    average: Any
    """Rows of what depends on hyperparameters and step alone."""
    rule_powers: Any
    average_powers: Any
    """Rows of powers, if flags.per_lane."""


class Room(NamedTuple):
    """Memory for what a call does not keep."""

    loss: Any
    """(W,)."""
    spare: Any
    """dim rows."""
    spare_row: Any
    """(W,)."""
    land_scratch: Any
    rule_scratch: Any
    """Rows that the landscape and the rule sum in; of swarms the rule's last row is the loss at the consensus."""
    observed: Any
    """A row an observable."""
    prelude: Prelude
    others: Any
    """4 rows, the block's of Numbers.others."""
    xi: Any
    """The rule's random numbers, (steps, dim, W); of swarms (steps, particles * dim, W)."""
    words: Any
    """4 rows, a Philox block of every lane."""
    fine: Any
    """(W,) marks."""
    tile: Any
    """(records, rows, W): what is recorded, before it is transposed."""
    gradient: Any = None
    """dim rows, of points."""
    normals: Any = None
    """The noise of points, (steps, dim, W)."""
    consensus: Any = None
    """dim rows."""
    values: Any = None
    """The landscape's, a row a particle."""
    weighing: Any = None
    """3 rows for the consensus: the lowest value, the sum of the weights, alpha."""
    no_states: Any = None
    """(0, dim, W)."""


class Records(NamedTuple):
    """What is recorded when, and where it goes."""

    marks: Any
    """The steps at which to record in this call."""
    place: int
    """Where the first of them goes."""
    first_run: Any
    """Of every block."""
    valid: Any
    """How many lanes of every block hold a run; those beyond are padding."""
    observables: Any
    """The places of those that are recorded among the landscape's."""
    scalars: Any
    """(variables, runs, records): the loss, observables, the loss of the average."""
    params: Any
    """(runs, records, dim)."""
    averages: Any
    """(runs, records, dim)."""
    swarms: Any = None
    """(runs, records, particles, dim)."""


class Functions(NamedTuple):
    """Addresses of the generated functions (formula_source.py, rule_source.py)."""

    landscape: int
    observe: int
    prelude: int
    rule: int
    average_prelude: int
    average_rule: int
    slope: int
    slope_far: int
