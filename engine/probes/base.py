"""What a file of a probe imports: the base class, its arrays, and the view it looks through."""

from ...specs.probe import STEP, Array, Probe, Scene
from ..plan import group_dims
from ._view import View

__all__ = ["STEP", "Array", "Probe", "Scene", "View", "run_sizes"]


def run_sizes(scene: Scene, probe: Probe) -> dict[str, int]:
    """The dimensions of the points that a probe looks at, and their sizes, in the order of its arrays: sweeps, seed, probe_step."""
    sweeps = {dim.name: dim.size for dim in group_dims(scene.study, scene.optimizer)}
    return {**sweeps, "seed": scene.study.seeds, STEP: len(probe.steps(scene))}
