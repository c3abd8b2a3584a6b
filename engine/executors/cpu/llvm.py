"""What a generated kernel tells LLVM and the processor; Numba has no option for any of it."""

import functools
import inspect
import itertools
from typing import Any

from llvmlite import binding, ir
from numba import njit
from numba.core import types
from numba.extending import intrinsic

ESTIMATES = bool(binding.get_host_cpu_features().get("avx512f"))
"""Whether roots and quotients in float32 are quicker from estimates: on processors with AVX-512 twice as quick (their units for both are no
wider than 256 bits), on those with AVX2 (measured on Zen 3) the units for roots and quotients work beside all others."""

INNER: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
"""For functions that only compiled ones call, and never Python, where that would crash: they take a fifth less time to compile."""


def at_address(signature: Any) -> Any:
    """What an intrinsic returns that calls the compiled function of this signature at the address that is its first argument.

    Numba's own first-class functions are unpacked at every call from Python, a millisecond each. No exception comes through.
    """

    def generate(context, builder, _, args):
        kind = context.call_conv.get_function_type(signature.return_type, signature.args)
        function = builder.inttoptr(args[0], kind.as_pointer())
        return context.call_conv.call_function(builder, function, signature.return_type, signature.args, args[1:])[1]

    return signature.return_type(types.intp, *signature.args), generate


DECLARED = False
"""Whether `linked` functions are left uncompiled, in a process that compiles their callers but calls nothing."""
NOWHERE = 1
"""Their address then: not 0, which LLVM would take for a symbol it cannot find."""


def linked(signature: Any, **options: Any) -> Any:
    """As njit(signature), for a function that several others call: these are compiled without it and find it by its symbol. Numba would compile
    a copy of it, and of all that it calls, into each of them. No exception comes through. Arrays must be of exactly the signature's types."""

    def made(function: Any) -> Any:
        symbol = f"{function.__module__}.{function.__name__}"
        binding.add_symbol(symbol, NOWHERE if DECLARED else address(njit(signature, **options)(function), signature))

        def generate(context: Any, builder: Any, _: Any, args: Any) -> Any:
            kind = context.call_conv.get_function_type(signature.return_type, signature.args)
            callee = builder.module.globals.get(symbol) or ir.Function(builder.module, kind, symbol)
            return context.call_conv.call_function(builder, callee, signature.return_type, signature.args, args)[1]

        def call(context: Any, *args: Any) -> Any:
            return signature, generate

        named, own = inspect.signature(function), inspect.Parameter("context", inspect.Parameter.POSITIONAL_ONLY)
        call.__signature__ = named.replace(parameters=[own, *named.parameters.values()])  # type: ignore[attr-defined]
        return intrinsic(functools.wraps(function, assigned=("__name__", "__doc__"), updated=())(call))

    return made


@functools.cache
def address(function: Any, signature: Any) -> int:
    """Where the machine code of a function compiled with this signature lies, from now on for good. Raises TypeError if it has another: a call
    through an address would not notice."""
    made = function.overloads.get(signature.args)
    if made is None or made.signature.return_type != signature.return_type:
        raise TypeError(f"{function.py_func.__name__} is not compiled as {signature}")
    return int(made.library.get_pointer_to_function(made.fndesc.llvm_func_name))


def unchecked(function: Any) -> Any:
    """A compiled function that looks at the types of its arguments at the first call alone: for named tuples Numba takes ten microseconds for
    that, a part of the shortest calls. Whoever has it must give arguments of the same types each time."""
    (made,) = function.overloads.values()
    calls = itertools.chain([function], itertools.repeat(made.entry_point))
    return lambda *given: next(calls)(*given)


@intrinsic
def vectorised(context):
    """Called first in a lane-block function: its arrays do not overlap, vectors may be 512 bits wide, callers do not inline it.

    Without the first promise LLVM compares all pairs of addresses at run time, and gives up vectorising beyond eight; the second counts
    on processors for which LLVM prefers 256 bits; the third saves compile time. Arrays are the arguments that point to something else
    than bytes.
    """

    def generate(context, builder, signature, args):
        function = builder.function
        set.add(function.attributes, '"prefer-vector-width"="512"')  # llvmlite's own add() refuses names it does not know
        set.add(function.attributes, "noinline")
        for argument in function.args:
            if isinstance(argument.type, ir.PointerType) and argument.type.pointee in (ir.FloatType(), ir.DoubleType(), *integers):
                argument.add_attribute("noalias")
        return context.get_dummy_value()

    integers = (ir.IntType(32), ir.IntType(64))
    return types.none(), generate


@intrinsic
def assume(context, condition):
    """LLVM may take this for true. That arrays are W wide, said so, makes the distances between their rows constants of the code: a fifth
    fewer instructions in a loop over many rows, and more of its rounds in flight at a time."""

    def generate(context, builder, signature, args):
        kind = ir.FunctionType(ir.VoidType(), [ir.IntType(1)])
        function = builder.module.globals.get("llvm.assume") or ir.Function(builder.module, kind, "llvm.assume")
        builder.call(function, [args[0]])
        return context.get_dummy_value()

    return types.none(condition), generate


@intrinsic
def estimates(context):
    """Called first in a function that uses `root` and `divide` of float32.py: with ESTIMATES its reciprocals in float32 vectors are the processor's
    estimates, unrefined. On x86 they have 12 to 14 bits, elsewhere LLVM does as it likes; both functions refine what they get."""

    def generate(context, builder, signature, args):
        if ESTIMATES:
            set.add(builder.function.attributes, '"reciprocal-estimates"="!divf,!vec-divf,vec-sqrtf:0"')
        return context.get_dummy_value()

    return types.none(), generate
