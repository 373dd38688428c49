"""Front ends as compiled simulations, each built once a run."""

import pytest

from seq2seqlite.hardware.cosim.stream import compile_stream
from seq2seqlite.hardware.front_ends import front_end_plan
from seq2seqlite.hardware.frontends.parameters import EventsShape, SeriesShape


@pytest.fixture(scope="session")
def front_end(built_once):
    """A function that returns the compiled simulation of a front end."""

    built = {}

    def build(shape, name):
        if name not in built:
            built[name] = compiled(shape, name)
        return built[name]

    def compiled(shape, name):
        is_series = isinstance(shape, SeriesShape)
        with built_once(name) as folder:
            files = []
            for file, text in front_end_plan(shape).execute().items():
                files.append(folder / file)
                if not files[-1].exists():
                    files[-1].write_text(text)
            return compile_stream(
                files,
                top=files[0].stem,
                in_bits=shape.input_bits if is_series else 32,
                out_bits=16 * shape.lanes,
                out_dir=folder / "simulation",
                memory_bits=shape.data_bits if is_series else 0,
                user_bits=int(is_series),
            )

    return build


@pytest.fixture(scope="session")
def small_events():
    return EventsShape(n_gates=11, lines=3, line_pixels=5, lanes=2, micro_bits=5)
