"""Landscapes whose loss is a Python function of arrays, with a gradient of its own or by JAX."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, ClassVar, Literal

import numpy as np

from ..errors import SpecError
from ..sweep import resolved
from .base import Arrays, Landscape


class FunctionLandscape(Landscape):
    """The loss is `function(x, **numbers)`, its gradient `derivative(x, **numbers)`, or what JAX makes of the function of one point."""

    function: ClassVar[Callable[..., Any]]
    derivative: ClassVar["Callable[..., Any] | Literal['jax']"]

    @property
    def blocks(self) -> dict[str, tuple[int, ...]]:
        return {"params": (resolved(self.__dict__["dim"]),)}

    def value(self, x: Any, p: Arrays, xp: Any) -> Any:
        if isinstance(self.derivative, str):
            return self.value_and_grad(x, p, xp)[0]
        return self.checked("the function", type(self).function(x, **self.given(p)), x.shape[:-1], x)

    def value_and_grad(self, x: Any, p: Arrays, xp: Any, batch: Any = None) -> tuple[Any, Any]:
        if isinstance(self.derivative, str):
            flat = [np.broadcast_to(value, x.shape[:-1]).reshape(-1) for value in self.given(p).values()]
            value, gradient = by_jax(type(self).function)(x.reshape(-1, x.shape[-1]), *flat)
            return np.asarray(value).reshape(x.shape[:-1]), np.asarray(gradient).reshape(x.shape)
        gradient = type(self).derivative(x, **self.given(p))  # type: ignore[operator]
        return self.value(x, p, xp), self.checked("its gradient", gradient, x.shape, x)

    def given(self, p: Arrays) -> Arrays:
        """The landscape's numbers, by the names of the function's arguments."""
        return {path[-1]: p[path[-1]] for path, _, structural in self.fields() if not structural}

    def checked(self, what: str, found: Any, shape: tuple[int, ...], x: Any) -> Any:
        """What the function returned. Raises SpecError if that has another shape."""
        found = np.asarray(found)
        if found.shape != shape:
            try:
                return np.broadcast_to(found, shape).astype(x.dtype)
            except ValueError:
                pass
            raise SpecError(f"{self.kind}: {what} of points {x.shape} has the shape {found.shape}, not {shape}")
        return found.astype(x.dtype, copy=False)


@lru_cache(maxsize=32)
def by_jax(function: Callable[..., Any]) -> Callable[..., Any]:
    """Values and gradients of many points: (n, dim), numbers (n,) each -> (n,), (n, dim). Raises SpecError where JAX is not installed."""
    try:
        import jax  # pyright: ignore[reportMissingImports]  # an extra
    except ImportError:
        raise SpecError(
            "a landscape with grad='jax' needs the package jax, which is not installed; pip install jax, or give a gradient"
        ) from None
    mapped = jax.jit(jax.vmap(jax.value_and_grad(function)))

    def called(x: np.ndarray, *numbers: np.ndarray) -> Any:
        enabled: Any = jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64
        with enabled(bool(x.dtype == np.float64)):
            value, gradient = mapped(x, *(np.asarray(v, x.dtype) for v in numbers))
        return np.asarray(value), np.asarray(gradient)

    return called
