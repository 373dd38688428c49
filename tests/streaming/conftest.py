"""Time that passes when somebody waits, frames whose every number is known, a source that tests drive."""

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import pytest
import xarray as xr

from seq2seqlite.streaming.sources import Clock


class FakeClock(Clock):
    """A clock on which only waiting takes time."""

    def __init__(self) -> None:
        super().__init__()
        self.time_s = 100.0

    def now(self) -> float:
        return self.time_s

    def wait(self, seconds: float, /) -> bool:
        self.time_s += max(seconds, 0.0)
        return super().wait(0)


class Listed:
    """A source of a list; ``failure`` is raised after it, ``hold`` keeps it from ending."""

    def __init__(
        self, items: Iterable[Any], *, failure: BaseException | None = None, hold: bool = False
    ) -> None:
        self.items, self.failure, self.hold, self.name = items, failure, hold, "camera"
        self.stopped, self.given = threading.Event(), threading.Event()

    def __iter__(self) -> Iterator[Any]:
        yield from self.items
        self.given.set()
        if self.failure is not None:
            raise self.failure
        if self.hold:
            self.stopped.wait(300)

    def stop(self) -> None:
        self.stopped.set()


@pytest.fixture
def fake_clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def listed() -> type[Listed]:
    return Listed


@pytest.fixture
def tau_image(decay_image: Callable[..., xr.DataArray]) -> Callable[..., xr.DataArray]:
    """A function that makes a frame of 2 x 3 pixels with one lifetime."""
    return lambda tau_ns=1.0: decay_image(np.full((2, 3), tau_ns))
