"""Link between packets and a design with a front end, as specified in docs/spec/link.md."""

from amaranth.hdl import Module, Mux, ResetInserter, Value
from amaranth.lib.wiring import Component, In, Member, Out

from seq2seqlite.hardware.gateware.axi_lite import ADDRESS_BITS
from seq2seqlite.hardware.gateware.parameters import Shape
from seq2seqlite.hardware.link.answers import AnswerSender
from seq2seqlite.hardware.link.executor import Executor
from seq2seqlite.hardware.link.frame_queue import FrameQueue
from seq2seqlite.hardware.link.link import Link, packet_ports, passed
from seq2seqlite.hardware.link.packet_buffer import PacketBuffer
from seq2seqlite.hardware.link.register_access import axi_lite_manager
from seq2seqlite.hardware.wire.memory_status import STATUS_BITS

__all__ = ["CameraLink", "camera_design_ports"]


def camera_design_ports(result_width: int, /) -> dict[str, Member]:
    """Return the ports to a front end and its engines by their names there, except for the clock."""
    registers = axi_lite_manager(address_bits=CameraLink.address_bits)
    return {
        "aresetn": Out(1),
        "m_axis_tdata": In(result_width),
        "m_axis_tvalid": In(1),
        "m_axis_tready": Out(1),
        **{f"s_axil_{name}": member for name, member in registers.items()},
    }


class CameraLink(Link):
    """Link between packets and the buses of a front end and its engines.

    Parameters
    ----------
    shape : Shape
        Parameters of an engine.
    engines : int
        Number of engines.
    result_width : int
        Width of a beat of results.
    pixels : int
        Pixels of a frame.

    Attributes
    ----------
    rx_*, tx_* : in, out
        Packets; see docs/spec/link.md.
    aresetn, m_axis_*, s_axil_* : out, in
        Reset and buses of the front end and its engines, with their names there.
    stop : Signal(1), out
        Whether the memory gate must not begin further bursts.
    stopped : Signal(1), in
        Whether no burst is outstanding.
    memory_status : Signal(32), in
        Status of the memory.
    connected, wanted : Signal(1), out
        Whether the camera is connected to the front end, and whether its next frames are subscribed.
    """

    camera = True
    n_inputs = 1
    address_bits = ADDRESS_BITS + 1

    def __init__(self, shape: Shape, engines: int, result_width: int, pixels: int) -> None:
        self.shape_, self.engines, self.result_width = shape, engines, result_width
        self.frame_pixels = pixels
        Component.__init__(
            self,
            {
                **packet_ports(),
                **camera_design_ports(result_width),
                "stop": Out(1),
                "stopped": In(1),
                "memory_status": In(STATUS_BITS),
                "connected": Out(1),
                "wanted": Out(1),
            },
        )

    def _limits(self) -> tuple[int, int, int, int]:
        _, _, inside, words = super()._limits()
        return 0, 0, inside, words  # no requests of pixels

    def _constants(self) -> tuple[int, ...]:
        return (self.frame_pixels,)

    def _results(
        self, m: Module, buffer: PacketBuffer, executor: Executor, sender: AnswerSender, body: Value
    ) -> Value:
        m.d.comb += m.submodules.status.inputs.eq(self.memory_status)
        queue = FrameQueue(self.shape_, self.result_width, self.frame_pixels)
        m.submodules.frames = ResetInserter(executor.reset_queues)(queue)
        m.d.sync += self.stop.eq(executor.hold)
        m.d.comb += [
            executor.idle.eq(sender.idle & self.stop & self.stopped),
            *passed(queue, executor, "subscribe", "sender"),
            queue.frames.eq(buffer.word),
            queue.index.eq(sender.index),
            *passed(self, queue, "connected", "wanted"),
            queue.data.eq(self.m_axis_tdata),
            queue.valid.eq(self.m_axis_tvalid),
            self.m_axis_tready.eq(queue.ready),
            sender.pixels_complete.eq(queue.complete),
            sender.pixels.eq(queue.answer),
            sender.pixels_word.eq(queue.word),
            queue.take.eq(sender.pixels_take),
            queue.advance.eq(sender.pixels_advance),
        ]
        return Mux(executor.is_frames, queue.answer_word, body)
