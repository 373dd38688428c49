"""Command ``seq2seqlite``: groups, lazy import of commands, and reporting of errors."""

import io
import logging
import re
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from keyword import iskeyword
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from seq2seqlite.cli.output import COMMAND, OPTIONS, check_outputs, with_option_names
from seq2seqlite.errors import InputError
from seq2seqlite.version import __version__

__all__ = ["COMMANDS", "app", "lazy_group", "main"]

COMMANDS = {
    "image": "Make lifetime maps of measurements.",
    "view": "Show lifetime maps, and the decay of a clicked pixel, in the browser.",
    "stream": "Make lifetime maps during a measurement.",
    "plan": "Plan an acquisition: photons, gates, bits and speed that a precision requires.",
    "simulate": "Simulate decays of an instrument, with their true lifetimes and a manifest.",
    "train": "Train a network according to a recipe, and write the model and its model card.",
    "compress": "Compress a network to a student by reduction, pruning, distillation and quantisation.",
    "lower": "Convert a quantised student to an integer program.",
    "export": "Write a float network as an ONNX or Keras file.",
    "import": "Convert an ONNX or Keras network to a model file, and compare the outputs of both.",
    "hardware": "Build, simulate, synthesise, place and route FPGA designs of a student.",
    "study": "Compare compression techniques on one instrument, and write a report.",
    "evaluate": "Evaluate a model or an estimator on decays with known lifetimes.",
    "benchmark": "Compare predictors on the same decays.",
    "models": "List the shipped models with their instruments, uses, sizes, errors and ranges of lifetimes.",
    "instruments": "List the shipped instruments, or copy the file of one as the start of an own one.",
    "fetch": "Download a measured sample set, or list the sample sets.",
    "versions": "Print the versions of seq2seqlite and of its dependencies.",
}
"""Commands in the order of the help, with the first line of the docstring of each."""

# A negative number, in contrast to an option.
NUMBER = re.compile(r"-\d*\.?\d+(?:[eE][-+]?\d+)?")

_EXTRA = {
    "jax": "train",
    "jaxlib": "train",
    "optax": "train",
    "da4ml": "hardware",
    "jinja2": "hardware",
    "amaranth": "hardware",
    "pyosys": "hardware",
    "litex": "board",
    "litex_boards": "board",
    "litedram": "board",
    "liteeth": "board",
    "migen": "board",
    "serial": "board",
    "hgq": "hgq",
    "keras": "export",
    "onnx": "export",
    "onnxruntime": "export",
    "dask": "cluster",
    "distributed": "cluster",
    "bokeh": "viewer",
}


def lazy_group(
    commands: Mapping[str, str], package: str, /, *, summary: str, completion: bool = False
) -> typer.Typer:
    """Return a group of commands, each of which is imported only when it runs.

    Parameters
    ----------
    commands : mapping of str to str
        Names and help texts, in the order of the help.
    package : str
        Package of the commands. A command is a function or group with the same name as its module.
    summary : str
        Help text of the group.
    completion : bool
        Add the options that install and show the completion for shells.
    """

    class LazyGroup(TyperGroup):
        def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
            name, command, rest = super().resolve_command(ctx, args)
            return (name, command, rest) if name is None else (name, _load(package, name), rest)

    group = typer.Typer(
        cls=LazyGroup,
        help=summary,
        add_completion=completion,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    # A callback makes Typer create a group even for a single command.
    group.callback()(lambda: None)
    for name, text in commands.items():
        group.command(name, help=text)(_listed)
    return group


class _Command(TyperCommand):
    """Command whose output paths are checked before it runs, and whose lists may be written as lists."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, self._with_lists(args))

    def _with_lists(self, args: list[str]) -> list[str]:
        """Return ``--tau 0.5 2.5`` as ``--tau 0.5 --tau 2.5``, for a command without positional arguments."""
        if any(parameter.param_type_name == "argument" for parameter in self.params):
            return args
        lists = {name for option in self.params if getattr(option, "multiple", False) for name in option.opts}
        found: list[str] = []
        current = ""
        for word in args:
            is_value = not word.startswith("-") or NUMBER.fullmatch(word) is not None
            if current and is_value and found[-1] != current:
                found.append(current)
            elif not is_value:
                current = word if word in lists else ""
            found.append(word)
        return found

    def invoke(self, ctx: Any) -> Any:
        check_outputs(ctx.command_path, ctx.params)
        COMMAND.set(ctx.command_path)
        OPTIONS.set(
            {option.name: option.opts[-1] for option in self.params if option.opts[-1].startswith("--")}
        )
        return super().invoke(ctx)


def _listed() -> None:
    """Serve as a placeholder for a command that is imported when it runs."""


def _load(package: str, name: str) -> Any:
    """Import and return a command or group."""
    python_name = name.replace("-", "_")
    python_name += "_" if iskeyword(python_name) else ""
    found = getattr(import_module(f"{package}.{python_name}"), python_name)
    if isinstance(found, typer.Typer):
        return typer.main.get_command(found)
    loaded = typer.Typer(add_completion=False)
    loaded.command(name, cls=_Command)(found)
    return typer.main.get_command(loaded)


app = lazy_group(
    COMMANDS,
    "seq2seqlite.cli",
    summary="Fluorescence lifetime maps with small recurrent networks.",
    completion=True,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Arguments after the program name; default: those of the process.

    Returns
    -------
    int
        Exit code: 0 for success; 2 for an expected error, which is printed as one line on stderr; 130 for an
        interrupt. Other exceptions are not caught.
    """
    if not logging.getLogger().handlers:  # otherwise Python prints log messages on stderr
        logging.getLogger().addHandler(logging.NullHandler())
    for stream in (sys.stdout, sys.stderr):  # escape characters that the console cannot print
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    words = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    OPTIONS.set({})
    try:
        _check_empty(words)
        code = _run(words)
    except typer.TyperException as error:  # invalid use of the command line
        return _fail(error.format_message())
    except InputError as error:
        return _fail(with_option_names(str(error)))
    except ModuleNotFoundError as error:
        extra = _EXTRA.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        return _fail(
            f"this command requires {error.name}; install it with pip install 'seq2seqlite[{extra}]'"
        )
    except OSError as error:
        return _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except (KeyboardInterrupt, typer.Abort):
        return 130
    return code if isinstance(code, int) else 0


def _run(words: list[str]) -> Any:
    """Print the version, or run a command and return its exit code."""
    if words == ["--version"]:
        print(f"seq2seqlite {__version__}")
        return 0
    return typer.main.get_command(app).main(words, prog_name="seq2seqlite", standalone_mode=False)


def _check_empty(words: Sequence[str]) -> None:
    """Reject empty arguments, which as a path would mean the working directory."""
    for option, word in zip(["", *words], words, strict=False):
        name, equals, value = word.partition("=")
        if not word or (name.startswith("--") and equals and not value):
            named = name if word else option if option.startswith("-") else "an argument"
            raise InputError(f"{named} is empty; pass a value")


def _fail(message: str) -> int:
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    return 2
