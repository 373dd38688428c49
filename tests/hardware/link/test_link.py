"""The link in the simulated board core, against a board in Python, with any packets and any back-pressure."""

from dataclasses import replace

import numpy as np
import pytest

from seq2seqlite.decay import TimeAxis
from seq2seqlite.errors import InputError
from seq2seqlite.hardware.board_core import link_plan
from seq2seqlite.hardware.cosim.board import BoardPacket
from seq2seqlite.hardware.design import DesignOptions, make_shape
from seq2seqlite.hardware.gateware.csr import REGISTERS
from seq2seqlite.hardware.stimulus import made_up_bank, made_up_counts
from seq2seqlite.hardware.wire.link_packets import (
    ANSWER,
    PACKET_WORDS,
    Kind,
    LinkStatus,
    max_pixels,
    packet,
    packet_from_bytes,
    pixel_requests,
    register_request,
)
from seq2seqlite.hardware.wire.results import user_words

from .model import ANY, BoardModel, loading, without_numbers

SESSION, OTHER = 0xC0FFEE, 0xBEEF


def pixels_of(project, n, *, seed, sequence, session=SESSION, count_bits=16):
    """Return requests of n pixels, and their number of pixels."""
    program, shape = project.program, project.shape
    rng = np.random.default_rng(seed)
    counts = made_up_counts(program, n, seed=seed, count_bits=count_bits)
    has_user = bool(shape.user_bits)
    user = user_words(rng.integers(0, 7, n), rng.integers(-8, 8, n)) if has_user else None
    most = max_pixels(shape.n_gates, count_bits, has_user=has_user, record_bits=shape.record_bits)
    return pixel_requests(
        counts,
        count_bits=count_bits,
        user=user,
        n_pixels=int(rng.integers(1, most + 1)),
        session=session,
        first_sequence=sequence,
    )


def damaged(data, rng):
    """Return a packet with a change that makes it invalid, or any words."""
    words = np.frombuffer(data, "<u4").copy()
    kind = rng.integers(7)
    if kind == 0:
        words = rng.integers(0, 2**32, rng.integers(1, 2 * PACKET_WORDS), np.uint32)
    elif kind == 1:
        words = words[: rng.integers(1, len(words))]
    elif kind == 2:
        words = np.append(words, np.zeros(rng.integers(1, PACKET_WORDS), np.uint32))
    elif kind == 3:
        words[0] = words[0] & 0xFFFF00FF | int(rng.integers(2, 256)) << 8
    elif kind == 4:
        words[1] ^= 1 << int(rng.integers(32))
    elif kind == 5:
        words[0] ^= 1 << int(rng.integers(16, 32))
    else:
        words[3] = rng.integers(0, 2**32, dtype=np.uint32)
    return words.astype("<u4").tobytes()


def conversation(project, *, seed):
    """Return packets of one session after another, with damaged ones among them."""
    rng, packets = np.random.default_rng(seed), []
    for session in (SESSION, OTHER):
        sequence, number = 0, 1000
        packets.append(packet(Kind.OPEN, [session], sequence=1))
        for index, codes in enumerate(responses_of(project)):
            accesses = loading(project.program, index, codes)
            packets.append(register_request(accesses, session=session, sequence=sequence))
            sequence += 1
        for step in range(20):
            pixels = pixels_of(
                project, 12, seed=step, sequence=number, session=session, count_bits=(8, 16)[step % 2]
            )
            number += len(pixels)
            accesses = [(address, None) for address in rng.choice(STEADY, rng.integers(0, 8)).tolist()]
            accesses += [(REGISTERS["FLUSH_CLOCKS"], int(rng.integers(500, 1000)))]
            registers = register_request(accesses, session=session, sequence=sequence)
            sequence += 1
            status = packet(Kind.STATUS, [rng.integers(5)], sequence=7)
            again = packet(Kind.OPEN, [session], sequence=8)
            sound = [*pixels, registers, registers, status, again]
            packets += [*sound, *(damaged(sound[index], rng) for index in rng.integers(0, len(sound), 6))]
    return [*packets, packet(Kind.STATUS, [0], sequence=9)]


# Addresses of CSRs whose value does not depend on the pixels that the design has received just now.
COUNTING = range(REGISTERS["PIXELS_IN"], REGISTERS["FRAMES_OUT"] + 1, 4)
STEADY = [each for each in range(0, 0x80, 4) if each not in (*COUNTING, REGISTERS["NO_RESPONSE"])]


def responses_of(project):
    """Return the responses that fill the bank of a design."""
    shape = project.shape
    return made_up_bank(project.program, shape.responses) if shape.responses else []


def compare(project, packets, took, model):
    """Check that a board gave the answers of the model: those of pixels and all others, each in order."""
    record_words = project.shape.record_bits // 32
    sent = {True: [], False: []}
    for peer, data in enumerate(packets):
        answer = model.answer(data)
        if answer is not None:
            sent[answer.kind == Kind.PIXELS | ANSWER].append((peer, answer))
    found = {True: [], False: []}
    for data, peer in took.answers:
        answer = packet_from_bytes(data)
        found[answer.kind == Kind.PIXELS | ANSWER].append((peer, answer))
    assert took.violations == 0
    # An open request discards the pixels in the board.
    answered = [one.sequence for _, one in found[True] if one.session == SESSION]
    n_first = sum(one.session == SESSION for _, one in sent[True])
    del sent[True][len(answered) : n_first]
    for of_pixels in (False, True):
        assert len(found[of_pixels]) == len(sent[of_pixels])
        for (peer, one), (other_peer, other) in zip(found[of_pixels], sent[of_pixels], strict=True):
            assert peer == other_peer
            assert replace(one, body=None) == replace(other, body=None)
            if other.kind not in (Kind.STATUS | ANSWER, Kind.OPEN | ANSWER):
                body = without_numbers(one.body, record_words) if of_pixels else one.body
                np.testing.assert_array_equal(np.where(other.body == ANY, ANY, body), other.body)
    return found


@pytest.mark.parametrize(("gaps", "stalls"), [(0.0, 0.0), (0.3, 0.9)])
@pytest.mark.parametrize("kind", ["direct", "decoder"])
def test_any_packets_with_any_back_pressure(request, kind, gaps, stalls):
    project, board = request.getfixturevalue(f"{kind}_board")
    packets = conversation(project, seed=int(10 * gaps))
    model = BoardModel(project)
    took = board.run(
        [BoardPacket(data, peer) for peer, data in enumerate(packets)], gaps=gaps, stalls=stalls, seed=1
    )
    found = compare(project, packets, took, model)
    assert len(found[True]) > 30
    status = LinkStatus.from_body(found[False][-1][1].body)
    counted = (status.packets_in, status.packets_malformed, status.packets_refused)
    assert counted == tuple(model.counters[name] for name in ("in", "malformed", "refused"))
    assert min(counted) > 10


def test_requests_beyond_the_window_are_refused_and_counted(decoder_board):
    project, board = decoder_board
    counts = made_up_counts(project.program, 160)
    opening = packet(Kind.OPEN, [SESSION], sequence=1)
    requests = pixel_requests(counts, count_bits=16, user=None, n_pixels=1, session=SESSION, first_sequence=0)
    status = packet(Kind.STATUS, [0], sequence=2)
    took = board.run([BoardPacket(data) for data in (opening, *requests, status)], stalls=0.97)
    model, found = BoardModel(project), [packet_from_bytes(data) for data, _ in took.answers]
    model.answer(opening)
    expected = [model.answer(data).body for data in requests]
    answered = [one for one in found if one.kind == Kind.PIXELS | ANSWER]
    for one in answered:
        np.testing.assert_array_equal(without_numbers(one.body, 4), expected[one.sequence])
    sequences = [one.sequence for one in answered]
    assert sequences == sorted(set(sequences))
    (last,) = [LinkStatus.from_body(one.body) for one in found if one.sequence == 2 and one.kind == 0x81]
    assert len(answered) + last.packets_refused == 160
    assert last.max_requests <= len(answered) < 160
    assert took.violations == 0


def test_wide_counts_are_malformed_for_a_design_with_narrow_ones(narrow_board):
    project, board = narrow_board
    opening = packet(Kind.OPEN, [SESSION], sequence=1)
    wide = pixels_of(project, 3, seed=1, sequence=10)
    narrow = pixels_of(project, 3, seed=1, sequence=20, count_bits=8)
    flush = register_request([(REGISTERS["FLUSH_CLOCKS"], 500)], session=SESSION, sequence=0)
    packets = [opening, flush, *wide, *narrow, packet(Kind.STATUS, [0], sequence=2)]
    took = board.run([BoardPacket(data, peer) for peer, data in enumerate(packets)])
    found = compare(project, packets, took, BoardModel(project))
    assert [one.sequence for _, one in found[True]] == [20 + k for k in range(len(narrow))]
    assert LinkStatus.from_body(found[False][-1][1].body).packets_malformed == len(wide)


@pytest.mark.parametrize(
    ("n_gates", "options", "text"),
    [
        (1457, {"count_bits": 8}, "n_gates=1457 of program odd-1 must be at most 1456, so that a pixel fits"),
        (729, {}, "n_gates=729 of program odd-1 must be at most 728, so that a pixel fits a packet"),
        (24, {"output": "sfd"}, "output='sfd' of a design with a link must be 'lifetimes'"),
    ],
)
def test_designs_that_cannot_have_a_link(odd_program, n_gates, options, text):
    chosen = DesignOptions(**options)
    shape = make_shape(odd_program(1, n_gates=24), chosen, 10, 3)
    if n_gates != 24:
        axis = TimeAxis(n_gates, 0.008, 12.5)
        shape = replace(shape, program=replace(shape.program, axis=axis))
    with pytest.raises(InputError, match=text):
        link_plan(shape, chosen)
