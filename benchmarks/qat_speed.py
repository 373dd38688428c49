"""Throughput of quantisation-aware training, compared with the layers of HGQ2 in Keras on JAX.

Both train the same 8-bit student on the same batch, with bit-identical forward passes.

    python benchmarks/qat_speed.py [--steps 60] [--batch 128]
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from seq2seqlite.compression import CompressionRecipe, QuantisationPlan, load_compression_recipe
from seq2seqlite.compression.hgq2 import hgq2_model
from seq2seqlite.compression.objective import CompressionObjective
from seq2seqlite.compression.ptq import quantise_network
from seq2seqlite.models import load_model
from seq2seqlite.simulation.instrument import load_instrument
from seq2seqlite.simulation.simulator import Simulator
from seq2seqlite.training.malloc import malloc_hint


def per_second(step: Callable[[], object], steps: int, batch: int) -> float:
    """Return the decays/s, after two steps for compilation."""
    for _ in range(2):
        step()
    began = time.perf_counter()
    for _ in range(steps):
        step()
    return steps * batch / (time.perf_counter() - began)


def main() -> None:
    """Print the throughput of both and their ratio."""
    parser = argparse.ArgumentParser(description="Speed of quantisation-aware training")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--batch", type=int, default=128)
    arguments = parser.parse_args()
    if (hint := malloc_hint()) is not None:
        print(hint)
    import jax
    import optax

    training = load_compression_recipe("seq2seqlite-narrow-gate-int8").training
    objective = CompressionObjective(CompressionRecipe(training, quantisation=QuantisationPlan()))
    simulator = Simulator(load_instrument(training.instrument), seed=1, split="train")
    batch = objective.batch(simulator, simulator.decays(arguments.batch))

    optimiser = optax.adam(1e-3)
    parameters = jax.device_put(objective.start())
    state = optimiser.init(parameters)

    @jax.jit
    def update(parameters: Any, state: Any) -> tuple[Any, Any, Any]:
        loss, gradient = jax.value_and_grad(objective.loss)(parameters, batch, 0)
        updates, state = optimiser.update(gradient, state, parameters)
        return optax.apply_updates(parameters, updates), state, loss

    def ours() -> None:
        nonlocal parameters, state
        parameters, state, loss = update(parameters, state)
        float(loss)

    assert training.start_from is not None
    student = quantise_network(load_model(training.start_from), QuantisationPlan(method="ptq"))
    theirs = hgq2_model(student)
    theirs.compile(optimizer="adam", loss="mse")  # default learning rate: also 1e-3
    inputs, targets = batch.inputs[..., None], np.ascontiguousarray(batch.targets.transpose(1, 0, 2))

    speeds = {
        "seq2seqlite": per_second(ours, arguments.steps, arguments.batch),
        "HGQ2, Keras on JAX": per_second(
            lambda: theirs.train_on_batch(inputs, targets), arguments.steps, arguments.batch
        ),
    }
    for name, speed in speeds.items():
        print(f"{name:20} {speed:8,.0f} decays/s")
    first, second = speeds.values()
    print(f"ratio {first / second:.2f}")


if __name__ == "__main__":
    main()
