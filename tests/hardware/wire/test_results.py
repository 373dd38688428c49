"""Packets and records: the law's bit positions, and the way back."""

import numpy as np
import pytest

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.wire.beats import Beats
from seq2seqlite.hardware.wire.results import (
    Flag,
    beats_from_counts,
    records_from_result,
    records_from_words,
    sfd_word_bits,
    sfd_words_from_result,
    words_from_beats,
    words_from_records,
)
from seq2seqlite.integer import load_program, run


@pytest.fixture(scope="module")
def result():
    program = load_program("seq2seqlite-tcspc-80mhz-tiny")
    gate = np.arange(program.n_gates)
    counts = np.random.default_rng(0).poisson(
        300 * np.exp(-gate / 20) * (gate >= 20) + 1, (9, program.n_gates)
    )
    counts[4] = 0
    return program, run(program, counts)


def test_a_record_has_each_field_where_the_specification_says(result):
    _, found = result
    words = words_from_records(records_from_result(found, frame_pixels=4))
    whole = [sum(int(word) << 32 * i for i, word in enumerate(row)) for row in words]
    for index, value in enumerate(whole):
        assert value & 0xFFFF == found.lifetimes.tau_mean[index]
        assert value >> 16 & 0xFFFF == found.lifetimes.tau_short[index]
        assert value >> 32 & 0xFFFF == found.lifetimes.tau_long[index]
        assert value >> 48 & 0xFFFF == found.lifetimes.fraction[index]
        assert value >> 64 & 0xFFFFFF == found.photons[index]
        assert value >> 91 & 1 == found.dark[index]
        assert value >> 96 == index % 4
    assert whole[4] == 8 << 88  # dark, and the first of its frame
    assert whole[0] >> 88 & 1  # valid


def test_records_come_back(result):
    _, found = result
    records = records_from_result(found, first=5)
    again = records_from_words(words_from_records(records))
    for name, values in vars(records).items():
        np.testing.assert_array_equal(getattr(again, name), values)
    assert records.number.tolist() == list(range(5, 14))
    np.testing.assert_array_equal(again.has(Flag.DARK), found.dark)
    np.testing.assert_array_equal(again.reduced.tau_mean, found.lifetimes.tau_mean)
    np.testing.assert_array_equal(again.reduced.has_long, found.lifetimes.has_long)


def beats_of(words, width):
    """Results as a design delivers them: a word in several beats, or in the low bits of a wide one."""
    beats = words.reshape(len(words) * max(1, words.shape[1] * 32 // width), -1)
    beats = np.pad(beats, ((0, 0), (0, width // 32 - beats.shape[1])))
    return Beats(beats, np.zeros(len(beats), bool))


@pytest.mark.parametrize("width", [32, 64, 128])
@pytest.mark.parametrize("word_bits", [32, 64, 128])
def test_words_come_back_from_beats(width, word_bits):
    words = np.random.default_rng(1).integers(0, 2**32, (9, word_bits // 32), dtype=np.uint32)
    beats = beats_of(words, width)
    assert len(beats) == 9 * max(1, word_bits // width)
    np.testing.assert_array_equal(words_from_beats(beats, word_bits=word_bits), words)


@pytest.mark.parametrize("width", [32, 64])
def test_an_incomplete_word_is_dropped(result, width):
    words = words_from_records(records_from_result(result[1]))
    beats = beats_of(words, width)
    cut = Beats(beats.words[:-1], beats.last[:-1])
    np.testing.assert_array_equal(words_from_beats(cut), words[:-1])


@pytest.mark.parametrize("lanes", [1, 2, 3, 8, 16])
def test_a_packet_has_the_gates_in_order(lanes):
    counts = np.random.default_rng(lanes).integers(0, 65536, (4, 7))
    beats = beats_from_counts(counts, lanes=lanes)
    each = -(-7 // lanes)
    assert len(beats) == 4 * each
    np.testing.assert_array_equal(np.flatnonzero(beats.last), each * np.arange(1, 5) - 1)
    values = beats.words.view("<u2")[:, :lanes].reshape(4, -1)
    np.testing.assert_array_equal(values[:, :7], counts)
    with pytest.raises(InputError, match=r"counts from 0 to 65536 do not fit 16 bits"):
        beats_from_counts([[0, 65536]], lanes=1)


def test_raw_sfds_have_three_codes_a_word_and_nothing_where_it_is_dark(result):
    program, found = result
    assert sfd_word_bits(program) == 32  # three codes of 8 bits
    words = sfd_words_from_result(program, found).reshape(9, program.n_gates)
    np.testing.assert_array_equal(words[2] >> 8 & 0xFF, found.sfd[2, 1])
    assert not words[4].any()
