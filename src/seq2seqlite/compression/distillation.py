"""Knowledge distillation: teachers, live or cached, and the distillation losses."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from seq2seqlite.compression.recipe import Distillation
from seq2seqlite.decay import TimeAxis
from seq2seqlite.errors import InputError
from seq2seqlite.models import ActivationFormats, Network, load_model
from seq2seqlite.models.jax_forward import predict_sfd_jax, states_and_sfd_jax
from seq2seqlite.training.objective import Batch

__all__ = [
    "CachedSet",
    "Teachers",
    "load_teachers",
    "teacher_networks",
    "trajectory_distance",
    "trajectory_map",
]

# Batch size of the teachers.
BATCH = 512


class Teachers:
    """One or more trained networks whose mean output is the soft target of a student.

    Parameters
    ----------
    networks : list of Network
        Float networks with equal time axes.
    formats : ActivationFormats, optional
        Formats of the student. The peak of its input is the highest code, just below 1; the input is scaled
        to a peak of 1 for the teachers.

    See Also
    --------
    load_teachers : Return the teachers of a recipe.
    seq2seqlite.compression.Distillation :
        Settings of knowledge distillation: the student learns the teachers' output and the true SFD.
    """

    def __init__(self, networks: list[Network], /, *, formats: ActivationFormats | None = None) -> None:
        self.networks = networks
        self.input_scale = 1.0 if formats is None else 1 / formats.input.high
        self.parameters = [jax.device_put(network.content.parameters) for network in networks]

    @property
    def n_state_units(self) -> int:
        """Number of units of the first teacher's last layer."""
        return self.networks[0].architecture.layers[-1]

    def sfd(self, inputs: jax.Array, /) -> jax.Array:
        """Return the mean SFD of the teachers, shape (n_gates, n, 3), without gradient."""
        outputs = [
            predict_sfd_jax(network.architecture, parameters, inputs * self.input_scale)
            for network, parameters in zip(self.networks, self.parameters, strict=True)
        ]
        return jax.lax.stop_gradient(sum(outputs[1:], start=outputs[0]) / len(outputs))

    def states_and_sfd(self, inputs: jax.Array, /) -> tuple[jax.Array, jax.Array]:
        """Return decoder states, shape (n_gates, n, units), and SFD of the first teacher."""
        return jax.lax.stop_gradient(
            states_and_sfd_jax(self.networks[0].architecture, self.parameters[0], inputs * self.input_scale)
        )


def load_teachers(
    distillation: Distillation, axis: TimeAxis, /, *, formats: ActivationFormats | None
) -> Teachers:
    """Return the teachers of a student with a decoder.

    Raises
    ------
    InputError
        If a teacher is missing or quantised, or was trained for another time axis.

    See Also
    --------
    teacher_networks : The networks alone.
    Teachers : One or more trained networks whose mean output is the soft target of a student.
    """
    return Teachers(teacher_networks(distillation, axis), formats=formats)


def teacher_networks(distillation: Distillation, axis: TimeAxis, /) -> list[Network]:
    """Return the networks from which a student learns.

    Raises
    ------
    InputError
        If a network is missing or quantised, or was trained for another time axis.

    See Also
    --------
    seq2seqlite.load_model : Return a shipped model by name, or the model in a file.
    """
    networks = [load_model(name) for name in distillation.teachers]
    for network in networks:
        if network.axis != axis:
            raise InputError(
                f"teacher {network.name} was trained for {network.axis.n_gates} gates of "
                f"{network.axis.gate_width_ns:g} ns, but the student's instrument has {axis.n_gates} gates "
                f"of {axis.gate_width_ns:g} ns; choose a teacher of this instrument"
            )
        if network.content.quantisation is not None:
            raise InputError(f"teacher {network.name} is quantised; choose a float model")
    return networks


class CachedSet:
    """Fixed set of decays with the teachers' output, which training repeats.

    Parameters
    ----------
    teachers : Teachers or None
        Teachers, evaluated once for every decay; None for a set without their output.
    fresh : iterator of Batch
        Simulated decays, starting with the first step.
    decays : int
        Size of the set, rounded up to whole batches.
    batch : int
        Number of decays in a batch.

    See Also
    --------
    Teachers : One or more trained networks whose mean output is the soft target of a student.
    """

    def __init__(
        self, teachers: Teachers | None, fresh: Iterator[Batch], /, *, decays: int, batch: int
    ) -> None:
        self.batch, self.n = batch, -(-decays // batch)
        whole = [next(fresh) for _ in range(self.n)]
        self.inputs = np.concatenate([part.inputs for part in whole])
        self.targets = np.concatenate([part.targets for part in whole], axis=1)
        del whole
        self.soft = None
        if teachers is not None:
            self.soft = np.empty_like(self.targets)
            run = jax.jit(teachers.sfd)
            for first in range(0, len(self.inputs), BATCH):
                part = slice(first, first + BATCH)
                self.soft[:, part] = run(jnp.asarray(self.inputs[part]))

    def batches(self, *, start: int, seed: int) -> Iterator[Batch]:
        """Yield batches from step ``start``, in a new order in each epoch."""
        step = start
        while True:
            order = np.random.default_rng((seed, step // self.n)).permutation(self.n * self.batch)
            chosen = order[step % self.n * self.batch :][: self.batch]
            soft = None if self.soft is None else self.soft[:, chosen]
            yield Batch(self.inputs[chosen], self.targets[:, chosen], soft)
            step += 1


def trajectory_map(student_units: int, teacher_units: int, /, *, seed: int) -> Any:
    """Return initial weights of the linear map, with bias row, from student states to teacher states.

    See Also
    --------
    trajectory_distance : Return the mean squared distance of mapped student states to teacher states.
    """
    rng = np.random.default_rng((seed, 29))
    kernel = rng.normal(size=(student_units, teacher_units)) / np.sqrt(student_units)
    return np.concatenate([kernel, np.zeros((1, teacher_units))]).astype(np.float32)


def trajectory_distance(states: jax.Array, mapping: jax.Array, teacher_states: jax.Array, /) -> jax.Array:
    """Return the mean squared distance of mapped student states to teacher states.

    See Also
    --------
    trajectory_map :
        Return initial weights of the linear map, with bias row, from student states to teacher states.
    """
    flat = states.reshape(-1, states.shape[-1])
    mapped = flat @ mapping[:-1] + mapping[-1]
    return jnp.mean((mapped - teacher_states.reshape(mapped.shape)) ** 2)
