"""Training loop for teachers and students."""

import math
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax
from threadpoolctl import threadpool_limits

from seq2seqlite.archive import Header
from seq2seqlite.errors import InputError
from seq2seqlite.models import Network
from seq2seqlite.simulation.simulator import Simulator
from seq2seqlite.training.checkpoint import read_checkpoint, write_checkpoint
from seq2seqlite.training.compiled import CompiledObjective, runs_compiled
from seq2seqlite.training.curve import last_fifth_improvement
from seq2seqlite.training.direct import DirectObjective
from seq2seqlite.training.objective import Batch, Objective
from seq2seqlite.training.recipe import Recipe
from seq2seqlite.training.stages import Stage, has_converged, last_stage_gain, learning_rate, stages_of

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
        ``validation_total_rmse``; with a tolerance also ``cool_down``: 0 at a constant learning rate, else
        the number of the stage, counted from 1.
    summary : dict
        Number of steps and decays, duration in seconds, best validation loss, ``last_fifth_improvement``;
        with a tolerance also ``converged``, ``stage_losses`` (validation loss at the end of each stage) and
        ``steps_computed`` (with the cool-downs of earlier stages).
    """

    model: Network
    curve: list[dict[str, float]]
    summary: dict[str, Any]


CURVE = ("step", "decays", "training_loss", "validation_loss", "validation_total_rmse")
"""Columns of the learning curve. The last one of a direct network is the root mean square error of the mean
lifetime in units of its bound."""
STAGE = "cool_down"
"""Further column of a training with a tolerance."""


@dataclass
class _State:
    step: int
    parameters: Any
    optimiser: Any
    best: Any
    # Parameters and optimiser before the cool-down of the current stage.
    before_cool_down: Any = None
    best_loss: float = float("inf")
    seconds: float = 0.0
    curve: list[dict[str, float]] = field(default_factory=list)
    stage_losses: list[float] = field(default_factory=list)

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
    run = _Run(recipe, objective, None if checkpoint is None else Path(checkpoint), progress)
    if recipe.tolerance:
        _train_in_stages(run, stages_of(recipe))
    else:
        run.advance(recipe.steps)
    run.save()
    return run.result()


class _Run:
    """A training run: its state, and what changes it."""

    def __init__(
        self, recipe: Recipe, objective: Objective, checkpoint: Path | None, progress: Progress | None
    ) -> None:
        self.recipe, self.objective = recipe, objective
        self.checkpoint, self.progress = checkpoint, progress
        self.simulator = objective.simulator("train")
        optimiser = _optimiser(recipe)
        start = jax.device_put(objective.start())
        self.state = _State(0, start, optimiser.init(start), start)
        if recipe.tolerance:
            self.state.before_cool_down = (self.state.parameters, self.state.optimiser)
        if checkpoint is not None and checkpoint.exists():
            self.state = _restored(self.state, checkpoint, objective)
        self._step = _step_function(objective, optimiser)
        self._validate = _validator(recipe, objective)
        self._saved = self._began = time.monotonic() - self.state.seconds

    def advance(self, end: int, *, stage: Stage | None = None) -> None:
        """Train up to a step, at the learning rate of a stage."""
        state, recipe = self.state, self.recipe
        with closing(_prefetched(self.objective.batches(self.simulator, start=state.step))) as batches:
            while state.step < end and not self._out_of_patience():
                if stage is not None:
                    rate = np.float32(learning_rate(recipe, stage, state.step))
                    state.optimiser = optax.tree_utils.tree_set(
                        state.optimiser, learning_rate=jax.device_put(rate)
                    )
                loss, state.parameters, state.optimiser = self._step(
                    state.parameters, state.optimiser, next(batches), state.step
                )
                state.step += 1
                whole = end if stage is None else stage.end
                if self.progress is not None:
                    self.progress(state.step, whole, float(loss))
                if state.step % recipe.validation_every == 0 or state.step == whole:
                    self._record(float(loss), whole, stage)
                state.seconds = time.monotonic() - self._began
                if time.monotonic() - self._saved > CHECKPOINT_SECONDS:
                    self.save()

    def _out_of_patience(self) -> bool:
        patience = self.recipe.patience
        return bool(patience) and self.state.validations_without_gain >= patience

    def _record(self, loss: float, end: int, stage: Stage | None) -> None:
        state, recipe = self.state, self.recipe
        validation_loss, total_rmse = self._validate(state.parameters, state.step)
        if not np.isfinite(loss) or not np.isfinite(validation_loss):
            raise InputError(
                f"the training diverged at step {state.step} (loss {loss}); "
                f"reduce learning_rate={recipe.learning_rate} or clip_norm={recipe.clip_norm}"
            )
        cooling = stage is None or state.step > stage.begin
        eligible = cooling and self.objective.eligible(state.step, end=end)
        if eligible and validation_loss < state.best_loss:
            state.best_loss, state.best = validation_loss, state.parameters
        row = {
            "step": state.step,
            "decays": state.step * recipe.batch,
            "training_loss": loss,
            "validation_loss": validation_loss,
            "validation_total_rmse": total_rmse,
        }
        state.curve.append(row if stage is None else {**row, STAGE: cooling * (stage.number + 1)})

    def end_stage(self, stage: Stage) -> None:
        """Record the loss at the end of a stage: the lowest of the weights that may become the result."""
        losses = [
            row["validation_loss"]
            for row in self.state.curve
            if row[STAGE] == stage.number + 1 and self.objective.eligible(int(row["step"]), end=stage.end)
        ]
        self.state.stage_losses.append(min(losses))

    def save(self) -> None:
        """Write the checkpoint."""
        if self.checkpoint is not None:
            _save(self.state, self.checkpoint, self.objective)
        self._saved = time.monotonic()

    def result(self) -> TrainingResult:
        """Return the network with the lowest validation loss."""
        return _result(self.state, self.recipe, self.objective, self.simulator)


def _train_in_stages(run: _Run, stages: list[Stage]) -> None:
    """Train until the loss at the end of a stage is hardly lower than that of the previous one."""
    state = run.state
    for stage in stages[len(state.stage_losses) :]:
        if has_converged(state.stage_losses, run.recipe.tolerance):  # in the checkpoint
            return
        if state.step <= stage.begin:  # else the checkpoint is from the cool-down
            run.advance(stage.begin, stage=stage)
            state.before_cool_down = (state.parameters, state.optimiser)
        run.advance(stage.end, stage=stage)
        run.end_stage(stage)
        if has_converged(state.stage_losses, run.recipe.tolerance) or stage is stages[-1]:
            return
        # The next stage continues at the constant rate, as if there had been no cool-down.
        state.parameters, state.optimiser = state.before_cool_down
        state.step = stage.begin
        run.save()


def _result(state: _State, recipe: Recipe, objective: Objective, simulator: Simulator) -> TrainingResult:
    summary: dict[str, Any] = {
        "steps": state.step,
        "decays": state.step * recipe.batch,
        "seconds": round(state.seconds, 1),
        "best_validation_loss": state.best_loss,
        "last_fifth_improvement": last_stage_gain(state.stage_losses)
        if recipe.tolerance
        else last_fifth_improvement(state.curve),
    }
    if recipe.tolerance:
        stages = stages_of(recipe)[: len(state.stage_losses)]
        summary |= {
            "converged": has_converged(state.stage_losses, recipe.tolerance),
            "stage_losses": state.stage_losses,
            "steps_computed": stages[-1].begin + sum(stage.end - stage.begin for stage in stages),
        }
    return TrainingResult(objective.network(state.best, simulator), state.curve, summary)


def _optimiser(recipe: Recipe) -> Any:
    clip = optax.clip_by_global_norm(recipe.clip_norm)
    if recipe.tolerance:  # the learning rate is part of the state, because it depends on the stage
        return optax.chain(clip, optax.inject_hyperparams(optax.adam)(learning_rate=0.0))
    return optax.chain(clip, optax.adam(_schedule(recipe)))


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


def _prefetched(batches: Iterator[Batch]) -> Generator[Batch, None, None]:
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
    values: dict[str, Any] = {
        "step": state.step,
        "best_loss": state.best_loss if math.isfinite(state.best_loss) else None,
        "seconds": state.seconds,
        "curve": state.curve,
    }
    if state.before_cool_down is not None:
        values["stage_losses"] = state.stage_losses
    write_checkpoint(path, trees=_trees(state), values=values, recipe=objective.described())


def _trees(state: _State) -> dict[str, Any]:
    trees = {"parameters": state.parameters, "optimiser": state.optimiser, "best": state.best}
    if state.before_cool_down is not None:
        trees["before_cool_down"] = state.before_cool_down
    return trees


def _restored(fresh: _State, path: Path, objective: Objective) -> _State:
    trees, values = read_checkpoint(path, like=_trees(fresh), recipe=objective.described())
    best = values.optional_number("best_loss", -1e30, 1e30)
    staged = fresh.before_cool_down is not None
    return _State(
        **trees,
        step=values.integer("step", 0, 2**53),
        best_loss=math.inf if best is None else best,
        seconds=values.number("seconds", 0, 1e12),
        curve=_curve(values, (*CURVE, STAGE) if staged else CURVE),
        stage_losses=_stage_losses(values) if staged else [],
    )


def _stage_losses(values: Header) -> list[float]:
    losses = values["stage_losses"]
    if not isinstance(losses, list) or not all(isinstance(loss, float) for loss in losses):
        values.refuse("stage_losses must be a list of numbers")
    return list(losses)


def _curve(values: Header, keys: tuple[str, ...]) -> list[dict[str, float]]:
    rows = values["curve"]
    if not isinstance(rows, list) or not all(isinstance(row, dict) and set(row) == set(keys) for row in rows):
        values.refuse(f"curve must be a list of objects with {', '.join(keys)}")
    for row in rows:
        checked = Header(row, where=values.where, remedy=values.remedy)
        for key in keys:
            checked.number(key, -1e30, 1e30)
    return list(rows)
