"""The one training loop, for teachers and students alike."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.typing import NDArray

from seq2seqlite.datasets import Decays, Simulator, load_instrument
from seq2seqlite.decay import normalise_tpsf
from seq2seqlite.errors import InputError
from seq2seqlite.models import FloatModel, ModelFile, Parameters, initial_parameters, load_model
from seq2seqlite.models.differentiable import predict_sfd_jax
from seq2seqlite.training.checkpoint import read_checkpoint, write_checkpoint
from seq2seqlite.training.curve import last_fifth_improvement
from seq2seqlite.training.recipe import Recipe

__all__ = ["Progress", "TrainingResult", "train"]

# Called with the step, the number of steps, and the last training loss.
Progress = Callable[[int, int, float], None]
CHECKPOINT_SECONDS = 60.0


@dataclass(frozen=True)
class TrainingResult:
    """What a training gives.

    Parameters
    ----------
    model : FloatModel
        The network with the lowest validation loss.
    curve : list of dict
        Learning curve: ``step``, ``decays``, ``training_loss``, ``validation_loss``,
        ``validation_total_rmse``.
    summary : dict
        Steps, decays and seconds spent, best validation loss, ``last_fifth_improvement``.
    """

    model: FloatModel
    curve: list[dict[str, float]]
    summary: dict[str, Any]


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
    recipe: Recipe, /, *, checkpoint: str | Path | None = None, progress: Progress | None = None
) -> TrainingResult:
    """Train a network on simulated decays, each seen once.

    Parameters
    ----------
    recipe : Recipe
        Everything that decides the result.
    checkpoint : path-like, optional
        File to which the training is saved every minute, and from which it goes on, bit for bit as if never
        stopped.
    progress : callable, optional
        Called after every step with the step, the number of steps, and the last known loss.

    Returns
    -------
    TrainingResult

    Raises
    ------
    InputError
        If the recipe, its instrument or its models do not fit each other, the checkpoint is of another
        recipe, or the loss is no longer finite.
    """
    simulator = Simulator(load_instrument(recipe.instrument), seed=recipe.seed, split="train")
    teacher = _teacher(recipe, simulator)
    schedule = _schedule(recipe)
    optimiser = optax.chain(optax.clip_by_global_norm(recipe.clip_norm), optax.adam(schedule))
    start = _start_parameters(recipe)
    state = _State(0, start, optimiser.init(start), start)
    if checkpoint is not None and Path(checkpoint).exists():
        state = _restored(state, Path(checkpoint), recipe)
    step_function = _step_function(recipe, optimiser, teacher)
    validate = _validator(recipe)
    saved = began = time.monotonic() - state.seconds
    for inputs, targets in _prefetched(simulator, recipe, state.step):
        if state.step >= recipe.steps or (
            recipe.patience and state.validations_without_gain >= recipe.patience
        ):
            break
        loss, state.parameters, state.optimiser = step_function(
            state.parameters, state.optimiser, inputs, targets
        )
        state.step += 1
        if progress is not None:
            progress(state.step, recipe.steps, float(loss))
        if state.step % recipe.validation_every == 0 or state.step == recipe.steps:
            _record(state, float(loss), validate, recipe)
        state.seconds = time.monotonic() - began
        if checkpoint is not None and time.monotonic() - saved > CHECKPOINT_SECONDS:
            _save(state, Path(checkpoint), recipe)
            saved = time.monotonic()
    if checkpoint is not None:
        _save(state, Path(checkpoint), recipe)
    return _result(state, recipe, simulator)


def _record(
    state: _State, loss: float, validate: Callable[[Any], tuple[float, float]], recipe: Recipe
) -> None:
    validation_loss, total_rmse = validate(state.parameters)
    if not np.isfinite(loss) or not np.isfinite(validation_loss):
        raise InputError(
            f"the training diverged at step {state.step} (loss {loss}); "
            f"lower learning_rate={recipe.learning_rate} or clip_norm={recipe.clip_norm}"
        )
    if validation_loss < state.best_loss:
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


def _result(state: _State, recipe: Recipe, simulator: Simulator) -> TrainingResult:
    parameters: Parameters = {name: np.asarray(value) for name, value in state.best.items()}
    instrument = simulator.instrument
    content = ModelFile(
        name=recipe.name,
        architecture=recipe.architecture,
        axis=instrument.axis,
        rising_edge_ns=simulator.rising_edge_ns,
        n_baseline=simulator.n_baseline,
        instrument=instrument.name,
        parameters=parameters,
    )
    summary = {
        "steps": state.step,
        "decays": state.step * recipe.batch,
        "seconds": round(state.seconds, 1),
        "best_validation_loss": state.best_loss,
        "last_fifth_improvement": last_fifth_improvement(state.curve),
    }
    return TrainingResult(FloatModel(content), state.curve, summary)


def _schedule(recipe: Recipe) -> optax.Schedule:
    moving = max(recipe.warmup_steps + 1, round(recipe.steps * (1 - recipe.hold)))
    return optax.warmup_cosine_decay_schedule(
        init_value=0.0,
        peak_value=recipe.learning_rate,
        warmup_steps=recipe.warmup_steps,
        decay_steps=moving,
        end_value=recipe.learning_rate * recipe.final_learning_rate,
    )


def _step_function(recipe: Recipe, optimiser: Any, teacher: FloatModel | None) -> Any:
    weights = _relative_weights(recipe)
    share = recipe.teacher_weight if teacher is not None else 0.0
    frozen: Any = None if teacher is None else jax.device_put(teacher.content.parameters)

    def loss_function(parameters: Any, inputs: jax.Array, targets: jax.Array) -> jax.Array:
        predicted = predict_sfd_jax(recipe.architecture, parameters, inputs)
        loss = jnp.mean(weights * (predicted - targets) ** 2)
        if teacher is None:
            return loss
        soft = jax.lax.stop_gradient(predict_sfd_jax(teacher.architecture, frozen, inputs))
        return (1 - share) * loss + share * jnp.mean(weights * (predicted - soft) ** 2)

    @jax.jit
    def step(
        parameters: Any, optimiser_state: Any, inputs: jax.Array, targets: jax.Array
    ) -> tuple[Any, Any, Any]:
        loss, gradients = jax.value_and_grad(loss_function)(parameters, inputs, targets)
        updates, optimiser_state = optimiser.update(gradients, optimiser_state, parameters)
        return loss, optax.apply_updates(parameters, updates), optimiser_state

    return step


def _validator(recipe: Recipe) -> Callable[[Any], tuple[float, float]]:
    """Return a function that gives loss and total RMSE against the truth of the validation split."""
    simulator = Simulator(load_instrument(recipe.instrument), seed=recipe.seed, split="validation")
    inputs, targets = _arrays(simulator, simulator.decays(recipe.validation_decays))
    weights = _relative_weights(recipe)

    @jax.jit
    def squared_errors(parameters: Any, inputs: jax.Array, targets: jax.Array) -> jax.Array:
        return ((predict_sfd_jax(recipe.architecture, parameters, inputs) - targets) ** 2).mean((0, 1))

    def validate(parameters: Any) -> tuple[float, float]:
        errors = np.asarray(squared_errors(parameters, inputs, targets), np.float64)
        return float((weights * errors).mean()), float(np.sqrt(errors[0]))

    return validate


def _relative_weights(recipe: Recipe) -> NDArray[np.float32]:
    weights = np.asarray(recipe.channel_weights, np.float32)
    return np.asarray(weights / weights.mean(), np.float32)


def _arrays(simulator: Simulator, decays: Decays) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return inputs (n, n_gates) and targets (n_gates, n, 3) of simulated decays."""
    targets = np.ascontiguousarray(simulator.sfd(decays).transpose(2, 0, 1))
    return normalise_tpsf(decays.tpsf, n_baseline=simulator.n_baseline), targets


def _prefetched(simulator: Simulator, recipe: Recipe, start: int) -> Any:
    """Yield batches for ever, the next one being simulated while the last one is used."""
    stream = simulator.stream(batch=recipe.batch, start=start)
    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(lambda: _arrays(simulator, next(stream)))
        while True:
            batch = pending.result()
            pending = pool.submit(lambda: _arrays(simulator, next(stream)))
            yield batch


def _teacher(recipe: Recipe, simulator: Simulator) -> FloatModel | None:
    if recipe.teacher is None:
        return None
    model = load_model(recipe.teacher)
    if model.axis != simulator.instrument.axis:
        raise InputError(
            f"teacher {model.name} was made for another axis ({model.axis}) "
            f"than instrument {recipe.instrument} ({simulator.instrument.axis})"
        )
    return model


def _start_parameters(recipe: Recipe) -> Any:
    if recipe.start_from is None:
        return jax.device_put(initial_parameters(recipe.architecture, seed=recipe.seed))
    model = load_model(recipe.start_from)
    if model.architecture != recipe.architecture:
        raise InputError(
            f"start_from={recipe.start_from!r} has {model.architecture}, the recipe {recipe.architecture}; "
            "they must be equal"
        )
    return jax.device_put(model.content.parameters)


def _save(state: _State, path: Path, recipe: Recipe) -> None:
    trees = {"parameters": state.parameters, "optimiser": state.optimiser, "best": state.best}
    values = {
        "step": state.step,
        "best_loss": state.best_loss,
        "seconds": state.seconds,
        "curve": state.curve,
    }
    write_checkpoint(path, trees=trees, values=values, recipe=recipe.to_dict())


def _restored(fresh: _State, path: Path, recipe: Recipe) -> _State:
    trees = {"parameters": fresh.parameters, "optimiser": fresh.optimiser, "best": fresh.best}
    trees, values = read_checkpoint(path, like=trees, recipe=recipe.to_dict())
    return _State(**trees, **values)
