"""A compression recipe: how one student is made, read from TOML."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seq2seqlite.config import check_keys, from_table, load_named_toml, plain_table, toml_names
from seq2seqlite.errors import InputError
from seq2seqlite.models import WRITE_BACKS, load_model
from seq2seqlite.resources import configs_folder
from seq2seqlite.training.recipe import Recipe

__all__ = [
    "CompressionRecipe",
    "Distillation",
    "QuantisationPlan",
    "Sparsity",
    "compression_recipe_names",
    "load_compression_recipe",
]


@dataclass(frozen=True)
class Distillation:
    """Knowledge distillation: the student learns a teacher's output beside the truth.

    Parameters
    ----------
    teachers : tuple of str
        Models (names or paths); of several, the student learns the mean output.
    weight : float
        Weight of the teachers' output in the loss, 0 to 1; the truth has the rest.
    cached_decays : int
        The teachers are run once, on this many decays, which the training then repeats; 0 runs them on every
        new batch.
    trajectory_weight : float
        Weight of the squared distance between a learned linear map of the student's decoder states and those
        of the (one) teacher, in every step; needs ``cached_decays = 0``.
    """

    teachers: tuple[str, ...]
    weight: float = 0.5
    cached_decays: int = 0
    trajectory_weight: float = 0.0

    def __post_init__(self) -> None:
        if not self.teachers:
            raise InputError("distillation.teachers=[] must name at least one model")
        if not 0 <= self.weight <= 1:
            raise InputError(f"distillation.weight={self.weight} must be between 0 and 1")
        if self.cached_decays < 0 or not self.trajectory_weight >= 0:
            raise InputError(
                f"distillation.cached_decays={self.cached_decays} and "
                f"trajectory_weight={self.trajectory_weight} must be >= 0"
            )
        if self.trajectory_weight > 0 and (self.cached_decays or len(self.teachers) > 1):
            raise InputError(
                "distillation.trajectory_weight > 0 needs the states of one live teacher: "
                "set cached_decays = 0 and name one"
            )


@dataclass(frozen=True)
class Sparsity:
    """Magnitude pruning while training.

    Parameters
    ----------
    weights : float
        Share of the kernels' weights that are zero in the end (of the units that stay).
    units : float
        Share of each layer's units that go, which gives a smaller network.
    begin, end : float
        Share of the steps at which pruning begins and has reached its shares; between, they rise
        as 1 - (1 - t)^3 (Zhu & Gupta, arXiv:1710.01878).
    """

    weights: float = 0.0
    units: float = 0.0
    begin: float = 0.05
    end: float = 0.6

    def __post_init__(self) -> None:
        for name in ("weights", "units"):
            if not 0 <= getattr(self, name) < 1:
                raise InputError(f"sparsity.{name}={getattr(self, name)} must be >= 0 and < 1")
        if not 0 <= self.begin < self.end <= 1:
            raise InputError(f"sparsity.begin={self.begin} must be >= 0 and < end={self.end} <= 1")


@dataclass(frozen=True)
class QuantisationPlan:
    """Widths of a quantised student.

    Parameters
    ----------
    method : str
        ``qat``: the training sees the quantisers. ``ptq``: quantised after the training.
    weight_bits, bias_bits, head_bits : int
        Width of kernels, biases, and the head's kernel; 0 for ``weight_bits``.
    weight_integer_bits : int, optional
        Integer bits of the kernels; without, those with the smallest squared error are taken, tensor by
        tensor.
    weights_only : bool
        Whether everything else stays in floating point (only with ``ptq``).
    input_bits, state_bits, gate_bits, candidate_bits, product_bits, output_bits : int
        Width of everything else.
    write_back, residual_bits : str, int
        See :class:`~seq2seqlite.models.ActivationFormats`.
    learned : bool
        Whether each kernel weight's width, up to ``weight_bits``, is learned under a penalty.
    penalty : float
        With ``learned``, loss for effective bit operations (EBOPs), relative to all weights having their full
        width.
    """

    method: str = "qat"
    weight_bits: int = 8
    bias_bits: int = 0
    head_bits: int = 0
    weight_integer_bits: int | None = None
    weights_only: bool = False
    input_bits: int = 8
    state_bits: int = 8
    gate_bits: int = 8
    candidate_bits: int = 8
    product_bits: int = 8
    output_bits: int = 8
    write_back: str = "round"
    residual_bits: int = 0
    learned: bool = False
    penalty: float = 0.0

    def __post_init__(self) -> None:
        self._check_widths()
        if self.method not in ("qat", "ptq"):
            raise InputError(f"quantisation.method={self.method!r} is unknown; choose one of qat, ptq")
        if self.write_back not in WRITE_BACKS:
            raise InputError(
                f"quantisation.write_back={self.write_back!r} is unknown; "
                f"choose one of {', '.join(WRITE_BACKS)}"
            )
        if self.weights_only and self.method != "ptq":
            raise InputError("quantisation.weights_only=true needs method = 'ptq'")
        if self.learned and self.method != "qat":
            raise InputError("quantisation.learned=true needs method = 'qat'")
        if not self.penalty >= 0:
            raise InputError(f"quantisation.penalty={self.penalty} must be >= 0")

    def _check_widths(self) -> None:
        for name in ("weight_bits", "state_bits", "candidate_bits", "product_bits"):
            if not 2 <= getattr(self, name) <= 16:
                raise InputError(
                    f"quantisation.{name}={getattr(self, name)} must be 2 to 16: one bit is the sign"
                )
        for name in ("input_bits", "gate_bits", "output_bits"):
            if not 1 <= getattr(self, name) <= 16:
                raise InputError(f"quantisation.{name}={getattr(self, name)} must be 1 to 16")
        for name in ("bias_bits", "head_bits"):
            if getattr(self, name) not in (0, *range(2, 17)):
                raise InputError(f"quantisation.{name}={getattr(self, name)} must be 2 to 16, or 0")


@dataclass(frozen=True)
class CompressionRecipe:
    """How one student is made; the techniques compose.

    Parameters
    ----------
    training : Recipe
        Network, data and schedule; ``steps = 0`` takes the start as it is.
    distillation : Distillation, optional
        Teachers.
    sparsity : Sparsity, optional
        Pruning.
    quantisation : QuantisationPlan, optional
        Widths.
    """

    training: Recipe
    distillation: Distillation | None = None
    sparsity: Sparsity | None = None
    quantisation: QuantisationPlan | None = None

    def __post_init__(self) -> None:
        plan = self.quantisation
        if self.training.steps == 0 and (self.sparsity or (plan is not None and plan.method == "qat")):
            raise InputError("training.steps=0 leaves no time for pruning or quantisation-aware training")
        if plan is not None and not plan.weights_only and self.training.cell != "lite":
            raise InputError(
                f"training.cell={self.training.cell!r} has no fixed-point activations; use cell = 'lite', or "
                "quantisation.weights_only = true with method = 'ptq'"
            )

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as it stands in TOML or JSON, with every default filled in."""
        tables = {"training": self.training.to_dict()}
        for name in ("distillation", "sparsity", "quantisation"):
            if getattr(self, name) is not None:
                tables[name] = plain_table(getattr(self, name))
        return tables

    @classmethod
    def from_dict(cls, table: Mapping[str, Any], /) -> "CompressionRecipe":
        """Return the recipe of a parsed TOML file; every unknown or missing key is an InputError."""
        kinds = {"distillation": Distillation, "sparsity": Sparsity, "quantisation": QuantisationPlan}
        check_keys(table, known={"training", *kinds}, required={"training"}, name="the compression recipe")
        for name, value in table.items():
            if not isinstance(value, Mapping):
                raise InputError(f"{name}={value!r} must be a table")
        parts: dict[str, Any] = {
            name: from_table(kind, table[name], name=f"[{name}]", prefix=f"{name}.")
            for name, kind in kinds.items()
            if name in table
        }
        return cls(Recipe.from_dict(dict(table["training"])), **parts)

    def beside(self, folder: Path, /) -> "CompressionRecipe":
        """Return the recipe with its paths, which are relative to its file, made whole."""
        distillation = self.distillation
        if distillation is not None:
            teachers = tuple(
                str(folder / teacher) if Path(teacher).suffix == ".npz" else teacher
                for teacher in distillation.teachers
            )
            distillation = dataclasses.replace(distillation, teachers=teachers)
        return dataclasses.replace(self, training=self.training.beside(folder), distillation=distillation)

    def by_name(self) -> "CompressionRecipe":
        """Return the recipe with instrument and models by name, not by where their files are."""
        distillation = self.distillation
        if distillation is not None:
            teachers = tuple(load_model(teacher).name for teacher in distillation.teachers)
            distillation = dataclasses.replace(distillation, teachers=teachers)
        return dataclasses.replace(self, training=self.training.by_name(), distillation=distillation)


def compression_recipe_names() -> list[str]:
    """Return the names of the shipped compression recipes."""
    return toml_names(configs_folder() / "compression")


def load_compression_recipe(name_or_path: str | Path, /) -> CompressionRecipe:
    """Return a shipped compression recipe by its name, or one in a TOML file.

    Raises
    ------
    InputError
        If there is no such recipe, or it is not valid.
    """
    return load_named_toml(
        name_or_path,
        lambda table, folder: CompressionRecipe.from_dict(table).beside(folder),
        folder=configs_folder() / "compression",
        what="compression recipe",
    )
