"""Training recipe: all settings that determine the result of a training run, read from TOML."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seq2seqlite.config import check_name, from_table, load_named_toml, plain_table, toml_names
from seq2seqlite.errors import InputError
from seq2seqlite.models import Architecture, load_model
from seq2seqlite.resources import configs_folder

__all__ = ["Recipe", "load_recipe", "recipe_names"]

MAX_COLUMN_NS = 1000.0


@dataclass(frozen=True)
class Recipe:
    """Settings of the training of one network.

    Parameters
    ----------
    name : str
        Name of the model.
    instrument : str
        Name of a shipped instrument, or path of a TOML file (relative to the recipe).
    layers : tuple of int
        Number of units of each layer.
    cell : str
        ``standard`` or ``lite`` (see :class:`~seq2seqlite.models.Architecture`).
    seed : int
        Seed of weights and data.
    steps, batch : int
        Number of updates, and number of simulated decays per update.
    learning_rate : float
        Peak learning rate of the Adam optimiser.
    warmup_steps : int
        Number of steps of the linear warm-up.
    final_learning_rate : float
        Final learning rate of the cosine schedule, as a share of the peak.
    hold : float
        Share of the steps, at the end of the training, at the final learning rate.
    clip_norm : float
        Maximum global norm of the gradients; larger gradients are scaled down.
    channel_weights : tuple of float
        Weights of the squared errors of the channels total, short and long.
    amplitude_weight : float
        Weight of the squared error of the amplitude (short plus long at the first gate). The amplitude is one
        of hundreds of outputs, but the mean lifetime is inversely proportional to it.
    lifetime_weight : float
        Weight of the errors of the lifetimes that are computed from the SFD, in units of the Cramér-Rao bound
        (:func:`~seq2seqlite.training.loss.bound_loss`), beside the squared errors of the SFD; 0 for the SFD
        alone. Only with ``output="sfd"``: a direct network always has this loss.
    response_lifetimes_ns : tuple of float
        Columns of the response that the network gets (:func:`~seq2seqlite.models.response_columns`); empty
        for a blind network.
    output : str
        ``sfd`` or ``lifetimes`` (see :class:`~seq2seqlite.models.Architecture`).
    mono_exponential : float, optional
        Share of mono-exponential decays in the training; default: that of the instrument.
    mono_tau : str, optional
        Distribution of their lifetimes; default: that of the instrument.
    background : tuple of float
        Range of the share of background in the training; empty for that of the instrument.
    background_prior : str, optional
        Distribution of this share, ``uniform`` or ``log-uniform``; default: that of the instrument.
    start_from : str, optional
        Model (name or path) that provides the starting weights; it must have the same layers, cell and
        columns of the response, but may belong to another instrument. A direct network provides the encoder
        of a network with a decoder.
    validation_decays, validation_every : int
        Number of decays of the validation split; number of steps between validations.
    patience : int
        Number of validations without improvement after which the training stops; 0 disables early stopping.
    tolerance : float
        0 trains for ``steps``. A positive value trains until the last fifth of the decays has reduced the
        validation loss by less than this share (:mod:`seq2seqlite.training.stages`); ``steps`` is then the
        least number of steps, and ``hold`` is not used.
    max_steps : int
        Greatest number of steps of a training with a tolerance.

    See Also
    --------
    load_recipe : Return a shipped recipe by name, or the recipe in a TOML file.
    seq2seqlite.train_model :
        Train a network by a recipe, evaluate it on its reference set, and write model and card.
    """

    name: str
    instrument: str
    layers: tuple[int, ...]
    cell: str
    seed: int = 1
    steps: int = 4000
    batch: int = 256
    learning_rate: float = 4e-3
    warmup_steps: int = 100
    final_learning_rate: float = 0.01
    hold: float = 0.1
    clip_norm: float = 1.0
    channel_weights: tuple[float, ...] = (1.0, 1.0, 1.0)
    amplitude_weight: float = 0.0
    lifetime_weight: float = 0.0
    response_lifetimes_ns: tuple[float, ...] = ()
    output: str = "sfd"
    mono_exponential: float | None = None
    mono_tau: str | None = None
    background: tuple[float, ...] = ()
    background_prior: str | None = None
    start_from: str | None = None
    validation_decays: int = 2048
    validation_every: int = 200
    patience: int = 0
    tolerance: float = 0.0
    max_steps: int = 0

    def __post_init__(self) -> None:
        check_name(self.name)
        _ = self.architecture
        self._check_schedule()
        self._check_direct()
        if len(self.channel_weights) != 3 or min(self.channel_weights) < 0 or max(self.channel_weights) <= 0:
            raise InputError(
                f"channel_weights={list(self.channel_weights)} must be three numbers >= 0, at least one > 0"
            )
        for name in ("seed", "patience", "amplitude_weight", "lifetime_weight"):
            if not getattr(self, name) >= 0:
                raise InputError(f"{name}={getattr(self, name)} must be >= 0")

    def _check_direct(self) -> None:
        if any(not 0 <= tau <= MAX_COLUMN_NS for tau in self.response_lifetimes_ns):
            raise InputError(
                f"response_lifetimes_ns={list(self.response_lifetimes_ns)} must be between 0 and "
                f"{MAX_COLUMN_NS:g}"
            )
        if self.lifetime_weight and self.output != "sfd":
            raise InputError(f"lifetime_weight={self.lifetime_weight} needs output='sfd'")
        if self.mono_exponential is not None and not 0 <= self.mono_exponential <= 1:
            raise InputError(f"mono_exponential={self.mono_exponential} must be between 0 and 1")
        if self.background and len(self.background) != 2:
            raise InputError(f"background={list(self.background)} must be [low, high]")
        if self.output == "lifetimes" and (self.cell != "lite" or len(self.layers) != 1):
            raise InputError("output='lifetimes' needs one layer with cell='lite'")

    def _check_schedule(self) -> None:
        if self.steps < 0 or (self.steps == 0 and self.start_from is None):
            raise InputError(f"steps={self.steps} must be >= 1, or 0 with start_from (no training)")
        for name in ("batch", "validation_decays", "validation_every"):
            if getattr(self, name) < 1:
                raise InputError(f"{name}={getattr(self, name)} must be >= 1")
        for name in ("learning_rate", "clip_norm"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name}={getattr(self, name)} must be > 0")
        for name in ("final_learning_rate", "hold"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name}={getattr(self, name)} must be between 0 and 1")
        self._check_convergence()
        if self.steps and not 0 <= self.warmup_steps < self.steps:
            raise InputError(f"warmup_steps={self.warmup_steps} must be >= 0 and < steps={self.steps}")

    def _check_convergence(self) -> None:
        if not 0 <= self.tolerance < 1:
            raise InputError(f"tolerance={self.tolerance} must be >= 0 and < 1")
        if self.tolerance and (self.patience or (self.steps and self.max_steps < self.steps)):
            raise InputError(
                f"tolerance={self.tolerance} needs max_steps={self.max_steps} >= steps={self.steps}, and "
                f"patience={self.patience} to be 0"
            )
        if self.max_steps and not self.tolerance:
            raise InputError(f"max_steps={self.max_steps} needs a tolerance > 0")

    @property
    def architecture(self) -> Architecture:
        """Layers and cell of the network."""
        return Architecture(
            self.layers, self.cell, n_inputs=1 + len(self.response_lifetimes_ns), output=self.output
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe in the form of its TOML file, with all defaults filled in.

        Keys that only some networks have are left out for the others, as in their cards.
        """
        table = plain_table(self)
        if self.output == "sfd":
            del table["output"]
        if self.output == "sfd" and not self.response_lifetimes_ns:
            del table["response_lifetimes_ns"]
        for name in ("background", "lifetime_weight", "tolerance", "max_steps"):
            if not getattr(self, name):
                del table[name]
        return table

    @classmethod
    def from_dict(cls, table: dict[str, Any], /) -> "Recipe":
        """Return the recipe of a parsed TOML file; raise InputError for unknown or missing keys."""
        return from_table(cls, table, name="the recipe")

    def beside(self, folder: Path, /) -> "Recipe":
        """Return the recipe with paths resolved relative to the folder of its file."""
        paths: dict[str, Any] = {
            key: str(folder / value)
            for key in ("instrument", "start_from")
            if (value := getattr(self, key)) and Path(value).suffix in (".toml", ".npz")
        }
        return dataclasses.replace(self, **paths)

    def by_name(self) -> "Recipe":
        """Return the recipe with names instead of paths of instrument and models."""
        names: dict[str, Any] = {"instrument": Path(self.instrument).stem}
        if self.start_from is not None:
            names["start_from"] = load_model(self.start_from).name
        return dataclasses.replace(self, **names)


def recipe_names() -> list[str]:
    """Return the names of the recipes of the shipped models.

    See Also
    --------
    load_recipe : Load a recipe by name.
    """
    return toml_names(configs_folder() / "recipes")


def load_recipe(name_or_path: str | Path, /) -> Recipe:
    """Return a shipped recipe by name, or the recipe in a TOML file.

    Raises
    ------
    InputError
        If the recipe does not exist or is invalid.

    See Also
    --------
    recipe_names : Names of the shipped recipes.
    """
    return load_named_toml(
        name_or_path,
        lambda table, folder: Recipe.from_dict(table).beside(folder),
        folder=configs_folder() / "recipes",
        what="recipe",
    )
