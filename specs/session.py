"""Optimizers and landscapes of this session: classes and functions of a notebook or script, registered by a decorator.

A study names them like any other kind, in this process. The store notes their source text; another process cannot run them until they are in a
package of their own (docs/howto/own_optimizer.md).
"""

import ast
import inspect
import linecache
import re
import textwrap
from collections.abc import Callable
from typing import Any, Literal

from pydantic import create_model

from .base import Count, Real
from .errors import SpecError
from .landscapes._function import FunctionLandscape
from .landscapes.base import Landscape
from .optimizer import Optimizer
from .registry import LANDSCAPES, OPTIMIZERS, Registry
from .sweep import Structural, Swept


def optimizer(cls: type[Any]) -> type[Any]:
    """Register a class as a kind of optimizer, for this session: `optimizers: [{kind: NAME, ...}]`.

    The class is as in a file of optimizers/: a subclass of ElementwiseOptimizer or another base, with hyperparameters as fields and a function
    `update`. Its kind is the field `kind`, by default the class's name in small letters with underscores. A class of the same kind that was
    registered before gives way to it.

    Raises SpecError if it is no subclass of Optimizer, or its kind is that of an optimizer of thalweg's or of a package.

    >>> import thalweg, numpy as np
    >>> from thalweg.optimizers.base import ElementwiseOptimizer
    >>> from thalweg.specs.base import Positive
    >>> from thalweg.specs.sweep import Swept
    >>> @thalweg.optimizer
    ... class SquareRootStep(ElementwiseOptimizer):
    ...     "x <- x - lr sign(g) sqrt(|g|)."
    ...     lr: Swept[Positive] = 0.1
    ...     @staticmethod
    ...     def update(x, g, lr):
    ...         return x - lr * np.sign(g) * np.sqrt(np.abs(g))
    >>> study = {"name": "mine", "landscape": "himmelblau", "optimizers": ["square_root_step"], "steps": 5}
    >>> thalweg.run(study)["square_root_step"].loss.sizes["step"]
    6
    >>> forget()
    """
    if not (isinstance(cls, type) and issubclass(cls, Optimizer)):
        raise SpecError(f"thalweg.optimizer: {name_of(cls)} is not a subclass of thalweg.optimizers.base.Optimizer or one of its kinds")
    return registered(OPTIMIZERS, cls)


def landscape(
    made: Any = None, /, *, dim: int | None = None, grad: "Callable[..., Any] | Literal['jax'] | None" = None, kind: str | None = None
) -> Any:
    """Register a class, or a plain function, as a kind of landscape, for this session.

    A class is as in a file of specs/landscapes/. A function f(x, **numbers) takes points (..., dim) and gives their losses (...); its other
    arguments have defaults and are numbers of the landscape, which can be swept, each an array that broadcasts against the losses. With `grad="jax"` the
    function is of one point (dim,) and uses jax.numpy; JAX then makes the gradient and maps it over the runs.

    Parameters
    ----------
    made : class or function
        What is decorated.
    dim : int, for a function
        The number of components of a point, the default of the field `dim`.
    grad : function or "jax", for a function
        The gradient f'(x, **numbers), (..., dim) -> (..., dim); "jax" has JAX derive it.
    kind : text, optional
        The kind; by default the function's name.

    Raises
    ------
    SpecError
        It is neither a landscape nor a function with `dim` and `grad`, or its kind is one of thalweg's or of a package.

    Examples
    --------
    >>> import thalweg, numpy as np
    >>> @thalweg.landscape(dim=3, grad=lambda x, steep=1.0: 2 * np.asarray(steep)[..., None] * x)
    ... def bowl(x, steep=1.0):
    ...     return steep * np.sum(x**2, axis=-1)
    >>> study = {"name": "mine", "landscape": {"kind": "bowl", "steep": [1.0, 2.0]}, "init": {"kind": "point", "at": 1.0}, "optimizers": ["sgd"], "steps": 5}
    >>> thalweg.run(study)["sgd"].loss.isel(step=0, seed=0).values.tolist()
    [3.0, 6.0]
    >>> forget()
    """
    if made is None:
        return lambda function: landscape(function, dim=dim, grad=grad, kind=kind)
    if isinstance(made, type):
        if not issubclass(made, Landscape):
            raise SpecError(
                f"thalweg.landscape: {name_of(made)} is not a subclass of thalweg.specs.landscapes.base.Landscape or one of its kinds"
            )
        return registered(LANDSCAPES, made, kind)
    if not callable(made):
        raise SpecError(f"thalweg.landscape: takes a class or a function, given {made!r:.60}")
    registered(LANDSCAPES, of_function(made, dim, grad, kind or name_of(made)), source=source_of(made))
    return made


def of_function(function: Callable[..., Any], dim: int | None, grad: Any, kind: str) -> type[Landscape]:
    """A landscape whose loss is a function. Arguments and errors as of `landscape`."""
    if dim is None or grad is None:
        raise SpecError(f"thalweg.landscape: {kind} is a function, and needs dim=N and grad=FUNCTION or grad='jax'")
    if not isinstance(dim, int) or isinstance(dim, bool) or dim < 1:
        raise SpecError(f"thalweg.landscape: dim must be a whole number of at least 1, given {dim!r:.60}")
    if not (grad == "jax" or callable(grad)):
        raise SpecError(f"thalweg.landscape: grad must be a function or 'jax', given {grad!r:.60}")
    _, *numbers = inspect.signature(function).parameters.values()
    fields: dict[str, Any] = {"kind": (Literal[kind], kind), "dim": (Structural[Count], dim)}  # type: ignore[valid-type]
    for one in numbers:
        if not isinstance(one.default, (int, float)) or isinstance(one.default, bool):
            raise SpecError(
                f"thalweg.landscape: {kind}: the argument {one.name} needs a number as its default, which the landscape's field then has, too"
            )
        fields[one.name] = Swept[Real], one.default
    made = create_model(kind, __base__=FunctionLandscape, __doc__=inspect.getdoc(function) or f"The function {kind}.", **fields)
    made.function, made.derivative = staticmethod(function), grad if grad == "jax" else staticmethod(grad)
    return made


def registered(registry: Registry, cls: type[Any], kind: str | None = None, source: str | None = None) -> type[Any]:
    """The class with a kind, which its registry now has. Raises SpecError if that is taken."""
    own = cls.model_fields.get("kind")
    declared = own.default if own is not None and "kind" in cls.__annotations__ and isinstance(own.default, str) else None
    name = kind or declared or re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise SpecError(f"the {registry.noun} '{name:.60}': a kind consists of lowercase letters, digits and underscores")
    if name in registry.modules():
        raise SpecError(f"there is a {registry.noun} '{name}' already ({registry.modules()[name]}); choose another name")
    if declared != name:
        text = source_of(cls)
        doc, module = cls.__doc__, cls.__module__
        cls = create_model(cls.__name__, __base__=cls, __doc__=doc, __module__=module, kind=(Literal[name], name))  # type: ignore[valid-type]
        source = source or text
    registry.session[name] = (cls, source if source is not None else source_of(cls))
    return cls


def forget() -> None:
    """Forget all classes and functions of this session."""
    LANDSCAPES.session.clear()
    OPTIMIZERS.session.clear()


def sources(study: Any) -> dict[str, str]:
    """The source text of what this study has from the session, by kind."""
    found = {}
    for registry, units in ((LANDSCAPES, [study.landscape]), (OPTIMIZERS, study.optimizers)):
        found |= {unit.kind: registry.session[unit.kind][1] for unit in units if unit.kind in registry.session}
    return found


def source_of(made: Any) -> str:
    """The text of a class or function; empty where it is not kept."""
    try:
        return textwrap.dedent(inspect.getsource(made))
    except (OSError, TypeError):
        return of_notebook(made) if isinstance(made, type) else ""


def of_notebook(cls: type[Any]) -> str:
    """The text of a class of a notebook, whose cells are known by the functions in them alone; empty where it is not kept."""
    for one in vars(cls).values():
        function = getattr(one, "__func__", one)
        if inspect.isfunction(function):
            text = "".join(linecache.getlines(function.__code__.co_filename))
            found = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.ClassDef) and n.name == cls.__name__]
            if found:
                first = min([found[-1].lineno, *(n.lineno for n in found[-1].decorator_list)])
                return "\n".join(text.splitlines()[first - 1 : found[-1].end_lineno]) + "\n"
    return ""


def name_of(made: Any) -> str:
    """What a class or function is called."""
    return str(getattr(made, "__name__", type(made).__name__))
