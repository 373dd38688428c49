"""The command ``seq2seqlite``."""

import io
import logging
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from seq2seqlite.cli.output import COMMAND, check_outputs
from seq2seqlite.errors import InputError

__all__ = ["COMMANDS", "app", "lazy_group", "main"]

COMMANDS = {
    "image": "Make lifetime maps of measurements.",
    "stream": "Make lifetime maps while the camera records.",
    "simulate": "Simulate decays of an instrument, with their truth and a manifest.",
    "train": "Train a network by a recipe, evaluate it on its reference set, and write model and card.",
    "compress": "Make a student by a recipe: reduced, pruned, distilled, quantised.",
    "lower": "Write the integer program of a quantised student.",
    "hardware": "Make, simulate, synthesise and place FPGA designs of a student.",
    "study": "Compare compression techniques on one instrument, and write the report.",
    "evaluate": "Measure a model or an estimator against decays whose truth is known.",
    "benchmark": "Measure predictors side by side on the same decays.",
    "models": "List the models that come with the package, with what their cards say.",
    "fetch": "Download a measured sample set, or list the sample sets.",
    "versions": "Print the versions of seq2seqlite and of what it computes with.",
}
"""The commands, in the order of the help, with the first line of each one's docstring."""

_EXTRA = {
    "jax": "train",
    "jaxlib": "train",
    "optax": "train",
    "da4ml": "hardware",
    "jinja2": "hardware",
    "amaranth": "hardware",
    "pyosys": "hardware",
    "hgq": "hgq",
    "keras": "hgq",
    "dask": "cluster",
    "distributed": "cluster",
}


def lazy_group(commands: Mapping[str, str], package: str, /, *, summary: str) -> typer.Typer:
    """Return a group of commands that are imported only when they run.

    Parameters
    ----------
    commands : mapping of str to str
        Name and help of each, in the order of the help.
    package : str
        Where they are: a command is the function, or group, of its name in the module of its name.
    summary : str
        Help of the group.
    """

    class LazyGroup(TyperGroup):
        def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
            name, command, rest = super().resolve_command(ctx, args)
            return (name, command, rest) if name is None else (name, _load(package, name), rest)

    group = typer.Typer(
        cls=LazyGroup,
        help=summary,
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    # Keeps it a group whatever the number of its commands.
    group.callback()(lambda: None)
    for name, text in commands.items():
        group.command(name, help=text)(_listed)
    return group


class _Command(TyperCommand):
    """A command whose outputs are checked before it runs."""

    def invoke(self, ctx: Any) -> Any:
        check_outputs(ctx.command_path, ctx.params)
        COMMAND.set(ctx.command_path)
        return super().invoke(ctx)


def _listed() -> None:
    """Stand in the list of commands for one that is imported when it runs."""


def _load(package: str, name: str) -> Any:
    """Return the command or group of a name."""
    python_name = name.replace("-", "_")
    found = getattr(import_module(f"{package}.{python_name}"), python_name)
    if isinstance(found, typer.Typer):
        return typer.main.get_command(found)
    loaded = typer.Typer(add_completion=False)
    loaded.command(name, cls=_Command)(found)
    return typer.main.get_command(loaded)


app = lazy_group(
    COMMANDS, "seq2seqlite.cli", summary="Fluorescence lifetime maps with small recurrent networks."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Words after the program's name; those of the process by default.

    Returns
    -------
    int
        Exit code: 0; 2 after an expected error, which is one line on stderr; 130 when interrupted.
        A bug keeps its traceback.
    """
    if not logging.getLogger().handlers:  # what libraries log is no result; Python would print it on stderr
        logging.getLogger().addHandler(logging.NullHandler())
    for stream in (sys.stdout, sys.stderr):  # names of files that the console cannot show are escaped
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    words = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    try:
        _check_empty(words)
        code = typer.main.get_command(app).main(words, prog_name="seq2seqlite", standalone_mode=False)
    except typer.TyperException as error:  # wrong use of the command line
        return _fail(error.format_message())
    except InputError as error:
        return _fail(str(error))
    except ModuleNotFoundError as error:
        extra = _EXTRA.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        return _fail(f"this needs {error.name}; install it with pip install 'seq2seqlite[{extra}]'")
    except OSError as error:
        return _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except (KeyboardInterrupt, typer.Abort):
        return 130
    return code if isinstance(code, int) else 0


def _check_empty(words: Sequence[str]) -> None:
    """Refuse empty arguments: as a path, they would name the working folder."""
    for option, word in zip(["", *words], words, strict=False):
        name, equals, value = word.partition("=")
        if not word or (name.startswith("--") and equals and not value):
            named = name if word else option if option.startswith("-") else "an argument"
            raise InputError(f"{named} is empty; give a value")


def _fail(message: str) -> int:
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    return 2
