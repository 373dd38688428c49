"""Training loop for teachers and students."""

import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax
from threadpoolctl import threadpool_limits

from seq2seqlite.archive import Header
from seq2seqlite.errors import InputError
from seq2seqlite.models import ModelFile, Network
from seq2seqlite.simulation.simulator import Simulator
from seq2seqlite.training.checkpoint import read_checkpoint, write_checkpoint
from seq2seqlite.training.compiled import CompiledObjective, runs_compiled
from seq2seqlite.training.curve import last_fifth_improvement
from seq2seqlite.training.direct import DirectObjective
from seq2seqlite.training.objective import Batch, Objective
from seq2seqlite.training.recipe import Recipe

__all__ = ["Progress", "TrainingResult", "train"]

# Called with the step, the number of steps, and the latest training loss.
Progress = Callable[[int, int, float], None]
CHECKPOINT_SECONDS = 60.0


@dataclass(frozen=True)
class TrainingResult:
    """Result of a training run.

    Parameters
    ----------
    model : Network
        The network with the lowest validation loss.
    curve : list of dict
        Learning curve: ``step``, ``decays``, ``training_loss``, ``validation_loss``,
        ``validation_total_rmse``.
    summary : dict
        Number of steps and decays, duration in seconds, best validation loss, ``last_fifth_improvement``.
    """

    model: Network
    curve: list[dict[str, float]]
    summary: dict[str, Any]


CURVE = ("step", "decays", "training_loss", "validation_loss", "validation_total_rmse")
"""Columns of the learning curve. The last one of a direct network is the root mean square error of the mean
lifetime in units of its bound."""


@dataclass
class _State:
    step: int
    parameters: Any
    optimiser: Any
    best: Any
    best_loss: float = float("inf")
    seconds: float = 0.0
    curve: list[dict[str, float]] = field(default_factory=list)

    @property
    def validations_without_gain(self) -> int:
        losses = [row["validation_loss"] for row in self.curve]
        return len(losses) - 1 - int(np.argmin(losses)) if losses else 0


def train(
    recipe: Recipe,
    /,
    *,
    objective: Objective | None = None,
    checkpoint: str | Path | None = None,
    progress: Progress | None = None,
) -> TrainingResult:
    """Train a network on simulated decays.

    Parameters
    ----------
    recipe : Recipe
        Data, schedule and starting weights.
    objective : Objective, optional
        Network, data and loss. By default a float network is trained on the true SFD, and each decay is used
        once.
    checkpoint : path-like, optional
        File to which the state is saved every minute. If the file exists, the training resumes from it; the
        result equals that of an uninterrupted training bit for bit.
    progress : callable, optional
        Called after every step with the step, the number of steps, and the latest loss.

    Returns
    -------
    TrainingResult

    Raises
    ------
    InputError
        If the recipe does not match its instrument or its models, the checkpoint belongs to a different
        recipe, or the loss is no longer finite.
    """
    objective = objective_of(recipe) if objective is None else objective
    simulator = objective.simulator("train")
    optimiser = optax.chain(optax.clip_by_global_norm(recipe.clip_norm), optax.adam(_schedule(recipe)))
    start = jax.device_put(objective.start())
    state = _State(0, start, optimiser.init(start), start)
    if checkpoint is not None and Path(checkpoint).exists():
        state = _restored(state, Path(checkpoint), objective)
    step_function = _step_function(objective, optimiser)
    validate = _validator(recipe, objective)
    saved = began = time.monotonic() - state.seconds
    for batch in _prefetched(objective.batches(simulator, start=state.step)):
        if state.step >= recipe.steps or (
            recipe.patience and state.validations_without_gain >= recipe.patience
        ):
            break
        loss, state.parameters, state.optimiser = step_function(
            state.parameters, state.optimiser, batch, state.step
        )
        state.step += 1
        if progress is not None:
            progress(state.step, recipe.steps, float(loss))
        if state.step % recipe.validation_every == 0 or state.step == recipe.steps:
            _record(state, float(loss), validate, recipe, eligible=state.step >= objective.eligible_from)
        state.seconds = time.monotonic() - began
        if checkpoint is not None and time.monotonic() - saved > CHECKPOINT_SECONDS:
            _save(state, Path(checkpoint), objective)
            saved = time.monotonic()
    if checkpoint is not None:
        _save(state, Path(checkpoint), objective)
    return _result(state, recipe, objective, simulator)


def _record(
    state: _State,
    loss: float,
    validate: Callable[[Any, int], tuple[float, float]],
    recipe: Recipe,
    *,
    eligible: bool,
) -> None:
    validation_loss, total_rmse = validate(state.parameters, state.step)
    if not np.isfinite(loss) or not np.isfinite(validation_loss):
        raise InputError(
            f"the training diverged at step {state.step} (loss {loss}); "
            f"reduce learning_rate={recipe.learning_rate} or clip_norm={recipe.clip_norm}"
        )
    if eligible and validation_loss < state.best_loss:
        state.best_loss, state.best = validation_loss, state.parameters
    state.curve.append(
        {
            "step": state.step,
            "decays": state.step * recipe.batch,
            "training_loss": loss,
            "validation_loss": validation_loss,
            "validation_total_rmse": total_rmse,
        }
    )


def _result(state: _State, recipe: Recipe, objective: Objective, simulator: Simulator) -> TrainingResult:
    architecture, parameters, quantisation = objective.finished(state.best)
    instrument = simulator.instrument
    content = ModelFile(
        name=recipe.name,
        architecture=architecture,
        axis=instrument.axis,
        rising_edge_ns=simulator.rising_edge_ns,
        n_baseline=objective.n_baseline(simulator),
        instrument=instrument.name,
        parameters=parameters,
        quantisation=quantisation,
        **objective.described_result(state.best),
    )
    summary = {
        "steps": state.step,
        "decays": state.step * recipe.batch,
        "seconds": round(state.seconds, 1),
        "best_validation_loss": state.best_loss,
        "last_fifth_improvement": last_fifth_improvement(state.curve),
    }
    return TrainingResult(Network(content), state.curve, summary)


def _schedule(recipe: Recipe) -> optax.Schedule:
    moving = max(recipe.warmup_steps + 1, round(recipe.steps * (1 - recipe.hold)))
    return optax.warmup_cosine_decay_schedule(
        init_value=0.0,
        peak_value=recipe.learning_rate,
        warmup_steps=recipe.warmup_steps,
        decay_steps=moving,
        end_value=recipe.learning_rate * recipe.final_learning_rate,
    )


def objective_of(recipe: Recipe, /) -> Objective:
    """Return the objective of a float network: compiled for one layer of ``lite`` cells, else in JAX."""
    if recipe.output == "lifetimes":
        return DirectObjective(recipe)
    return CompiledObjective(recipe) if runs_compiled(recipe) else Objective(recipe)


def _step_function(objective: Objective, optimiser: Any) -> Any:
    @jax.jit
    def update(gradients: Any, optimiser_state: Any, parameters: Any) -> tuple[Any, Any]:
        updates, optimiser_state = optimiser.update(gradients, optimiser_state, parameters)
        return optax.apply_updates(parameters, updates), optimiser_state

    def step(parameters: Any, optimiser_state: Any, batch: Any, number: int) -> tuple[Any, Any, Any]:
        loss, gradients = objective.loss_and_gradient(parameters, batch, number)
        return loss, *update(gradients, optimiser_state, parameters)

    return jax.jit(step) if objective.traceable else step


def _validator(recipe: Recipe, objective: Objective) -> Callable[[Any, int], tuple[float, float]]:
    """Return a function that computes the loss and the error on the validation split."""
    simulator = objective.simulator("validation")
    batch = objective.batch(simulator, simulator.decays(recipe.validation_decays))
    return lambda parameters, number: objective.validation(parameters, batch, number)


def _prefetched(batches: Iterator[Batch]) -> Iterator[Batch]:
    """Yield batches; the next batch is simulated while the current one is used."""
    # The products of a batch are small. Threads of BLAS that wait for each other on a busy machine would take
    # eight times the processor time of the simulation.
    with ThreadPoolExecutor(1) as pool, threadpool_limits(1, user_api="blas"):
        pending = pool.submit(next, batches)
        while True:
            batch = pending.result()
            pending = pool.submit(next, batches)
            yield batch


def _save(state: _State, path: Path, objective: Objective) -> None:
    trees = {"parameters": state.parameters, "optimiser": state.optimiser, "best": state.best}
    values = {
        "step": state.step,
        "best_loss": state.best_loss if math.isfinite(state.best_loss) else None,
        "seconds": state.seconds,
        "curve": state.curve,
    }
    write_checkpoint(path, trees=trees, values=values, recipe=objective.described())


def _restored(fresh: _State, path: Path, objective: Objective) -> _State:
    trees = {"parameters": fresh.parameters, "optimiser": fresh.optimiser, "best": fresh.best}
    trees, values = read_checkpoint(path, like=trees, recipe=objective.described())
    best = values.optional_number("best_loss", -1e30, 1e30)
    return _State(
        **trees,
        step=values.integer("step", 0, 2**53),
        best_loss=math.inf if best is None else best,
        seconds=values.number("seconds", 0, 1e12),
        curve=_curve(values),
    )


def _curve(values: Header) -> list[dict[str, float]]:
    rows = values["curve"]
    if not isinstance(rows, list) or not all(
        isinstance(row, dict) and set(row) == set(CURVE) for row in rows
    ):
        values.refuse(f"curve must be a list of objects with {', '.join(CURVE)}")
    for row in rows:
        checked = Header(row, where=values.where, remedy=values.remedy)
        for key in CURVE:
            checked.number(key, -1e30, 1e30)
    return list(rows)
