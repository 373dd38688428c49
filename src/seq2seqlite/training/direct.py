"""Training objective of direct networks: errors of lifetimes in units of their Cramér-Rao bound."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from seq2seqlite.gru.gradient import Saved, lite_backward, lite_last_state
from seq2seqlite.models import ErrorScale
from seq2seqlite.models.architecture import DIRECT_OUTPUTS
from seq2seqlite.models.jax_forward import last_state_jax
from seq2seqlite.models.network import MAX_LOG
from seq2seqlite.simulation.instrument import load_instrument
from seq2seqlite.simulation.simulator import Decays, Simulator
from seq2seqlite.training.calibration import calibration_decays, count_bins, error_factor
from seq2seqlite.training.loss import bound_loss, has_meaning, true_lifetimes, units
from seq2seqlite.training.objective import Objective
from seq2seqlite.training.recipe import Recipe

__all__ = [
    "ENCODER",
    "N_QUANTITIES",
    "DirectBatch",
    "DirectObjective",
    "head_loss",
    "head_outputs",
    "head_weights",
]

N_QUANTITIES = len(DIRECT_OUTPUTS)
# Weight of the likelihood of the predicted errors. It reaches the lifetimes only through the encoder.
LIKELIHOOD_WEIGHT = 0.1
# Degrees of freedom of Student's distribution of the residuals: its gradient is bounded.
FREEDOM = 5.0
ENCODER = ("encoder/0/kernel", "encoder/0/recurrent_kernel", "encoder/0/bias")


class DirectBatch(NamedTuple):
    """Training data of one update.

    Parameters
    ----------
    inputs : ndarray, shape (n_gates, n, n_inputs)
        Normalised TPSFs and columns of the response.
    targets : ndarray, shape (n, 4)
        True mean, short and long lifetime, in ns, and amplitude fraction.
    bounds : ndarray, shape (n,)
        Bound of the mean lifetime, in ns.
    counts : ndarray, shape (n,)
        Counts.
    soft_targets : ndarray, shape (n, 4), optional
        Lifetimes and amplitude fraction predicted by a teacher.

    See Also
    --------
    DirectObjective : Objective that creates these arrays.
    """

    inputs: Any
    targets: Any
    bounds: Any
    counts: Any
    soft_targets: Any = None


class DirectObjective(Objective):
    """Objective of a direct network with one layer of ``lite`` cells.

    Parameters
    ----------
    recipe : Recipe
        Recipe with ``output="lifetimes"``.

    See Also
    --------
    seq2seqlite.training.Recipe : Settings of the training.

    Notes
    -----
    The loss is a pseudo-Huber function of the error over its bound, so that decays of all lifetimes and
    photon numbers count alike, plus the likelihood of the residuals under the predicted errors (with the
    distribution of Student).
    """

    traceable = False

    def __init__(self, recipe: Recipe, /) -> None:
        super().__init__(recipe)
        self._saved: Saved | None = None
        self._head_gradient = jax.jit(jax.value_and_grad(head_loss, argnums=(0, 1)))

    def start(self) -> dict[str, Any]:
        """Return the starting parameters: those of a model, or random ones around typical lifetimes."""
        parameters = super().start()
        if self.recipe.start_from is None:
            low, high = load_instrument(self.recipe.instrument).decays.tau_ns
            typical = [low + share * (high - low) for share in (0.5, 0.3, 0.7)]
            logarithm = np.log([typical[0], *(3 * tau for tau in typical[1:]), 3.0])
            units = self.architecture.layers[0]
            # Update gates that keep most of the state: gates of one half forget a decay while it lasts.
            parameters["encoder/0/bias"] = np.repeat(np.array([1, 0, 0], np.float32), units)
            parameters["head/bias"] = np.array([*typical, 0.5, *logarithm], np.float32)
        return parameters

    def described_result(self, parameters: Any, /) -> dict[str, Any]:
        """Return range, columns of the response, and factors of the errors from validation decays."""
        scale = self._error_scale(parameters, self.simulator("validation"))
        return {**super().described_result(parameters), "error_scale": scale}

    def _error_scale(self, parameters: Any, simulator: Simulator) -> ErrorScale:
        simulator, decays = calibration_decays(simulator)
        batch = self.batch(simulator, decays)
        mono = decays.tau_short_ns == decays.tau_long_ns
        counts, bins = count_bins(batch.counts)
        unknown = self._factors(
            parameters, batch._replace(inputs=_without_response(batch.inputs)), mono, bins
        )
        given, known = unknown, batch.inputs[..., 1:].any(axis=(0, 2))
        if known.any():
            chosen = DirectBatch(batch.inputs[:, known], *(column[known] for column in batch[1:4]))
            given = self._factors(parameters, chosen, mono[known], bins[known])
        return ErrorScale(counts, given, unknown)

    def _factors(
        self, parameters: Any, batch: DirectBatch, mono: NDArray[np.bool_], bins: NDArray[np.intp]
    ) -> tuple[tuple[float, ...], ...]:
        """Return the factors of each bin of counts and each quantity."""
        outputs = self.outputs(parameters, batch)
        std = np.exp(np.clip(outputs[:, N_QUANTITIES:], -MAX_LOG, MAX_LOG)) / np.sqrt(batch.counts)[:, None]
        ratio = np.abs(outputs[:, :N_QUANTITIES] - batch.targets) / std
        rows = []
        for index in range(int(bins.max()) + 1):
            chosen = bins == index
            two = chosen & ~mono if (chosen & ~mono).any() else chosen
            rows.append(
                tuple(error_factor(ratio[rows_of, i]) for i, rows_of in enumerate([chosen] * 3 + [two]))
            )
        return tuple(rows)

    def batch(self, simulator: Simulator, decays: Decays, /) -> DirectBatch:  # type: ignore[override]
        """Return simulated decays as training arrays."""
        inputs = self.inputs(simulator, decays)
        inputs = inputs if inputs.ndim == 3 else inputs[..., None]
        return DirectBatch(
            np.ascontiguousarray(inputs.transpose(1, 0, 2)),
            true_lifetimes(decays),
            simulator.bound_ns(decays).astype(np.float32),
            decays.tpsf.sum(axis=1).astype(np.float32),
        )

    def loss_and_gradient(self, parameters: Any, batch: DirectBatch, step: Any, /) -> tuple[Any, Any]:  # noqa: ARG002
        """Return the loss and its gradient with respect to the parameters."""
        state, self._saved = self._encoded(parameters, batch, self._saved)
        loss, (gradient, of_state) = self._head_gradient(head_weights(parameters), state, batch[1:])
        encoder = lite_backward(self._saved, np.asarray(of_state))
        return loss, {**gradient, **dict(zip(ENCODER, encoder[:3], strict=True))}

    def loss(self, parameters: Any, batch: DirectBatch, step: Any, /) -> jax.Array:  # type: ignore[override]  # noqa: ARG002
        """Return the loss, computed by JAX alone; the reference of :meth:`loss_and_gradient`."""
        state = last_state_jax(self.architecture, parameters, jnp.asarray(batch.inputs))
        return head_loss(head_weights(parameters), state, batch[1:])

    def validation(self, parameters: Any, batch: DirectBatch, step: Any, /) -> tuple[float, float]:  # type: ignore[override]  # noqa: ARG002
        """Return the loss, and the root mean square error of the mean lifetime in units of its bound."""
        state, _ = self._encoded(parameters, batch, None)
        errors = (head_outputs(parameters, np.asarray(state))[:, 0] - batch.targets[:, 0]) / batch.bounds
        loss = head_loss(head_weights(parameters), jnp.asarray(state), batch[1:])
        return float(loss), float(np.sqrt(np.mean(errors**2)))

    def outputs(self, parameters: Any, batch: DirectBatch, /) -> NDArray[np.float32]:
        """Return the outputs of the head, shape (n, 8)."""
        state, _ = self._encoded(parameters, batch, None)
        return np.asarray(head_outputs(parameters, np.asarray(state)), np.float32)

    def _encoded(
        self, parameters: Any, batch: DirectBatch, reuse: Saved | None
    ) -> tuple[NDArray[np.float32], Saved]:
        kernel, recurrent, bias = (np.asarray(parameters[name]) for name in ENCODER)
        initial = np.zeros((batch.inputs.shape[1], len(recurrent)), np.float32)
        return lite_last_state(
            batch.inputs, kernel, recurrent, bias, initial, formats=self.formats, reuse=reuse
        )


def head_loss(head: Any, state: jax.Array, truth: Any, /, *, share: float = 0.0) -> jax.Array:
    """Return the loss of a direct network.

    Parameters
    ----------
    head : mapping of array
        Weights of the head.
    state : array, shape (n, units)
        Last state of the encoder.
    truth : tuple of array
        ``targets``, ``bounds``, ``counts`` and ``soft_targets`` of a :class:`DirectBatch`.
    share : float
        Weight of the soft targets; the true lifetimes have the weight ``1 - share``. The predicted errors
        are learned from the true lifetimes alone.

    See Also
    --------
    DirectObjective : Description of the loss.
    """
    targets, bounds, counts, soft = truth
    outputs = state @ head["head/kernel"] + head["head/bias"]
    predicted, logarithm = outputs[:, :N_QUANTITIES], outputs[:, N_QUANTITIES:]
    unit, meant = units(targets, bounds), has_meaning(targets)
    residual = jax.lax.stop_gradient(predicted - targets)
    std = jnp.exp(jnp.clip(logarithm, -MAX_LOG, MAX_LOG)) / jnp.sqrt(counts)[:, None]
    likelihood = jnp.log(std / unit) + 0.5 * (FREEDOM + 1) * jnp.log1p((residual / std) ** 2 / FREEDOM)
    distance = bound_loss(predicted, targets, bounds)
    if share:
        distance = (1 - share) * distance + share * bound_loss(predicted, soft, bounds, truth=targets)
    return jnp.mean(distance + LIKELIHOOD_WEIGHT * (likelihood * meant).mean(axis=1))


def _without_response(inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.concatenate([inputs[..., :1], np.zeros_like(inputs[..., 1:])], axis=-1)


def head_weights(parameters: Any, /) -> dict[str, Any]:
    """Return the parameters without those of the encoder.

    See Also
    --------
    head_loss : Loss of these weights.
    """
    return {name: value for name, value in parameters.items() if name.startswith("head/")}


def head_outputs(parameters: Any, state: Any, /) -> Any:
    """Return the outputs of the head, shape (n, 8), for last states of shape (n, units).

    See Also
    --------
    head_loss : Loss of these outputs.
    """
    return state @ parameters["head/kernel"] + parameters["head/bias"]
