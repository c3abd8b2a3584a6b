"""The routines of LAPACK for generated code."""

from typing import Any

from numba.core import types
from numba.extending import intrinsic
from numba.np.linalg import _LAPACK, F_INT_nbtype

LAPACK = _LAPACK()
"""Declares functions of Numba's library that call SciPy's LAPACK; each of its methods takes the kind of numbers."""


@intrinsic
def as_whole(context, pointer):
    """The same pointer, to whole numbers as LAPACK has them."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], context.get_value_type(signature.return_type))

    return types.CPointer(F_INT_nbtype)(pointer), generate
