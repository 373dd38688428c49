"""Compression recipe: all settings that determine a student, read from TOML."""

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
from seq2seqlite.training.stages import COOL_DOWN

__all__ = [
    "CompressionRecipe",
    "Distillation",
    "QuantisationPlan",
    "Sparsity",
    "compression_recipe_names",
    "load_compression_recipe",
]


LATER_KEYS = ("operand_bits", "response_bits", "response_integer_bits", "full_gate", "per_channel")


@dataclass(frozen=True)
class Distillation:
    """Settings of knowledge distillation: the student learns the teachers' output and the true SFD.

    Parameters
    ----------
    teachers : tuple of str
        Models (names or paths); the student learns the mean output of several teachers.
    weight : float
        Weight of the teachers' output in the loss, 0 to 1; the true SFD, or the true lifetimes of a direct
        network, have the weight ``1 - weight``.
    cached_decays : int
        Number of decays on which the teachers are evaluated once, and which training then repeats; 0
        evaluates the teachers on new decays in every batch.
    trajectory_weight : float
        Weight of the squared distance, over all steps, between the decoder states of the teacher and a
        learned linear map of the student's decoder states; requires one teacher and ``cached_decays = 0``.

    See Also
    --------
    CompressionRecipe : Settings of one student; all compression techniques can be combined.
    seq2seqlite.compression.distillation.Teachers :
        One or more trained networks whose mean output is the soft target of a student.
    """

    teachers: tuple[str, ...]
    weight: float = 0.5
    cached_decays: int = 0
    trajectory_weight: float = 0.0

    def __post_init__(self) -> None:
        if not self.teachers:
            raise InputError("distillation.teachers=[] must have at least one model")
        if not 0 <= self.weight <= 1:
            raise InputError(f"distillation.weight={self.weight} must be between 0 and 1")
        if self.cached_decays < 0 or not self.trajectory_weight >= 0:
            raise InputError(
                f"distillation.cached_decays={self.cached_decays} and "
                f"trajectory_weight={self.trajectory_weight} must be >= 0"
            )
        if self.trajectory_weight > 0 and (self.cached_decays or len(self.teachers) > 1):
            raise InputError(
                f"distillation.trajectory_weight={self.trajectory_weight} > 0 requires cached_decays = 0 and "
                "exactly one teacher"
            )


@dataclass(frozen=True)
class Sparsity:
    """Settings of magnitude pruning during training.

    Parameters
    ----------
    weights : float
        Final share of zeros among the kernel weights of the remaining units.
    units : float
        Share of the units removed from each layer, which makes the network smaller.
    begin, end : float
        Start and end of pruning, as shares of the steps. In between, the pruned share rises as
        1 - (1 - t)^3 (Zhu & Gupta, arXiv:1710.01878).

    See Also
    --------
    CompressionRecipe : Settings of one student; all compression techniques can be combined.
    seq2seqlite.compression.sparsity.prune_weights :
        Return the parameters with the smallest weights, across all kernels, set to zero.
    seq2seqlite.compression.sparsity.prune_units :
        Return the parameters with all weights of the least important units set to zero.
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
    """Settings of quantisation: method and bit widths.

    Parameters
    ----------
    method : str
        ``qat``: quantisation-aware training. ``ptq``: post-training quantisation.
    weight_bits, bias_bits, head_bits : int
        Bit widths of kernels, biases, and the kernel of the head; 0 stands for ``weight_bits``.
    weight_integer_bits : int, optional
        Integer bits of the kernels. By default the number with the smallest squared error is chosen for each
        tensor.
    weights_only : bool
        Whether the activations remain in floating point (only with ``ptq``).
    input_bits, state_bits, gate_bits, candidate_bits, product_bits, output_bits : int
        Bit widths of the activations.
    operand_bits : int
        Number of leading bits of the state that the matrix products use; 0 for all.
    response_bits, response_integer_bits : int
        Bit width of the columns of the response, and integer bits among them.
    full_gate : bool
        Whether a gate of 1 is exact (see :class:`~seq2seqlite.models.ActivationFormats`): its code of
        ``2**gate_bits`` needs one bit more.
    per_channel : bool
        Whether each column of a kernel has its own binary point; in an adder graph, this costs nothing.
    write_back, residual_bits : str, int
        See :class:`~seq2seqlite.models.ActivationFormats`.
    learned : bool
        Whether the bit width of each kernel weight, up to ``weight_bits``, is learned.
    penalty : float
        With ``learned``, weight of the effective bit operations (EBOPs) in the loss, relative to the EBOPs at
        full width.

    See Also
    --------
    CompressionRecipe : Settings of one student; all compression techniques can be combined.
    seq2seqlite.compression.ptq.quantise_network : Return a float network after post-training quantisation.
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
    operand_bits: int = 0
    response_bits: int = 8
    response_integer_bits: int = 1
    full_gate: bool = False
    per_channel: bool = False
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
            raise InputError("quantisation.weights_only=true requires method = 'ptq'")
        if self.learned and self.method != "qat":
            raise InputError("quantisation.learned=true requires method = 'qat'")
        if self.per_channel and (self.learned or self.weight_integer_bits is not None):
            raise InputError(
                "quantisation.per_channel=true requires learned = false, and no weight_integer_bits"
            )
        if not self.penalty >= 0:
            raise InputError(f"quantisation.penalty={self.penalty} must be >= 0")

    def _check_widths(self) -> None:
        for name in ("weight_bits", "state_bits", "candidate_bits", "product_bits"):
            if not 2 <= getattr(self, name) <= 16:
                raise InputError(
                    f"quantisation.{name}={getattr(self, name)} must be 2 to 16, including the sign"
                )
        for name in ("input_bits", "gate_bits", "output_bits"):
            if not 1 <= getattr(self, name) <= 16:
                raise InputError(f"quantisation.{name}={getattr(self, name)} must be 1 to 16")
        if not 0 <= self.response_integer_bits < self.response_bits <= 16:
            raise InputError(
                f"quantisation.response_bits={self.response_bits} must be > "
                f"response_integer_bits={self.response_integer_bits} and <= 16"
            )
        if self.operand_bits > self.state_bits:
            raise InputError(
                f"quantisation.operand_bits={self.operand_bits} must be <= state_bits={self.state_bits}"
            )
        for name in ("bias_bits", "head_bits", "operand_bits"):
            if getattr(self, name) not in (0, *range(2, 17)):
                raise InputError(f"quantisation.{name}={getattr(self, name)} must be 2 to 16, or 0")


@dataclass(frozen=True)
class CompressionRecipe:
    """Settings of one student; all compression techniques can be combined.

    Parameters
    ----------
    training : Recipe
        Network, data and schedule; ``steps = 0`` uses the starting weights without training.
    distillation : Distillation, optional
        Knowledge distillation.
    sparsity : Sparsity, optional
        Pruning.
    quantisation : QuantisationPlan, optional
        Quantisation.

    See Also
    --------
    load_compression_recipe : Return a shipped compression recipe by name, or the recipe in a TOML file.
    seq2seqlite.compress_model :
        Reduce, prune, distil and quantise a network by a recipe, and write the student and its card.
    seq2seqlite.training.Recipe : Settings of the training of one network.
    """

    training: Recipe
    distillation: Distillation | None = None
    sparsity: Sparsity | None = None
    quantisation: QuantisationPlan | None = None

    def __post_init__(self) -> None:
        plan = self.quantisation
        if self.training.output != "sfd":
            self._check_distillation_of_direct()
            if plan is not None and (plan.weights_only or plan.write_back != "round"):
                raise InputError(
                    f"training.output={self.training.output!r} must have quantisation.weights_only=false and "
                    "write_back='round'"
                )
        elif self.training.response_lifetimes_ns or self.training.lifetime_weight:
            self._check_compiled()
        if self.training.steps == 0 and (self.sparsity or (plan is not None and plan.method == "qat")):
            raise InputError(
                "training.steps=0 must be > 0 for pruning or quantisation-aware training; set steps or "
                "remove the techniques"
            )
        if self.training.tolerance and self.sparsity is not None:
            first = (1 - COOL_DOWN) ** 2
            if self.sparsity.end > first:
                raise InputError(
                    f"sparsity.end={self.sparsity.end} must be <= {first:.2f} with "
                    "training.tolerance: pruning must end before the first cool-down"
                )
        if plan is not None and not plan.weights_only and self.training.cell != "lite":
            raise InputError(
                f"training.cell={self.training.cell!r} does not support fixed-point activations; use "
                "cell = 'lite', or quantisation.weights_only = true with method = 'ptq'"
            )

    def _check_distillation_of_direct(self) -> None:
        """Check what distillation of a direct network supports."""
        distillation = self.distillation
        if distillation is not None and (distillation.cached_decays or distillation.trajectory_weight):
            raise InputError(
                f"training.output={self.training.output!r} must have distillation.cached_decays=0 and "
                "trajectory_weight=0"
            )

    def _check_compiled(self) -> None:
        """Check what the training of a network with a decoder on responses or lifetimes supports."""
        plan, training = self.quantisation, self.training
        what = "training.response_lifetimes_ns or training.lifetime_weight of a network with a decoder"
        if self.distillation is not None:
            raise InputError(f"{what} is not available with distillation; remove [distillation]")
        if training.cell != "lite" or len(training.layers) != 1:
            raise InputError(
                f"{what} needs one layer with cell='lite', not layers={list(training.layers)} "
                f"with cell={training.cell!r}"
            )
        if plan is not None and (plan.weights_only or plan.write_back != "round"):
            raise InputError(f"{what} needs quantisation.weights_only=false and write_back='round'")

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe in the form of its TOML file, with all defaults filled in."""
        tables = {"training": self.training.to_dict()}
        for name in ("distillation", "sparsity", "quantisation"):
            if getattr(self, name) is not None:
                tables[name] = plain_table(getattr(self, name))
        plan = tables.get("quantisation", {})
        for name in LATER_KEYS:  # as in the cards of students from before there was a choice
            if plan and plan[name] == getattr(QuantisationPlan, name):
                del plan[name]
        return tables

    @classmethod
    def from_dict(cls, table: Mapping[str, Any], /) -> "CompressionRecipe":
        """Return the recipe of a parsed TOML file; raise InputError for unknown or missing keys."""
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
        """Return the recipe with paths resolved relative to the folder of its file."""
        distillation = self.distillation
        if distillation is not None:
            teachers = tuple(
                str(folder / teacher) if Path(teacher).suffix == ".npz" else teacher
                for teacher in distillation.teachers
            )
            distillation = dataclasses.replace(distillation, teachers=teachers)
        return dataclasses.replace(self, training=self.training.beside(folder), distillation=distillation)

    def by_name(self) -> "CompressionRecipe":
        """Return the recipe with names instead of paths of instrument and models."""
        distillation = self.distillation
        if distillation is not None:
            teachers = tuple(load_model(teacher).name for teacher in distillation.teachers)
            distillation = dataclasses.replace(distillation, teachers=teachers)
        return dataclasses.replace(self, training=self.training.by_name(), distillation=distillation)


def compression_recipe_names() -> list[str]:
    """Return the names of the shipped compression recipes.

    See Also
    --------
    load_compression_recipe : Load a recipe by name.
    """
    return toml_names(configs_folder() / "compression")


def load_compression_recipe(name_or_path: str | Path, /) -> CompressionRecipe:
    """Return a shipped compression recipe by name, or the recipe in a TOML file.

    Raises
    ------
    InputError
        If the recipe does not exist or is invalid.

    See Also
    --------
    compression_recipe_names : Names of the shipped recipes.
    """
    return load_named_toml(
        name_or_path,
        lambda table, folder: CompressionRecipe.from_dict(table).beside(folder),
        folder=configs_folder() / "compression",
        what="compression recipe",
    )
