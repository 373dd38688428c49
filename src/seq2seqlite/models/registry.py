"""Models shipped with the package."""

import json
from pathlib import Path
from typing import Any

from seq2seqlite.errors import InputError
from seq2seqlite.models.network import Network
from seq2seqlite.resources import pretrained_folder

__all__ = ["load_model", "model_card", "model_names"]


def model_names() -> list[str]:
    """Return the names of the shipped models, ``<family>-<instrument>-<precision>``.

    See Also
    --------
    load_model : Load a model by name.
    """
    return sorted(path.stem for path in pretrained_folder().glob("*.npz"))


def load_model(name_or_path: str | Path, /) -> Network:
    """Return a shipped model by name, or the model in a file.

    Raises
    ------
    InputError
        If the model does not exist or its file is invalid.

    See Also
    --------
    seq2seqlite.models.model_names : Names of the shipped models.
    seq2seqlite.models.model_card : Origin and metrics of a shipped model.

    Examples
    --------
    >>> load_model("seq2seqlite-tcspc-80mhz-float").architecture.n_parameters
    6627
    """
    path = Path(name_or_path)
    if path.suffix == ".npz":
        return Network.read(path)
    shipped = pretrained_folder() / f"{name_or_path}.npz"
    if not shipped.is_file():
        raise InputError(
            f"model {str(name_or_path)!r} is unknown; "
            f"choose one of {', '.join(model_names())} or pass the path of an .npz file"
        )
    return Network.read(shipped)


def model_card(name: str, /) -> dict[str, Any]:
    """Return a shipped model's card: instrument, recipe, seed, learning curve, test metrics and licence.

    See Also
    --------
    load_model : Load the model.
    """
    path = pretrained_folder() / f"{name}.json"
    if not path.is_file():
        raise InputError(f"model {name!r} has no card; choose one of {', '.join(model_names())}")
    card: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return card
