"""The command line: commands from engine/commands, one a file. Heavy libraries are imported inside them, so that --help answers at once.

Exit codes: 0 done, 1 a claim or run failed, 2 bad input, 130 interrupted (resumable).
"""

import importlib
import sys

import typer

COMMANDS = ("new", "check", "run", "branch", "compare", "plot", "report", "verify", "differ", "merge", "list", "schema", "cache")
"""In the order of --help. engine/commands/NAME.py holds a function of that name."""

app = typer.Typer(
    help="Simulate optimizers on landscapes: YAML studies in, labelled trajectories out.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for name in COMMANDS:
    app.command(name)(getattr(importlib.import_module(f".commands.{name}", __package__), name))


def main() -> None:
    """The console command: errors that thalweg raises on purpose become lines on stderr and an exit code."""
    from ..specs.errors import ThalwegError

    try:
        app()
    except ThalwegError as error:
        for problem in str(error).splitlines():
            print(f"error: {problem}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except OSError as error:
        print(f"error: {f'{error.filename}: ' if error.filename else ''}{error.strerror or error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
