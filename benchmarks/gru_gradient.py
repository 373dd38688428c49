"""Throughput of the compiled gradient of the ``lite`` layer, compared with that of JAX.

Encoder: gradient at the last state only, one input. Decoder: gradient at all states, no input. Student: the
loss and the gradient of a recipe of a network with both, batch 256, without the simulation. The calls of
both alternate, so that other programs on the machine slow both down. The decays per second of processor time
hardly depend on other programs.

    python benchmarks/gru_gradient.py [--units 32] [--gates 135] [--repetitions 8]
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from seq2seqlite.gru.gradient import Saved, lite_backward, lite_forward, lite_last_state
from seq2seqlite.models import jax_forward
from seq2seqlite.training import load_recipe
from seq2seqlite.training.compiled import CompiledObjective
from seq2seqlite.training.objective import Objective

STUDENT = "seq2seqlite-swissspad3-float"
BATCHES = (256, 1024)


def compiled_step(x: Any, weights: Any, gradient: Any, *, encoder: bool) -> Callable[[], object]:
    """Return a function that runs the compiled forward and backward pass, with memory that is reused."""
    saved: Saved | None = None

    def step() -> object:
        nonlocal saved
        _, saved = (lite_last_state if encoder else lite_forward)(x, *weights, reuse=saved)
        return lite_backward(saved, gradient)

    return step


def jax_step(x: Any, weights: Any, gradient: Any, *, encoder: bool) -> Callable[[], object]:
    """Return a function that runs the forward and backward pass of JAX."""

    def product(weights: Any, x: Any, gradient: Any) -> jax.Array:
        kernel, recurrent, bias, initial = weights
        projected = jax_forward._matmul(x, kernel) + bias
        states = jax_forward._lite_gru(None, projected, recurrent, initial)
        return jnp.vdot(states[-1] if encoder else states, gradient)

    step = jax.jit(jax.grad(product))
    arguments = jax.device_put((weights, x, gradient))
    finished: Any = jax.block_until_ready
    return lambda: finished(step(*arguments))


def student_steps() -> tuple[int, list[Callable[[], object]]]:
    """Return the size of a batch of a recipe, and its compiled step and that of JAX."""
    recipe = load_recipe(STUDENT)
    compiled, objective = CompiledObjective(recipe), Objective(recipe)
    simulator = compiled.simulator("train")
    batch = compiled.batch(simulator, simulator.chunk(0, n=recipe.batch))
    parameters = jax.device_put(compiled.start())
    of_jax = jax.jit(objective.loss_and_gradient)
    finished: Any = jax.block_until_ready
    steps: list[Callable[[], object]] = [
        lambda: compiled.loss_and_gradient(parameters, batch, 0),
        lambda: finished(of_jax(parameters, batch, 0)),
    ]
    return recipe.batch, steps


def seconds(steps: list[Callable[[], object]], repetitions: int) -> list[tuple[float, float]]:
    """Return wall and processor time of each step, the smallest of alternating repetitions, in s."""
    times: list[list[tuple[float, float]]] = [[] for _ in steps]
    for repetition in range(repetitions + 1):
        for step, measured in zip(steps, times, strict=True):
            wall, processor = time.perf_counter(), time.process_time()
            step()
            if repetition:  # the first one compiles
                measured.append((time.perf_counter() - wall, time.process_time() - processor))
    return [(min(wall for wall, _ in all_), min(processor for _, processor in all_)) for all_ in times]


def main() -> None:
    """Print the throughput of both and their ratio."""
    parser = argparse.ArgumentParser(description="Speed of the gradient of the lite layer")
    parser.add_argument("--units", type=int, default=32)
    parser.add_argument("--gates", type=int, default=135)
    parser.add_argument("--repetitions", type=int, default=8)
    arguments = parser.parse_args()
    units, n_steps = arguments.units, arguments.gates
    draw = partial(np.random.default_rng(1).standard_normal, dtype=np.float32)
    for batch in BATCHES:
        for name, encoder in (("encoder", True), ("decoder", False)):
            k = int(encoder)
            weights = (
                draw((k, 3 * units)) / 2,
                draw((units, 3 * units)) / np.float32(2 * units**0.5),
                draw(3 * units) / 4,
                draw((batch, units)) / 4,
            )
            gradient = draw((batch, units) if encoder else (n_steps, batch, units))
            x = draw((n_steps, batch, k))
            steps = [make(x, weights, gradient, encoder=encoder) for make in (compiled_step, jax_step)]
            report(name, batch, steps, arguments.repetitions)
    report("student", *student_steps(), arguments.repetitions)


def report(name: str, batch: int, steps: list[Callable[[], object]], repetitions: int) -> None:
    """Print the throughput of a compiled step and that of JAX, and their ratio."""
    (wall, processor), (wall_jax, processor_jax) = seconds(steps, repetitions)
    print(
        f"{name}, batch {batch:4}: compiled {batch / wall:7,.0f} decays/s, "
        f"{batch / processor:7,.0f} per processor second; JAX {batch / wall_jax:6,.0f} and "
        f"{batch / processor_jax:6,.0f}; ratio {wall_jax / wall:.1f} and "
        f"{processor_jax / processor:.1f}"
    )


if __name__ == "__main__":
    main()
