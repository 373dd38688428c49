"""Measurements and IRFs are parsed by the same functions; overlapping readers do not silence loggers."""

import logging
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from seq2seqlite.decay import MeasuredIrf
from seq2seqlite.errors import InputError
from seq2seqlite.io import photon_counting as pc
from seq2seqlite.io import read, read_irf
from seq2seqlite.io.reader_errors import reading

DECAY = [3, 90, 40, 20, 10, 5]
CHANNELS = "".join(f"{channel} {count}\n" for channel, count in enumerate(DECAY))


def write(folder: Path, text: str) -> Path:
    file = folder / "irf.txt"
    file.write_text(text)
    return file


def test_channel_numbers_are_not_nanoseconds(tmp_path: Path) -> None:
    file = write(tmp_path, CHANNELS)
    with pytest.raises(InputError, match="does not contain its gate width"):
        read(file)
    with pytest.raises(InputError, match="does not contain its bin width; pass bin_width_ns"):
        read_irf(file)
    assert read_irf(file, bin_width_ns=0.1).bin_width_ns == 0.1


def test_time_calibration_is_the_bin_width(tmp_path: Path) -> None:
    file = write(tmp_path, "Time calibration: 27.4 ps/ch\n" + CHANNELS)
    assert read(file).attrs["gate_width_ns"] == pytest.approx(0.0274)
    assert read_irf(file).bin_width_ns == pytest.approx(0.0274)


def test_leading_length_is_not_a_count(tmp_path: Path) -> None:
    file = write(tmp_path, "\n".join(str(count) for count in [len(DECAY), *DECAY]))
    assert read(file, gate_width_ns=0.1).values.ravel().tolist() == DECAY
    expected = MeasuredIrf(DECAY, bin_width_ns=0.1).weights
    np.testing.assert_array_equal(read_irf(file, bin_width_ns=0.1).weights, expected)


@pytest.mark.parametrize("row", ["seven", "1 2", "8 x"])
def test_garbage_row_is_refused(tmp_path: Path, row: str) -> None:
    file = write(tmp_path, f"5\n6\n{row}\n8\n9\n")
    for attempt in (lambda: read(file, gate_width_ns=0.1), lambda: read_irf(file, bin_width_ns=0.1)):
        with pytest.raises(InputError, match="line 3"):
            attempt()


def test_blocks_of_an_sdt(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = shared_data / "nadh-yeast" / "IRF.sdt"
    stored = read(file, block=1)
    expected = MeasuredIrf(stored.values.ravel(), bin_width_ns=stored.attrs["gate_width_ns"]).weights
    for irf in (read_irf(file), read_irf(file, block=1)):
        np.testing.assert_array_equal(irf.weights, expected)
    monkeypatch.setattr(pc, "DOMINANT_SHARE", 0.9999)
    for attempt in (read, read_irf):
        with pytest.raises(InputError, match="has 2 measurement data blocks: .*; choose one"):
            attempt(file)


def test_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.txt")
    for attempt in (read, read_irf):
        with pytest.raises(InputError, match="is a pipe, device or socket"):
            attempt(tmp_path / "a.txt")


def test_overlapping_readers_leave_loggers_as_they_were(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    logger = logging.getLogger("tifffile")
    before = logger.propagate, list(logger.handlers), list(logger.filters)
    first_inside, second_done = threading.Event(), threading.Event()
    failures: list[InputError] = []

    def first() -> None:
        try:
            with reading(tmp_path, "TIFF"):
                first_inside.set()
                second_done.wait(10)
                logger.warning("corrupted page")
        except InputError as error:
            failures.append(error)

    def second() -> None:
        first_inside.wait(10)
        with reading(tmp_path, "TIFF"):
            logger.warning("harmless")
        second_done.set()

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(failures) == 1
    assert (logger.propagate, list(logger.handlers), list(logger.filters)) == before
    logger.warning("afterwards")
    assert caplog.messages == ["harmless", "afterwards"]
