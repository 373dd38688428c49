"""Port of a camera at the pins: clock domain crossing, and conversion of its words to beats of images."""

from amaranth.hdl import Cat, ClockDomain, DomainRenamer, Module, Mux, Signal
from amaranth.lib import data, stream
from amaranth.lib.cdc import ResetSynchronizer
from amaranth.lib.fifo import AsyncFIFO
from amaranth.lib.wiring import Component, In, Member, Out, connect, flipped

from seq2seqlite.hardware.frontends.frame_tracker import image_beat
from seq2seqlite.hardware.gateware.register_slices import RegisterSlice

__all__ = ["CameraPort", "Packer", "camera_ports"]

DEPTH = 16
"""Words of the asynchronous FIFO."""


def camera_ports(port_bits: int, /) -> dict[str, Member]:
    """Return the ports of a camera by name."""
    return {
        "camera_clk": In(1),
        "camera_data": In(port_bits),
        "camera_valid": In(1),
        "camera_first": In(1),
        "camera_last": In(1),
        "camera_ready": Out(1),
    }


class Packer(Component):
    """Converts words of a camera to wider beats, the first word in the lowest bits.

    A word with ``first`` begins a beat, one with ``last`` ends it; the remaining bits are undefined.

    Parameters
    ----------
    port_bits : int
        Width of a word.
    input_bits : int
        Width of a beat, a multiple of ``port_bits``.

    Attributes
    ----------
    i : Signature(image_beat(port_bits)), in
        Words.
    o : Signature(image_beat(input_bits)), out
        Beats.
    """

    def __init__(self, port_bits: int, input_bits: int) -> None:
        self.port_bits, self.parts = port_bits, input_bits // port_bits
        super().__init__(
            {
                "i": In(stream.Signature(image_beat(port_bits))),
                "o": Out(stream.Signature(image_beat(input_bits))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the register of an incomplete beat."""
        m = Module()
        m.submodules.output = output = RegisterSlice(self.o.payload.shape())
        connect(m, output.o, flipped(self.o))
        word, parts = self.i.payload, self.parts
        part, at = Signal(range(max(2, parts))), Signal(range(max(2, parts)))
        kept, kept_first = Signal(parts * self.port_bits, reset_less=True), Signal()
        filled = Cat(
            Mux(at == index, word.data, kept.word_select(index, self.port_bits)) for index in range(parts)
        )
        emits, first = Signal(), Signal()
        m.d.comb += [
            at.eq(Mux(word.first, 0, part)),
            first.eq(word.first | kept_first),
            emits.eq((at == parts - 1) | word.last),
            output.i.valid.eq(self.i.valid & emits),
            output.i.payload.data.eq(filled),
            output.i.payload.first.eq(first),
            output.i.payload.last.eq(word.last),
            self.i.ready.eq(output.i.ready | ~emits),
        ]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [
                kept.eq(filled),
                part.eq(Mux(emits, 0, at + 1)),
                kept_first.eq(first & ~emits),
            ]
        return m


class CameraPort(Component):
    """Port of a camera with its own clock.

    Parameters
    ----------
    port_bits : int
        Width of a word.
    input_bits : int
        Width of a beat, a multiple of ``port_bits``.

    Attributes
    ----------
    camera_clk, camera_data, camera_valid, camera_first, camera_last, camera_ready : in, in, in, in, in, out
        Words of the images, in the clock domain of the camera. A word that is valid while ``camera_ready`` is
        low is lost.
    reset : Signal(1), in
        Reset, which must last until the camera port is idle again, or that of the whole core.
    o : Signature(image_beat(input_bits)), out
        Beats of the images.
    """

    def __init__(self, port_bits: int, input_bits: int) -> None:
        self.port_bits, self.input_bits = port_bits, input_bits
        super().__init__(
            {
                **camera_ports(port_bits),
                "reset": In(1),
                "o": Out(stream.Signature(image_beat(input_bits))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the FIFO between the clock domains and the packer behind it."""
        m = Module()
        m.domains.camera = camera = ClockDomain(local=True)
        m.d.comb += camera.clk.eq(self.camera_clk)
        m.submodules.reset = ResetSynchronizer(self.reset, domain="camera")
        layout = data.StructLayout({"data": self.port_bits, "first": 1, "last": 1})
        m.submodules.fifo = fifo = AsyncFIFO(
            width=layout.size, depth=DEPTH, w_domain="camera", r_domain="sync"
        )
        m.submodules.packer = packer = DomainRenamer("sync")(Packer(self.port_bits, self.input_bits))
        connect(m, packer.o, flipped(self.o))
        m.d.comb += [
            fifo.w_data.eq(Cat(self.camera_data, self.camera_first, self.camera_last)),
            fifo.w_en.eq(self.camera_valid),
            self.camera_ready.eq(fifo.w_rdy),
            packer.i.valid.eq(fifo.r_rdy),
            packer.i.payload.eq(fifo.r_data),
            fifo.r_en.eq(packer.i.ready),
        ]
        return m
