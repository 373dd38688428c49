"""Compression study: a grid of compression recipes, read from TOML, as runs with unique identifiers."""

import dataclasses
import hashlib
import itertools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seq2seqlite.compression.recipe import CompressionRecipe
from seq2seqlite.compression.reduction import reduced
from seq2seqlite.config import check_keys, check_name, from_table, load_named_toml, toml_names
from seq2seqlite.errors import InputError
from seq2seqlite.evaluation.conditions import N_IRFS
from seq2seqlite.models import load_model
from seq2seqlite.resources import configs_folder
from seq2seqlite.simulation.instrument import load_instrument
from seq2seqlite.studies.baselines import BASELINES

__all__ = ["PlannedRun", "Search", "Study", "load_study", "study_names"]

# Increased when the meaning of a recipe changes, so that old results are not used for new runs.
MEANING = 1
RUN = "run:"
# Tables of a compression recipe in a study file.
TABLES = {"training", "distillation", "sparsity", "quantisation"}


@dataclass(frozen=True)
class PlannedRun:
    """One run of a study: a recipe, and its place in the report.

    Parameters
    ----------
    id : str
        First ten hexadecimal digits of the SHA-256 digest of everything that determines the result: recipe,
        instrument, and weights of the starting model and of the teachers.
    group, label : str
        Table and row of the result in the report; equal for runs that differ only by their seed.
    recipe : CompressionRecipe
        Recipe; models of other runs have the form ``run:ID``.
    needs : tuple of str
        Identifiers of the runs whose models this run uses.
    baseline : str, optional
        Network of another family that is trained in place of a GRU: a name in
        :data:`~seq2seqlite.studies.baselines.networks.BASELINES`.
    late : bool
        Whether the run is performed after the search.

    See Also
    --------
    Study : Grid of runs, and the models that they are compared with.
    seq2seqlite.studies.runs.perform :
        Perform one run, or resume it after an interruption, and store its result.
    """

    id: str
    group: str
    label: str
    recipe: CompressionRecipe
    needs: tuple[str, ...]
    baseline: str | None = None
    late: bool = False

    def recipe_in(self, folder: Path, /) -> CompressionRecipe:
        """Return the recipe with model files in a results folder in place of ``run:ID``."""
        return _with_models(self.recipe, lambda name: _model_file(folder, name))


@dataclass(frozen=True)
class _Settings:
    name: str
    instrument: str
    teacher: str
    reference_decays: int = 20_000
    bound_repeats: int = 1000
    models: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_name(self.name)
        if self.reference_decays < 1:
            raise InputError(f"reference_decays={self.reference_decays} must be >= 1")
        if self.bound_repeats < N_IRFS:
            raise InputError(f"bound_repeats={self.bound_repeats} must be >= {N_IRFS}")


@dataclass(frozen=True)
class Search:
    """Search over combinations of values, in generations (:mod:`seq2seqlite.studies.search`).

    Parameters
    ----------
    points : int
        Number of runs.
    generation : int
        Number of runs that are planned together.
    seed : int
        Seed of the choice.
    vary : mapping of str to list
        Values of each dotted key, in the order in which they are neighbours.
    entry, defaults : mapping
        Group, label and tables of the runs, and the defaults of the study.
    folder : pathlib.Path
        Folder of the study file.

    See Also
    --------
    seq2seqlite.studies.search.generations : Yield the runs of a study in groups.
    """

    points: int
    generation: int
    seed: int
    vary: Mapping[str, list[Any]]
    entry: Mapping[str, Any]
    defaults: Mapping[str, Any]
    folder: Path

    def planned(self, values: Mapping[str, Any], before: Sequence["PlannedRun"], /) -> "PlannedRun":
        """Return the run with some values; ``before`` are the runs that it may refer to."""
        entry = {**self.entry, "vary": {key: [value] for key, value in values.items()}}
        group, label, recipe = _recipes(entry, self.defaults, self.folder)[0]
        return _planned(group, label, recipe, before)


@dataclass(frozen=True)
class Study:
    """Grid of runs, and the models that they are compared with.

    Parameters
    ----------
    name : str
        Name of the study.
    instrument : str
        Name of a shipped instrument, or path of a TOML file. All models are evaluated on its reference set.
    teacher : str
        Model whose error is the reference of all errors, until a run of the group ``teacher`` has finished.
    reference_decays : int
        Number of decays of the reference set.
    bound_repeats : int
        Number of measurements of each decay whose error is compared with its bound
        (``seq2seqlite.evaluation.accuracy.errors_over_bound``).
    models : tuple of str
        Trained models that are evaluated without further training.
    examples : tuple of str
        Labels of runs and names of models for which the report shows example decays.
    runs : tuple of PlannedRun
        Runs, in an order in which each run follows the runs that it needs.
    search : Search, optional
        Search for further runs.

    See Also
    --------
    load_study : Return a shipped study by name, or the study in a TOML file.
    seq2seqlite.run_study :
        Compare compression techniques on one instrument, and write a report; the command ``study``.
    """

    name: str
    instrument: str
    teacher: str
    reference_decays: int
    bound_repeats: int
    models: tuple[str, ...]
    examples: tuple[str, ...]
    runs: tuple[PlannedRun, ...]
    search: Search | None = None


def study_names() -> list[str]:
    """Return the names of the shipped studies.

    See Also
    --------
    load_study : Return a shipped study by name, or the study in a TOML file.
    """
    return toml_names(configs_folder() / "studies")


def load_study(name_or_path: str | Path, /) -> Study:
    """Return a shipped study by name, or the study in a TOML file.

    The file has the settings of :class:`Study`, a table ``[defaults]`` in the form of a compression recipe,
    and one or more tables ``[[run]]``. A table ``[[run]]`` has the keys ``group``, ``label``, ``seeds``
    (default ``[1]``), ``vary`` (dotted keys with lists of values; all combinations are run, and ``{key}`` in
    the label is replaced by the value), ``reduction = true`` (all sizes of
    :mod:`seq2seqlite.compression.reduction`) and ``baseline`` (a network of another family). It may also have
    the tables of a compression recipe, which override the defaults. ``{layers}`` in the label stands for the
    units of each layer. ``start_from`` and ``teachers`` may refer to an earlier run as ``run:LABEL``, with
    the same placeholders; a run with the same seed is preferred.

    A table ``[search]`` has ``group``, ``label``, ``vary`` and the tables of a compression recipe like a run,
    and ``points``, ``generation`` and ``seed`` (:class:`Search`). Runs with ``late = true`` follow it.

    Raises
    ------
    InputError
        If the study does not exist or is invalid.

    See Also
    --------
    study_names : Return the names of the shipped studies.
    seq2seqlite.run_study :
        Compare compression techniques on one instrument, and write a report; the command ``study``.
    """
    return load_named_toml(name_or_path, _study, folder=configs_folder() / "studies", what="study")


def _study(table: Mapping[str, Any], folder: Path) -> Study:
    keys = {field.name for field in dataclasses.fields(_Settings)}
    required = {"name", "instrument", "teacher", "run"}
    check_keys(table, known={*keys, "defaults", "run", "search"}, required=required, name="the study")
    settings = from_table(_Settings, {key: table[key] for key in keys if key in table}, name="the study")
    if Path(settings.instrument).suffix == ".toml":
        settings = dataclasses.replace(settings, instrument=str(folder / settings.instrument))
    defaults = {"training": {}, **table.get("defaults", {})}
    check_keys(defaults, known=TABLES, required=set(), name="[defaults]")
    _check_tables(defaults, TABLES, where="defaults.")
    defaults["training"] = {"instrument": table["instrument"], **defaults["training"]}
    runs: list[PlannedRun] = []
    if not isinstance(table["run"], list) or not table["run"]:
        raise InputError(f"run={table['run']!r} must be one or more tables [[run]]")
    for entry in table["run"]:
        _check_entry(entry)
        for group, label, recipe in _recipes(entry, defaults, folder):
            baseline, late = entry.get("baseline"), bool(entry.get("late", False))
            runs.append(_planned(group, label, recipe, runs, baseline=baseline, late=late))
    for name in (settings.teacher, *settings.models):
        load_model(name)
    for label in settings.examples:
        if label not in {run.label for run in runs} | {*settings.models, settings.teacher}:
            raise InputError(
                f"examples has {label!r}, which is neither the label of a run nor one of models; correct it"
            )
    if len({run.id for run in runs}) < len(runs):
        twice = next(run for i, run in enumerate(runs) if run.id in {other.id for other in runs[:i]})
        raise InputError(f"run {twice.label!r} of group {twice.group!r} occurs twice; remove one of them")
    search = _search(table["search"], defaults, folder) if "search" in table else None
    if search is not None:  # an invalid entry is reported now
        search.planned({key: values[0] for key, values in search.vary.items()}, runs)
    return Study(**{key: getattr(settings, key) for key in keys}, runs=tuple(runs), search=search)


def _search(entry: Any, defaults: Mapping[str, Any], folder: Path) -> Search:
    numbers = {"points": 64, "generation": 16, "seed": 1}
    if not isinstance(entry, Mapping):
        raise InputError(f"search={entry!r} must be a table")
    known = {*numbers, "group", "label", "vary"} | TABLES
    check_keys(entry, known=known, required={"group", "label", "vary"}, name="[search]")
    chosen = {key: entry.get(key, default) for key, default in numbers.items()}
    for key, value in chosen.items():
        if type(value) is not int or value < (key != "seed"):
            raise InputError(f"search.{key}={value!r} must be a positive integer")
    run = {key: value for key, value in entry.items() if key not in numbers}
    _check_entry(run)
    size = math.prod(len(values) for values in run["vary"].values())
    if size < chosen["points"]:
        raise InputError(
            f"search.points={chosen['points']} must be at most {size}, the number of combinations"
        )
    return Search(**chosen, vary=run.pop("vary"), entry=run, defaults=defaults, folder=folder)


def _check_entry(entry: Any) -> None:
    if not isinstance(entry, Mapping):
        raise InputError(f"run={entry!r} must be a table [[run]]")
    own = {"group", "label", "seeds", "vary", "reduction", "baseline", "late"}
    check_keys(entry, known=own | TABLES, required={"group", "label"}, name="[[run]]")
    _check_tables(entry, {*TABLES, "vary"}, where="run.")
    if entry.get("baseline") is not None and (
        entry["baseline"] not in BASELINES or set(entry) & (TABLES - {"training"}) or "reduction" in entry
    ):
        raise InputError(
            f"run.baseline={entry['baseline']!r} must be one of {', '.join(BASELINES)}, without compression"
        )
    for key in ("group", "label"):
        if not isinstance(entry[key], str):
            raise InputError(f"run.{key}={entry[key]!r} must be a string")
    lists = {"run.seeds": entry.get("seeds", [1])}
    lists.update({f"run.vary.{key}": value for key, value in entry.get("vary", {}).items()})
    for key, value in lists.items():
        if not isinstance(value, list) or not value:
            raise InputError(f"{key}={value!r} must be a list of values")


def _check_tables(table: Mapping[str, Any], names: set[str], /, *, where: str) -> None:
    for name in names & set(table):
        if not isinstance(table[name], Mapping):
            raise InputError(f"{where}{name}={table[name]!r} must be a table")


def _recipes(
    entry: Mapping[str, Any], defaults: Mapping[str, Any], folder: Path
) -> list[tuple[str, str, CompressionRecipe]]:
    vary = entry.get("vary", {})
    result = []
    for values in itertools.product(*vary.values()):
        merged = _merged(defaults, {key: entry[key] for key in TABLES if key in entry})
        chosen = dict(zip(vary, values, strict=True))
        for key, value in chosen.items():
            table, _, name = key.partition(".")
            merged = _merged(merged, {table: {name: value}})
        words = {key.rpartition(".")[2]: _text(value) for key, value in chosen.items()}
        label = _filled(entry["label"], words)
        for seed in entry.get("seeds", [1]):
            named = _merged(merged, {"training": {"seed": seed, "name": "student"}})
            recipe = CompressionRecipe.from_dict(named).beside(folder)
            for one in reduced(recipe) if entry.get("reduction") else [recipe]:
                size = {"layers": _text(list(one.training.layers))}
                filled = _with_models(one, lambda name, words=words | size: _filled(name, words))
                result.append((entry["group"], _filled(label, size), filled))
    return result


def _filled(text: str, words: Mapping[str, str]) -> str:
    """Return a text with the values of its placeholders, ``{layers}`` for example."""
    for key, value in words.items():
        text = text.replace(f"{{{key}}}", value)
    return text


def _text(value: Any) -> str:
    return "x".join(str(item) for item in value) if isinstance(value, list) else str(value)


def _merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = {key: dict(value) for key, value in under.items()}
    for key, value in over.items():
        merged[key] = {**merged.get(key, {}), **value}
    return merged


def _planned(
    group: str,
    label: str,
    recipe: CompressionRecipe,
    before: Sequence[PlannedRun],
    *,
    baseline: str | None = None,
    late: bool = False,
) -> PlannedRun:
    needs: list[str] = []

    def resolved(name: str) -> str:
        if not name.startswith(RUN):
            return name
        wanted = [run for run in before if run.label == name[len(RUN) :]]
        if not wanted:
            raise InputError(f"run {label!r} refers to {name!r}, but no earlier run has this label")
        same_seed = [run for run in wanted if run.recipe.training.seed == recipe.training.seed]
        needs.append((same_seed or wanted)[0].id)
        return f"{RUN}{needs[-1]}"

    recipe = _with_models(recipe, resolved)
    return PlannedRun(_identity(recipe, baseline), group, label, recipe, tuple(needs), baseline, late)


def _with_models(recipe: CompressionRecipe, rename: Any) -> CompressionRecipe:
    training, distillation = recipe.training, recipe.distillation
    if training.start_from is not None:
        training = dataclasses.replace(training, start_from=rename(training.start_from))
    if distillation is not None:
        teachers = tuple(rename(name) for name in distillation.teachers)
        distillation = dataclasses.replace(distillation, teachers=teachers)
    return dataclasses.replace(recipe, training=training, distillation=distillation)


def _model_file(folder: Path, name: str) -> str:
    return str(folder / name[len(RUN) :] / "student.npz") if name.startswith(RUN) else name


def _identity(recipe: CompressionRecipe, baseline: str | None) -> str:
    instrument = load_instrument(recipe.training.instrument).to_dict()
    content = _with_models(recipe, _content).to_dict()
    content["training"]["instrument"] = instrument
    if baseline is not None:
        content["baseline"] = baseline
    text = json.dumps([MEANING, content], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def _content(name: str) -> str:
    """Return the identity of a model: the run that trains it, or a digest of its weights."""
    if name.startswith(RUN):
        return name
    digest = hashlib.sha256()
    for key, value in sorted(load_model(name).content.parameters.items()):
        digest.update(key.encode())
        digest.update(value.tobytes())
    return digest.hexdigest()
