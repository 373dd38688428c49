"""Locations of the files shipped with the package."""

from pathlib import Path

__all__ = ["configs_folder", "pretrained_folder"]


def configs_folder() -> Path:
    """Return the folder of instruments and recipes.

    In a wheel it is inside the package; in a checkout it is ``configs/`` beside ``src/``.

    See Also
    --------
    pretrained_folder : Return the folder of shipped models.

    Examples
    --------
    >>> (configs_folder() / "instruments" / "tcspc-80mhz.toml").is_file()
    True
    """
    packaged = Path(__file__).parent / "configs"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "configs"


def pretrained_folder() -> Path:
    """Return the folder of shipped models.

    See Also
    --------
    configs_folder : Return the folder of instruments and recipes.
    seq2seqlite.load_model : Return a shipped model by name, or the model in a file.

    Examples
    --------
    >>> pretrained_folder().name
    'pretrained'
    """
    return Path(__file__).parent / "pretrained"
