"""Properties of the gateware, each with the faults that violate it."""

from typing import Any

from amaranth.hdl import Array, Mux, Signal, Value

from seq2seqlite.hardware.frontends.burst_fifo import BurstFifo
from seq2seqlite.hardware.frontends.corner_turn import CornerTurn
from seq2seqlite.hardware.frontends.csr import FrontEndRegisters
from seq2seqlite.hardware.frontends.frame_tracker import FrameTracker
from seq2seqlite.hardware.frontends.parameters import PAGE_BYTES, SeriesShape
from seq2seqlite.hardware.frontends.tile_reader import TileReader
from seq2seqlite.hardware.gateware.axi_lite_decoder import AxiLiteDecoder
from seq2seqlite.hardware.gateware.pipeline import modulo_increment
from seq2seqlite.hardware.gateware.register_slices import AlternatingSlice, RegisteredFifo, RegisterSlice
from seq2seqlite.hardware.wire.front_end_registers import Register

from .bench import Bench, Property

__all__ = ["PROPERTIES", "TINY", "burst_addresses"]

TINY = SeriesShape(2, 10, data_bits=32, tile_pixels=8, fifo_bursts=2, address_bits=14)
"""Two gates of three beats, in two tiles of two and one beats."""


def burst_addresses(shape: SeriesShape) -> list[int]:
    """Return the address of each burst of a frame, relative to its buffer, image after image."""
    return [
        tile * shape.tile_bytes + gate * shape.burst_bytes
        for gate in range(shape.n_gates)
        for tile in range(shape.tiles)
    ]


def _slice(b: Bench, dut: RegisterSlice | AlternatingSlice) -> tuple[Value, Value, Value, Value]:
    """Drive a slice; return strobe and data of the beats that enter, and of those that leave."""
    b.m.submodules.dut = dut
    valid, data, ready = b.free(1, "i_valid"), b.free(2, "i_data"), b.free(1, "o_ready")
    b.m.d.comb += [dut.i.valid.eq(valid), dut.i.payload.eq(data), dut.o.ready.eq(ready)]
    o_valid, o_data = b.offers(dut.o.valid, ready, dut.o.payload, name="o")
    return valid & dut.i.ready, data, o_valid & ready, o_data


def register_slice_offers(b: Bench) -> None:
    dut = RegisterSlice(2)
    put, _, taken, _ = _slice(b, dut)
    inside = Signal(3)
    if b.has_fault("doubled"):
        taken = taken & ~(b.counter(taken, "doubles") == 1)
    b.m.d.sync += inside.eq(inside + put - taken)
    b.check(
        inside == dut.o.valid + (dut.o.valid & ~dut.i.ready)
    )  # ready is low in the first clock cycle, too


def alternating_slice_offers(b: Bench) -> None:
    dut = AlternatingSlice(2)
    put, _, taken, _ = _slice(b, dut)
    inside = Signal(3)
    if b.has_fault("doubled"):
        taken = taken & ~(b.counter(taken, "doubles") == 1)
    b.m.d.sync += inside.eq(inside + put - taken)
    b.check(inside == dut.o.valid)


def register_slice_order(b: Bench) -> None:
    b.in_order(*_slice(b, RegisterSlice(2)), capacity=2)


def alternating_slice_order(b: Bench) -> None:
    b.in_order(*_slice(b, AlternatingSlice(2)), capacity=1)


def registered_fifo(b: Bench, *, paused: bool = False) -> None:
    depth = 3
    b.m.submodules.dut = dut = RegisteredFifo(2, depth, paused=paused)
    write, data, ready = b.free(1, "write"), b.free(2, "data"), b.free(1, "ready")
    b.m.d.comb += [dut.write.eq(write), dut.i.eq(data), dut.o.ready.eq(ready)]
    stored = Signal(3)
    valid, found = b.offers(dut.o.valid, ready, dut.o.payload, name="o")
    b.m.d.sync += stored.eq(stored + write - (valid & ready))
    b.assume(~write | (stored < depth))  # the writer knows that an entry is free
    b.in_order(write, data, valid & ready, found, capacity=depth)


def paused_fifo(b: Bench) -> None:
    registered_fifo(b, paused=True)


def burst_fifo(b: Bench) -> None:
    depth = 4
    b.m.submodules.dut = dut = BurstFifo(2, depth)
    names = ("write", "commit", "withdraw")
    write, commit, withdraw = (b.free(1, name) for name in names)
    data, ready = b.free(2, "data"), b.free(1, "ready")
    b.m.d.comb += [
        *(getattr(dut, name).eq(value) for name, value in zip(names, (write, commit, withdraw), strict=True)),
        *(dut.i.eq(data), dut.o.ready.eq(ready)),
    ]
    b.assume(~(write & dut.full))
    b.assume(~commit | write)  # as the frame tracker does
    valid, found, last = b.offers(dut.o.valid, ready, dut.o.payload.data, dut.o.payload.last, name="o")
    if b.has_fault("early"):
        commit = commit & ~b.later(write)
    if b.has_fault("last"):
        last = last ^ 1
    # Of the entries that are committed, the tag-th is followed. It may be withdrawn and written anew.
    pending, committed = Signal(4), Signal(4)
    begin = Signal(4)
    b.m.d.comb += begin.eq(Mux(withdraw, 0, pending))
    b.m.d.sync += pending.eq(begin + write)
    with b.m.If(commit):
        b.m.d.sync += [committed.eq(committed + begin + write), pending.eq(0)]
    tag, left = b.constant(4, "tag"), b.counter(valid & ready, "left")
    kept, is_last = Signal(2), Signal()
    with b.m.If(write & ((committed + begin)[:4] == tag)):
        b.m.d.sync += [kept.eq(data), is_last.eq(commit)]
    here = valid & ready & (left == tag)
    b.check_if(here, (committed > tag) & (found == kept) & (last == is_last))
    b.check_if(dut.full, (committed - left + pending)[:4] >= depth)


def _axi_lite_inputs(b: Bench, dut: Any) -> None:
    """Drive an AXI4-Lite subordinate by a manager that follows the rules, and check the responses."""
    for channel, payload in (("aw", ("addr",)), ("w", ("data", "strb")), ("ar", ("addr",))):
        names = [f"{channel}{name}" for name in ("valid", *payload)]
        ports = [getattr(dut, name) for name in names]
        driven = [b.free(port.shape(), name) for port, name in zip(ports, names, strict=True)]
        b.m.d.comb += [port.eq(value) for port, value in zip(ports, driven, strict=True)]
        b.assume_offers(driven[0], getattr(dut, f"{channel}ready"), *driven[1:])
    for name in ("bready", "rready"):
        b.m.d.comb += getattr(dut, name).eq(b.free(1, name))


def _axi_lite_responses(b: Bench, dut: Any, *, outstanding: int) -> None:
    """Check that responses are offered as AXI requires, each after its request, and none without."""
    bvalid, _ = b.offers(dut.bvalid, dut.bready, dut.bresp, name="b")
    rvalid, *_ = b.offers(dut.rvalid, dut.rready, dut.rdata, dut.rresp, name="r")
    if b.has_fault("b twice"):
        bvalid = bvalid | b.later(bvalid & dut.bready)
    if b.has_fault("r twice"):
        rvalid = rvalid | b.later(rvalid & dut.rready)
    for channels, valid, ready in ((("aw", "w"), bvalid, dut.bready), (("ar",), rvalid, dut.rready)):
        answered = b.counter(valid & ready, "answered")
        for channel in channels:
            accepted = getattr(dut, f"{channel}valid") & getattr(dut, f"{channel}ready")
            waiting = (b.counter(accepted, f"accepted_{channel}") - answered)[:4]
            b.check(waiting <= outstanding)
            b.check_if(valid, waiting != 0)


def axi_lite_registers(b: Bench) -> None:
    registers = (
        Register("ID", "constant"),
        Register("KEPT", "setting", 8, 0x5A),
        Register("INDEX", "index", 4),
        Register("DATA", "data", 8),
        Register("EVENTS", "counter"),
    )
    b.m.submodules.dut = dut = FrontEndRegisters(registers, {"ID": 0x53})
    _axi_lite_inputs(b, dut)
    b.m.d.comb += dut.events.eq(b.free(1, "events"))
    _axi_lite_responses(b, dut, outstanding=2)
    # A setting reads as what was written last, byte by byte, once the write was answered.
    writes = _transactions(b, dut)
    shadow = Signal(8, init=0x5A)
    strobe = writes["strobes"][int(b.has_fault("strobe"))]
    is_written = writes["responded"] & strobe
    with b.m.If(is_written & (writes["write_address"][2:] == 1)):
        b.m.d.sync += shadow.eq(writes["data"])
    settled = writes["settled"] & (writes["read_address"][2:] == 1)
    b.check_if(settled, dut.rdata == shadow)
    b.check_if(dut.rvalid & (writes["read_address"][2:] == 0), dut.rdata == 0x53)
    b.check_if(dut.bvalid, dut.bresp == 0)


def _transactions(b: Bench, dut: Any) -> dict[str, Value]:
    """Return the access in progress in each direction, of a subordinate that has one at a time."""
    m = b.m
    address, read_address = Signal(8), Signal(8)
    data, strobes = Signal(32), Signal(4)
    has_address, has_data, has_read, disturbed = Signal(), Signal(), Signal(), Signal()
    aw, w, ar = (getattr(dut, f"{name}valid") & getattr(dut, f"{name}ready") for name in ("aw", "w", "ar"))
    done, read_done = dut.bvalid & dut.bready, dut.rvalid & dut.rready
    # Only accesses one after the other are followed.
    b.assume(~(aw & has_address) & ~(w & has_data) & ~(ar & has_read))
    with m.If(aw):
        m.d.sync += [address.eq(dut.awaddr), has_address.eq(1)]
    with m.If(w):
        m.d.sync += [data.eq(dut.wdata), strobes.eq(dut.wstrb), has_data.eq(1)]
    with m.If(done):
        m.d.sync += [has_address.eq(0), has_data.eq(0)]
    writing = aw | w | has_address | has_data
    with m.If(ar):
        m.d.sync += [read_address.eq(dut.araddr), has_read.eq(1), disturbed.eq(writing)]
    with m.Elif(writing):
        m.d.sync += disturbed.eq(1)
    with m.If(read_done):
        m.d.sync += has_read.eq(0)
    return {
        "responded": done,
        "write_address": address,
        "data": data[:8],
        "strobes": strobes,
        "read_address": read_address,
        "settled": dut.rvalid & ~disturbed,
    }


def axi_lite_decoder(b: Bench) -> None:
    b.m.submodules.dut = dut = AxiLiteDecoder(2)
    _axi_lite_inputs(b, dut)
    _axi_lite_responses(b, dut, outstanding=1)
    busy_write, busy_read = Signal(), Signal()
    write_to, read_to = Signal(10), Signal(10)
    with b.m.If(dut.awvalid & dut.awready):
        b.m.d.sync += [write_to.eq(dut.awaddr), busy_write.eq(1)]
    with b.m.If(dut.arvalid & dut.arready):
        b.m.d.sync += [read_to.eq(dut.araddr), busy_read.eq(1)]
    for index, bus in enumerate(dut.to):
        for channel, payload in (("aw", ["addr"]), ("w", ["data", "strb"]), ("ar", ["addr"])):
            valid, *_ = b.offers(
                getattr(bus, f"{channel}valid"),
                getattr(bus, f"{channel}ready"),
                *(getattr(bus, channel + name) for name in payload),
                name=f"to_{index}_{channel}",
            )
            target, busy = (read_to, busy_read) if channel == "ar" else (write_to, busy_write)
            chosen = index ^ 1 if b.has_fault("wrong subordinate") else index
            b.check_if(valid, busy & (target[8:] == chosen))
        _subordinate(b, bus, index)


def _subordinate(b: Bench, bus: Any, index: int) -> None:
    """Drive the ports of a subordinate that follows the rules."""
    for name in ("awready", "wready", "arready", "bvalid", "bresp", "rvalid", "rdata", "rresp"):
        port = getattr(bus, name)
        b.m.d.comb += port.eq(b.free(port.shape(), f"to_{index}_{name}"))
    b.assume_offers(bus.bvalid, bus.bready, bus.bresp)
    b.assume_offers(bus.rvalid, bus.rready, bus.rdata, bus.rresp)
    for channels, valid, ready in ((("aw", "w"), bus.bvalid, bus.bready), (("ar",), bus.rvalid, bus.rready)):
        answered = b.counter(valid & ready, f"to_{index}_answered")
        for channel in channels:
            taken = getattr(bus, f"{channel}valid") & getattr(bus, f"{channel}ready")
            waiting = (b.counter(taken, f"to_{index}_{channel}") - answered)[:4]
            b.assume(~valid | (waiting != 0))


def _bases(b: Bench, shape: SeriesShape) -> list[Value]:
    """Return addresses of the frame buffers: any multiples of the size of a burst, within the memory."""
    bases = [b.constant(shape.address_bits, f"base_{index}") for index in range(2)]
    for base in bases:
        b.assume(base % shape.burst_bytes == 0)
        b.assume(base <= 2**shape.address_bits - shape.frame_bytes)
    return bases


def _frames(b: Bench, port: Any, shape: SeriesShape, data_bits: int) -> Value:
    """Drive well-formed frames, of whose data the lowest bits are free; return the strobe of a beat."""
    beat, gate = Signal(range(shape.image_beats + 1)), Signal(range(shape.n_gates + 1))
    image_ends = beat == shape.image_beats - 1
    valid, data = b.free(1, "i_valid"), b.free(data_bits, "i_data")
    b.m.d.comb += [
        *(port.valid.eq(valid), port.payload.data.eq(data)),
        port.payload.first.eq((beat == 0) & (gate == 0)),
        port.payload.last.eq(image_ends),
    ]
    taken = valid & port.ready
    with b.m.If(taken):
        b.m.d.sync += beat.eq(Mux(image_ends, 0, beat + 1))
        with b.m.If(image_ends):
            b.m.d.sync += gate.eq(modulo_increment(gate, shape.n_gates))
    return taken


def _writer(b: Bench, built: SeriesShape, bases: list[Value], data_bits: int) -> tuple[CornerTurn, Value]:
    """Build the corner turn with back-pressure; nothing is read, so that at most two frames are written.

    Return it and the strobe of an accepted beat, of whose data the lowest bits are free and the others 0.
    """
    b.m.submodules.dut = dut = CornerTurn(built)
    b.m.d.comb += [dut.base.eq(Value.cast(bases[0]) | bases[1] << TINY.address_bits), dut.wait.eq(1)]
    taken = _frames(b, dut.i, built, data_bits)
    for name in ("awready", "wready", "bvalid"):
        b.m.d.comb += getattr(dut, name).eq(b.free(1, name))
    responses = b.counter(dut.wvalid & dut.wready & dut.wlast, "sent") - b.counter(dut.bvalid, "answered")
    b.assume(~dut.bvalid | (responses[:4] != 0))
    return dut, taken


LENGTHS = ([TINY.burst - 1] * (TINY.tiles - 1) + [TINY.last_burst - 1]) * TINY.n_gates


def write_addresses(b: Bench) -> None:
    """Bursts of a frame, at any addresses of the buffers."""
    built = TINY
    if b.has_fault("address"):
        built = SeriesShape(3, 10, data_bits=32, tile_pixels=8, fifo_bursts=2, address_bits=14)
    if b.has_fault("length"):
        built = SeriesShape(2, 14, data_bits=32, tile_pixels=8, fifo_bursts=2, address_bits=14)
    bases = _bases(b, TINY)
    dut, _ = _writer(b, built, bases, 0)
    valid, address, length = b.offers(dut.awvalid, dut.awready, dut.awaddr, dut.awlen, name="aw")
    bursts = len(LENGTHS)
    burst, buffer = Signal(range(bursts)), Signal()
    with b.m.If(valid & dut.awready):
        b.m.d.sync += burst.eq(modulo_increment(burst, bursts))
        with b.m.If(burst == bursts - 1):
            b.m.d.sync += buffer.eq(~buffer)
    if b.has_fault("buffer"):
        buffer = ~buffer
    if b.has_fault("late"):  # in the last burst of a frame, so that the check must reach it
        address = address ^ (burst == bursts - 1) << 2
    offset = Array(burst_addresses(TINY))[burst]
    b.check_if(valid, address == (Mux(buffer, bases[1], bases[0]) + offset)[: TINY.address_bits])
    b.check_if(valid, length == Array(LENGTHS)[burst])
    _check_page(b, valid, address, length)


def write_data(b: Bench) -> None:
    """Beats of the bursts, whatever their addresses."""
    dut, taken = _writer(b, TINY, [Signal(TINY.address_bits)] * 2, 2)
    valid, data, last = b.offers(dut.wvalid, dut.wready, dut.wdata[:2], dut.wlast, name="w")
    sent = valid & dut.wready
    beat, burst = Signal(range(TINY.burst)), Signal(range(len(LENGTHS)))
    with b.m.If(sent):
        b.m.d.sync += beat.eq(Mux(last, 0, beat + 1))
        with b.m.If(last):
            b.m.d.sync += burst.eq(modulo_increment(burst, len(LENGTHS)))
    if b.has_fault("last"):
        last = last ^ (burst == 1)
    b.check_if(valid, last == (beat == Array(LENGTHS)[burst]))
    if b.has_fault("late"):
        data = data ^ (b.counter(sent, "late") == TINY.n_gates * TINY.image_beats - 1)
    b.in_order(taken, dut.i.payload.data[:2], sent, data, capacity=15)


def _check_page(b: Bench, valid: Value, address: Value, length: Value) -> None:
    page = PAGE_BYTES * 2 if b.has_fault("page") else PAGE_BYTES
    inside = address % page + ((length + 1) << 2)
    limit = page // 2 - 4 if b.has_fault("page") else PAGE_BYTES
    b.check_if(valid, inside <= limit)


def _reader(b: Bench, shape: SeriesShape, built: SeriesShape) -> tuple[TileReader, list[Value], Value]:
    """Build a tile reader behind a memory that answers in order; return it, bases, and beats requested."""
    b.m.submodules.dut = dut = TileReader(built)
    bases = _bases(b, shape)
    written = b.free(2, "written")
    b.m.d.comb += [
        dut.base.eq(Value.cast(bases[0]) | bases[1] << shape.address_bits),
        dut.written.eq(written),
        *(getattr(dut, name).eq(b.free(1, name)) for name in ("arready", "rvalid")),
    ]
    # The buffers are filled in turn, and only when they were released.
    turn, full = Signal(), Signal(2)
    b.assume(written == Mux(written == 0, 0, Mux(turn, 2, 1)))
    b.assume((written & full) == 0)
    b.m.d.sync += [turn.eq(turn ^ (written != 0)), full.eq((full | written) & ~dut.release)]
    requested = Signal(6)
    b.m.d.sync += requested.eq(requested + Mux(dut.arvalid & dut.arready, shape.burst, 0) - dut.rvalid)
    b.assume(~dut.rvalid | (requested != 0))
    return dut, bases, requested


def burst_reads(b: Bench) -> None:
    """Addresses of the read half of the corner turn."""
    built = TINY
    if b.has_fault("address"):
        built = SeriesShape(2, 10, data_bits=32, tile_pixels=4, fifo_bursts=2, address_bits=14)
    dut, bases, _ = _reader(b, TINY, built)
    b.m.d.comb += [dut.o.ready.eq(b.free(1, "o_ready")), dut.rdata.eq(b.free(32, "rdata"))]
    valid, address, length = b.offers(dut.arvalid, dut.arready, dut.araddr, dut.arlen, name="ar")
    bursts = TINY.n_gates * TINY.tiles
    burst, buffer = Signal(range(bursts)), Signal()
    with b.m.If(valid & dut.arready):
        b.m.d.sync += burst.eq(modulo_increment(burst, bursts))
        with b.m.If(burst == bursts - 1):
            b.m.d.sync += buffer.eq(~buffer)
    if b.has_fault("late"):
        address = address ^ (burst == bursts - 1) << 2
    expected = (Array(bases)[buffer] + burst * TINY.burst_bytes)[: TINY.address_bits]
    b.check_if(valid, (address == expected) & (length == TINY.burst - 1))
    _check_page(b, valid, address, length)
    b.offers(dut.o.valid, dut.o.ready, dut.o.payload.data[:8], dut.o.payload.last, name="o")


SMALL = SeriesShape(2, 6, data_bits=32, tile_pixels=4, fifo_bursts=2, address_bits=8)
"""Two gates of two beats, in tiles of four and two pixels."""


def transposed_tiles(b: Bench) -> None:
    """Any count of any beat is delivered in the packet of its pixel, at its gate."""
    dut, _, _ = _reader(b, SMALL, SMALL)
    ready, data = b.free(1, "o_ready"), b.free(32, "rdata")
    b.m.d.comb += [dut.o.ready.eq(ready), dut.rdata.eq(data)]
    tile, pixel, gate = b.constant(1, "tile"), b.constant(2, "pixel"), b.constant(1, "gate")
    received = Signal(4)
    b.m.d.sync += received.eq(received + dut.rvalid)
    kept, is_in = Signal(8), Signal()
    with b.m.If(dut.rvalid & (received == tile * 2 + gate) & ~is_in):
        b.m.d.sync += [kept.eq(data.word_select(pixel, 8)), is_in.eq(1)]
    taken = dut.o.valid & ready
    word = b.counter(taken, "word", bits=5)
    place = (tile * 8 + pixel * 2 + gate)[:5]
    found = dut.o.payload.data[:8] ^ int(b.has_fault("swapped"))
    if b.has_fault("late"):  # in the last packet, so that the check must reach it
        found = found ^ (word == 2 * SMALL.pixels - 1)
    if b.has_fault("place"):
        place = (tile * 8 + pixel * 2 + 1 - gate)[:5]
    here = taken & (word == place) & (word < 2 * SMALL.pixels)
    b.check_if(here, is_in & (found == kept))
    b.check_if(taken, dut.o.payload.last == (word[0] if not b.has_fault("last") else ~word[0]))


def whole_frames(b: Bench) -> None:
    """A frame is completed only if all its beats were stored, whatever the input."""
    b.m.submodules.dut = dut = FrameTracker(TINY)
    names = ("wait", "abandon", "full", "describe_full")
    b.m.d.comb += [getattr(dut, name).eq(b.free(1, name)) for name in names]
    b.m.d.comb += dut.release.eq(b.free(2, "release"))
    payload = ("data", "first", "last")
    b.m.d.comb += dut.i.valid.eq(b.free(1, "i_valid"))
    for name in payload:
        port = getattr(dut.i.payload, name)
        b.m.d.comb += port.eq(b.free(Value.cast(port).shape(), f"i_{name}"))
    b.check(dut.wait | dut.i.ready)  # the camera never waits
    taken = dut.i.valid & dut.i.ready
    stored, whole = Signal(4), Signal()
    now, now_whole = Signal(4), Signal()
    b.m.d.comb += [
        now.eq(Mux(dut.i.payload.first, 0, stored) + dut.write),
        now_whole.eq(Mux(dut.i.payload.first, 1, whole) & dut.write),
    ]
    with b.m.If(taken):
        b.m.d.sync += [stored.eq(now), whole.eq(now_whole)]
    with b.m.If(dut.abandon & ~(taken & dut.i.payload.first)):
        b.m.d.sync += whole.eq(0)
    ends = dut.describe & dut.burst.final
    total = TINY.n_gates * TINY.image_beats + int(b.has_fault("count"))
    b.check_if(ends, taken & now_whole & (now == total))
    b.check_if(dut.write, taken & ~dut.full)
    b.check_if(dut.describe, dut.commit & dut.write & ~dut.describe_full)
    # Of two frames in a row, none is written to a buffer that was not released.
    busy = Signal(2)
    chosen = Mux(dut.burst.buffer, 2, 1)
    b.m.d.sync += busy.eq((busy & ~dut.release) | Mux(ends, chosen, 0))
    if b.has_fault("buffer"):
        chosen = Mux(dut.burst.buffer, 1, 2)
    b.check_if(dut.write, (busy & chosen) == 0)


PROPERTIES = {
    "register slice, offers": Property(
        "`RegisterSlice`",
        "offers stay unchanged; as many beats inside as its handshakes show, at most two",
        *(register_slice_offers, 8, ("o withdrawn", "o changed", "doubled")),
        induction=True,
    ),
    "register slice, order": Property(
        "`RegisterSlice`",
        "each beat once and in order",
        *(register_slice_order, 12, ("lost", "doubled", "swapped")),
    ),
    "alternating slice, offers": Property(
        "`AlternatingSlice`",
        "offers stay unchanged; as many beats inside as its handshakes show, at most one",
        *(alternating_slice_offers, 8, ("o withdrawn", "o changed", "doubled")),
        induction=True,
    ),
    "alternating slice, order": Property(
        "`AlternatingSlice`",
        "each beat once and in order",
        *(alternating_slice_order, 16, ("lost", "doubled", "swapped")),
    ),
    "registered fifo": Property(
        "`RegisteredFifo`, 3 entries",
        "no loss if the writer counts; offers stay unchanged; each entry once and in order",
        *(registered_fifo, 12, ("o withdrawn", "o changed", "lost", "doubled", "swapped")),
    ),
    "paused fifo": Property(
        "`RegisteredFifo`, 3 entries, at most one every fourth clock cycle",
        "no loss if the writer counts; offers stay unchanged; each entry once and in order",
        *(paused_fifo, 16, ("o withdrawn", "o changed", "lost", "doubled", "swapped")),
    ),
    "burst fifo": Property(
        "`BurstFifo`, 4 entries",
        "committed entries only, each once and in order, `last` at the end of a burst; full with 4 or more",
        *(burst_fifo, 10, ("o withdrawn", "o changed", "early", "last")),
    ),
    "axi-lite registers": Property(
        "AXI4-Lite subordinate of the CSRs",
        "responses stay unchanged, one for each access; a setting reads as its last bytes written",
        *(axi_lite_registers, 12, ("b withdrawn", "r changed", "b twice", "r twice", "strobe")),
    ),
    "axi-lite decoder": Property(
        "`AxiLiteDecoder`, 2 subordinates",
        "AXI4-Lite rules at all three ports; one response for each access; the right subordinate",
        *(axi_lite_decoder, 12),
        ("b withdrawn", "r changed", "to_0_aw withdrawn", "to_1_w changed", "b twice", "wrong subordinate"),
    ),
    "frame tracker": Property(
        "`FrameTracker`, any input",
        "only whole frames complete; no write without a free entry and buffer; the camera never waits",
        *(whole_frames, 20, ("count", "buffer")),
    ),
    "write addresses": Property(
        "write half of `CornerTurn`, a frame of 2 gates of 10 pixels",
        "all bursts at their addresses, in order, none across 4 KiB; offers stay unchanged",
        *(write_addresses, 16, ("aw withdrawn", "address", "length", "buffer", "page", "late")),
        quick=False,
    ),
    "write data": Property(
        "write half of `CornerTurn`, a frame of 2 gates of 10 pixels",
        "each beat once and in order, with WLAST at the end of its burst; offers stay unchanged",
        *(write_data, 16, ("w withdrawn", "w changed", "last", "swapped", "late")),
        quick=False,
    ),
    "burst reads": Property(
        "`TileReader`, addresses",
        "all bursts of a frame in the order of the addresses, none across 4 KiB; offers stay unchanged",
        *(burst_reads, 20, ("ar withdrawn", "address", "page", "o changed", "late")),
        quick=False,
    ),
    "transposed tiles": Property(
        "`TileReader` with `TileBuffer`, 6 pixels in two tiles",
        "every count in the packet of its pixel at its gate, though RREADY is always high",
        *(transposed_tiles, 24, ("swapped", "place", "last", "late")),
        quick=False,
    ),
}
