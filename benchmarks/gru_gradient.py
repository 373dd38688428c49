"""Throughput of the compiled gradient of the ``lite`` layer, compared with that of JAX.

Encoder: gradient at the last state only, one input. Decoder: gradient at all states, no input. The calls of
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
            (wall, processor), (wall_jax, processor_jax) = seconds(steps, arguments.repetitions)
            print(
                f"{name}, batch {batch:4}: compiled {batch / wall:7,.0f} decays/s, "
                f"{batch / processor:7,.0f} per processor second; JAX {batch / wall_jax:6,.0f} and "
                f"{batch / processor_jax:6,.0f}; ratio {wall_jax / wall:.1f} and "
                f"{processor_jax / processor:.1f}"
            )


if __name__ == "__main__":
    main()
