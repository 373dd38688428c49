"""The command ``seq2seqlite``."""

import logging
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from seq2seqlite.errors import InputError

__all__ = ["COMMANDS", "app", "main"]

COMMANDS = {
    "image": "Make lifetime maps of measurements.",
    "simulate": "Simulate decays of an instrument, with their truth and a manifest.",
    "train": "Train a network by a recipe, evaluate it on its reference set, and write model and card.",
    "compress": "Make a student: reduced, pruned, distilled, quantised, as a recipe says.",
    "study": "Compare compression techniques on one instrument, and write the report.",
    "evaluate": "Measure a model against decays whose truth is known.",
    "benchmark": "Measure predictors side by side on the same decays.",
    "models": "List the models that come with the package, with what their cards say.",
    "versions": "Print the versions of seq2seqlite and of what it computes with.",
}
"""The commands, in the order of the help, with the first line of each one's docstring."""

_EXTRA = {
    "jax": "train",
    "jaxlib": "train",
    "optax": "train",
    "da4ml": "train",
    "jinja2": "train",
    "hgq": "hgq",
    "keras": "hgq",
    "dask": "cluster",
    "distributed": "cluster",
}


class _LazyGroup(TyperGroup):
    """Lists the commands without importing them, and imports the one that runs."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        return (name, command, rest) if name is None else (name, _load(name), rest)


app = typer.Typer(
    cls=_LazyGroup,
    help="Fluorescence lifetime maps with small recurrent networks.",
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _group() -> None:
    # Keeps the program a group of commands whatever their number.
    return


def _listed() -> None:
    """Stand in the list of commands for one that is imported when it runs."""


for _name, _help in COMMANDS.items():
    app.command(_name, help=_help)(_listed)


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
    words = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    try:
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


def _load(name: str) -> Any:
    """Return the command ``name``: the function of that name in the module of that name."""
    function = getattr(import_module(f"seq2seqlite.cli.{name}"), name)
    loaded = typer.Typer(add_completion=False)
    loaded.command(name)(function)
    return typer.main.get_command(loaded)


def _fail(message: str) -> int:
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    return 2
