"""The command line, made of the commands in engine/commands.

Exit codes: 0 done, 1 a claim or run failed, 2 bad input, 130 interrupted (resumable).
"""

import gc
import io
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from .commands import load, modules
from .commands._say import say

SELDOM = 100_000
"""Objects made before garbage is looked for: importing libraries makes many that stay, and looking a hundred times takes a fifth of a second."""

app = typer.Typer(
    help="Simulate optimizers on landscapes: YAML studies in, labelled trajectories out.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
COMMANDS = modules()
for name, module in COMMANDS.items():
    app.command(name)(load(name, module))


@app.callback(invoke_without_command=True)
def options(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    """Simulate optimizers on landscapes: YAML studies in, labelled trajectories out."""
    if version:
        from importlib.metadata import version as version_of

        say(f"thalweg {version_of('thalweg')}")
        raise typer.Exit


def main() -> None:
    """The console command."""
    gc.set_threshold(SELDOM, 50, 50)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that lacks a letter gets its number
    if not uses_dask(sys.argv[1:]):
        sys.modules.setdefault("dask", None)  # type: ignore[arg-type]  # else xarray imports it where it is installed: 0.8 s for nothing
    try:
        answer()
    finally:
        gc.freeze()  # at its end Python would look through all modules for garbage once more: a fifth of a second


def uses_dask(words: Sequence[str]) -> bool:
    """Whether a command line may use Dask: one that shares work among processes, or a command of another package."""
    command = next((word for word in words if not word.startswith("-")), "")
    own = COMMANDS.get(command, "").startswith(f"{modules.__module__}.")
    return not own or bool({"--workers", "--scheduler"} & {word.partition("=")[0] for word in words})


def answer() -> None:
    """Run the command: errors that thalweg raises on purpose, and wrong options, become lines on stderr and an exit code."""
    from ..specs.errors import ThalwegError

    try:
        code = app(prog_name="thalweg", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except ThalwegError as error:
        for problem in getattr(error, "problems", None) or str(error).split("\n"):
            say(f"error: {problem}", error=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except OSError as error:
        say(f"error: {f'{error.filename}: ' if error.filename else ''}{error.strerror or error}", error=True)
        sys.exit(2)
    except Exception as error:
        if unreadable(error):
            print(
                "error: a chunk of the store cannot be read; thalweg check STORE says which, and how to compute it again", file=sys.stderr
            )
            sys.exit(2)
        if not hasattr(error, "format_message"):
            raise
        sys.exit(misused(error))


def unreadable(error: BaseException) -> bool:
    """Whether Zarr raised this while it decoded a chunk: one that is truncated, or whose checksum is another."""
    frame, names = error.__traceback__, set()
    while frame is not None:
        names.add(frame.tb_frame.f_globals.get("__name__", "").rpartition(".")[0])
        frame = frame.tb_next
    return bool({"zarr.codecs", "zarr.core"} & names) and not isinstance(error, MemoryError)


def misused(error: Any) -> int:
    """Says what is wrong with the words of the command line, click's own exception or that of typer's copy of it; returns the exit code."""
    where = error.ctx.command_path if getattr(error, "ctx", None) else "thalweg"
    if len(sys.argv) == 1:
        error.show()  # the help, on its own
    else:
        say(f"error: {error.format_message().rstrip('.')}; see: {where} --help", error=True)
    return int(error.exit_code)


if __name__ == "__main__":
    main()
