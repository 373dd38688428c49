"""Configuration: frozen dataclasses read from TOML, with checks of all keys and values."""

import dataclasses
import math
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeGuard, TypeVar, get_args, get_origin

from seq2seqlite.errors import InputError

__all__ = [
    "Range",
    "check_keys",
    "check_name",
    "from_table",
    "is_name",
    "load_named_toml",
    "plain_table",
    "toml_names",
]

Range = tuple[float, float]
Config = TypeVar("Config")
# Names are used in file names on all operating systems.
# docs/spec/integer.md and docs/reference/outputs.md state the rule; a test compares them.
MAX_NAME_LENGTH = 64
NAME = re.compile(rf"[A-Za-z0-9_-][A-Za-z0-9_.-]{{0,{MAX_NAME_LENGTH - 1}}}")
MAX_NAME_SHOWN = 80


def toml_names(folder: Path, /) -> list[str]:
    """Return the names of the TOML files in a folder.

    See Also
    --------
    load_named_toml : Return the object described by a TOML file: a shipped file by name, or any file by path.
    """
    return sorted(path.stem for path in folder.glob("*.toml"))


def load_named_toml(
    name_or_path: str | Path, build: Callable[[dict[str, Any], Path], Config], /, *, folder: Path, what: str
) -> Config:
    """Return the object described by a TOML file: a shipped file by name, or any file by path.

    Parameters
    ----------
    name_or_path : str or path-like
        Name of a file in ``folder``, or a path that ends in ``.toml``.
    build : callable
        Creates the object from the parsed file and the folder of the file.
    folder : pathlib.Path
        Folder of the shipped files.
    what : str
        Kind of object, for error messages.

    Raises
    ------
    InputError
        If the name or file does not exist, the file is not TOML, or ``build`` raises InputError; the message
        starts with the path.

    See Also
    --------
    toml_names : Return the names of the TOML files in a folder.
    from_table : Return a dataclass from a table with the same keys.
    """
    path = Path(name_or_path)
    if path.suffix != ".toml":
        path = folder / f"{name_or_path}.toml"
        if not path.is_file():
            raise InputError(
                f"{what} {str(name_or_path)!r} is unknown; "
                f"choose one of {', '.join(toml_names(folder))} or pass the path of a .toml file"
            )
    table = _read_toml(path, what=what)
    try:
        return build(table, path.parent)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _read_toml(path: Path, /, *, what: str) -> dict[str, Any]:
    """Return a parsed TOML file.

    Parameters
    ----------
    path : pathlib.Path
        File.
    what : str
        Kind of object, for error messages.

    Raises
    ------
    InputError
        If the file does not exist, cannot be read or is not TOML.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):  # reading a pipe may wait forever
        raise InputError(f"{what} file {path} is a pipe, device or socket; copy its data into a regular file")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))  # editors of Windows write a BOM
    except FileNotFoundError:
        raise InputError(f"{what} file {path} does not exist") from None
    except OSError as error:
        raise InputError(f"{what} file {path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:  # also an integer of thousands of digits
        raise InputError(f"{what} file {path} is not valid TOML: {error}") from None


def from_table(cls: type[Config], table: Mapping[str, Any], /, *, name: str, prefix: str = "") -> Config:
    """Return a dataclass from a table with the same keys.

    Parameters
    ----------
    cls : type
        Dataclass whose fields are bool, int or str (or None), float, a :data:`Range` or a tuple of numbers or
        strings.
    table : mapping
        Values; a single number stands for a range of zero width.
    name, prefix : str
        Name of the table, and prefix of its keys in error messages.

    Raises
    ------
    InputError
        If a key is unknown or missing, or a value has the wrong type. The dataclass itself checks ranges.

    See Also
    --------
    plain_table :
        Return a dataclass as a table for TOML or JSON, with tuples as lists and without values of None.
    check_keys : Raise InputError if a table has an unknown key or lacks a required one.
    """
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    required = {
        key
        for key, field in fields.items()
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }
    check_keys(table, known=set(fields), required=required, name=name)
    return cls(**{key: _converted(f"{prefix}{key}", value, fields[key].type) for key, value in table.items()})


def check_keys(table: Mapping[str, Any], /, *, known: set[str], required: set[str], name: str) -> None:
    """Raise InputError if a table has an unknown key or lacks a required one.

    See Also
    --------
    from_table : Return a dataclass from a table with the same keys.
    """
    for key in table:
        if key not in known:
            raise InputError(f"{name} has an unknown key {key!r}; known keys are {', '.join(sorted(known))}")
    for key in sorted(required):
        if key not in table:
            raise InputError(f"{name} lacks the required key {key!r}; add it")


def is_name(name: object, /) -> TypeGuard[str]:
    """Return whether a name can be part of a file name.

    See Also
    --------
    check_name : Raise InputError otherwise.
    """
    return isinstance(name, str) and NAME.fullmatch(name) is not None


def check_name(name: object, /, *, key: str = "name") -> None:
    """Raise InputError for a name that cannot be part of a file name.

    See Also
    --------
    seq2seqlite.files.check_path : Raise InputError for an empty path, which would denote the working folder.

    Examples
    --------
    >>> check_name("seq2seqlite-tcspc-80mhz-int8")
    >>> check_name("../evil")
    Traceback (most recent call last):
    seq2seqlite.errors.InputError: name='../evil' must be 1 to 64 letters, digits, '-', '_' or '.', ...
    """
    if not is_name(name):
        shown = name[:MAX_NAME_SHOWN] if isinstance(name, str) else name
        raise InputError(
            f"{key}={shown!r} must be 1 to {MAX_NAME_LENGTH} letters, digits, '-', '_' or '.', and not start "
            f"with '.' (e.g. 'my-microscope')"
        )


def plain_table(config: Any, /) -> dict[str, Any]:
    """Return a dataclass as a table for TOML or JSON, with tuples as lists and without values of None.

    See Also
    --------
    from_table : Return a dataclass from a table with the same keys.
    """
    values = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in values.items()
        if value is not None
    }


def _converted(key: str, value: Any, kind: Any) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind == Range:
        if number:
            return (float(value), float(value))
        if not isinstance(value, list) or len(value) != 2:
            raise InputError(f"{key}={value!r} must be [low, high] or one number")
        return (_converted(key, value[0], float), _converted(key, value[1], float))
    if get_origin(kind) is tuple:
        if not isinstance(value, list):
            texts = get_args(kind)[0] is str
            raise InputError(f"{key}={value!r} must be a list of {'strings' if texts else 'numbers'}")
        return tuple(_converted(key, item, get_args(kind)[0]) for item in value)
    if kind in (str, str | None):
        return _required(value, isinstance(value, str), f"{key}={value!r} must be a string")
    if kind is bool:
        return _required(value, isinstance(value, bool), f"{key}={value!r} must be true or false")
    if kind in (int, int | None):
        return _required(value, number and isinstance(value, int), f"{key}={value!r} must be an integer")
    return float(_required(value, number and math.isfinite(value), f"{key}={value!r} must be a number"))


def _required(value: Any, condition: object, message: str) -> Any:
    if not condition:
        raise InputError(message)
    return value
