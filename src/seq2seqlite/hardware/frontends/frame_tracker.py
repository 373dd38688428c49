"""Frame tracker: divides the images of a gate series into memory bursts, and drops frames on overrun."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream
from amaranth.lib.wiring import Component, In, Out

from seq2seqlite.hardware.frontends.parameters import SeriesShape

__all__ = ["FrameTracker", "burst_layout", "image_beat"]


def image_beat(bits: int, /) -> data.StructLayout:
    """Return the layout of a beat of an image: ``data``, ``first`` of the frame, ``last`` of the image."""
    return data.StructLayout({"data": bits, "first": 1, "last": 1})


def burst_layout() -> data.StructLayout:
    """Return the layout of a burst descriptor.

    ``first`` and ``final`` mark the first and the last burst of a frame, ``turn`` the last one of an image.
    ``buffer`` is the index of the frame buffer.
    """
    return data.StructLayout({"first": 1, "final": 1, "turn": 1, "buffer": 1})


class FrameTracker(Component):
    """Frame tracker: finds frames, images and bursts in the stream, and selects the frame buffer.

    A frame is dropped as a whole if both frame buffers are in use when it begins, or if an entry of the write
    FIFO is missing later. A frame is malformed if an image has the wrong number of beats, or if the next
    frame begins before its last image is complete. Nothing of either kind of frame is delivered.

    Parameters
    ----------
    shape : SeriesShape
        Parameters of the front end.

    Attributes
    ----------
    i : Signature(image_beat(data_bits)), in
        Beats of the images, gate after gate. ``i.ready`` is high unless ``wait`` is.
    wait : Signal(1), in
        Whether to apply back-pressure instead of dropping frames.
    abandon : Signal(1), in
        Strobe that drops the frame in progress, because beats of it were lost before this component.
    write, commit, withdraw : Signal(1), out
        Operations of the write FIFO; see :class:`~seq2seqlite.hardware.frontends.burst_fifo.BurstFifo`.
    data : Signal(data_bits), out
        Entry of the write FIFO.
    full : Signal(1), in
        Whether the write FIFO is full.
    describe : Signal(1), out
        Write strobe for ``burst``, with the last beat of a burst.
    burst : Signal(burst_layout()), out
        Descriptor of the burst.
    describe_full : Signal(1), in
        Whether the FIFO of descriptors is full.
    release : Signal(2), in
        Strobe of each frame buffer when its last beat was read from memory.
    started, dropped, malformed : Signal(1), out
        Strobe when a frame begins, is dropped, or is malformed. A frame that ``abandon`` drops is not counted
        here.
    """

    def __init__(self, shape: SeriesShape) -> None:
        self.shape_ = shape
        super().__init__(
            {
                "i": In(stream.Signature(image_beat(shape.data_bits))),
                "wait": In(1),
                "abandon": In(1),
                "write": Out(1),
                "commit": Out(1),
                "withdraw": Out(1),
                "data": Out(shape.data_bits),
                "full": In(1),
                "describe": Out(1),
                "burst": Out(burst_layout()),
                "describe_full": In(1),
                "release": In(2),
                "started": Out(1),
                "dropped": Out(1),
                "malformed": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the position counters and the decision on each beat."""
        m = Module()
        shape = self.shape_
        active, buffer, busy = Signal(), Signal(), Signal(2)
        beat, gate = Signal(range(shape.image_beats)), Signal(range(shape.n_gates))
        payload = self.i.payload
        taken = self.i.valid & self.i.ready
        # Flags of the position are registers. A beat that starts a frame is at position 0.
        image_end, burst_end, last_gate = (
            Signal(name=name, init=int(initial)) for name, initial in self._position_flags().items()
        )
        first_burst = Signal(init=1)
        here_end = Signal()
        here_burst_end, here_last_gate = Signal(), Signal()
        starts = payload.first
        m.d.comb += [
            here_end.eq(Mux(starts, image_end.init, image_end)),
            here_burst_end.eq(here_end | Mux(starts, burst_end.init, burst_end)),
            here_last_gate.eq(Mux(starts, last_gate.init, last_gate)),
        ]
        occupied = starts & busy.bit_select(buffer, 1)
        overrun = self.full | (here_burst_end & self.describe_full) | occupied
        wrong = payload.last ^ here_end
        stored, lost = Signal(), Signal()
        belongs = taken & (starts | (active & ~self.abandon))
        ends = here_end & here_last_gate
        m.d.comb += [
            self.i.ready.eq(~self.wait | ~overrun),
            stored.eq(belongs & ~overrun & ~wrong),
            lost.eq(belongs & (overrun | wrong)),
            self.data.eq(payload.data),
            self.write.eq(stored),
            self.commit.eq(stored & here_burst_end),
            self.withdraw.eq(lost | self.abandon | (taken & starts & active)),
            self.describe.eq(stored & here_burst_end),
            self.burst.first.eq(first_burst | starts),
            self.burst.final.eq(ends),
            self.burst.turn.eq(here_end),
            self.burst.buffer.eq(buffer),
        ]
        m.d.sync += [
            self.started.eq(taken & starts),
            self.dropped.eq(belongs & overrun & ~wrong),
            self.malformed.eq((belongs & wrong) | (taken & starts & active & ~self.abandon)),
        ]
        with m.If(stored & ~ends):
            at = Mux(starts, 0, beat)
            following = Signal.like(beat)
            m.d.comb += following.eq(Mux(here_end, 0, at + 1))
            m.d.sync += [active.eq(1), beat.eq(following), first_burst.eq(self.burst.first & ~here_burst_end)]
            m.d.sync += [
                image_end.eq(following == shape.image_beats - 1),
                burst_end.eq(following[: shape.burst.bit_length() - 1].all()),
            ]
            with m.If(here_end):
                next_gate = Mux(starts, 0, gate) + 1
                m.d.sync += [gate.eq(next_gate), last_gate.eq(next_gate == shape.n_gates - 1)]
            with m.Elif(starts):
                m.d.sync += [gate.eq(0), last_gate.eq(last_gate.init)]
        with m.Elif(belongs | self.abandon):
            m.d.sync += [active.eq(0), beat.eq(0), gate.eq(0), first_burst.eq(1)]
            m.d.sync += [flag.eq(flag.init) for flag in (image_end, burst_end, last_gate)]
        completed = stored & ends
        with m.If(completed):
            m.d.sync += buffer.eq(~buffer)
        for index in range(2):
            with m.If(completed & (buffer == index)):
                m.d.sync += busy[index].eq(1)
            with m.Elif(self.release[index]):
                m.d.sync += busy[index].eq(0)
        return m

    def _position_flags(self) -> dict[str, bool]:
        """Return the flags of the first beat of a frame."""
        shape = self.shape_
        return {
            "image_end": shape.image_beats == 1,
            "burst_end": shape.burst == 1,
            "last_gate": shape.n_gates == 1,
        }
