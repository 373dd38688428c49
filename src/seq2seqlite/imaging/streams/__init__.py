"""Analysis of data streams: sources, a bounded queue, stages that compute maps, and sinks.

- :func:`run_stream`: analysis of everything that a source delivers
- :class:`SpoolFolder`, :class:`GrowingPtu`, :class:`ReplayedFrames`, :class:`ReplayedGates`,
  :class:`FramesOfPhotons`: sources
- :class:`FrameStage`, :class:`GateStage`: computation of maps from frames and from gates
- :class:`MapFolder`, :class:`MapTable`, :class:`CallbackSink`: sinks
"""

from seq2seqlite.imaging.streams.folder import SpoolFolder
from seq2seqlite.imaging.streams.growing import GrowingPtu
from seq2seqlite.imaging.streams.photons import FramesOfPhotons
from seq2seqlite.imaging.streams.queue import BoundedQueue, Ended, Policy
from seq2seqlite.imaging.streams.replay import ReplayedFrames, ReplayedGates
from seq2seqlite.imaging.streams.run import StreamError, run_stream
from seq2seqlite.imaging.streams.sinks import CallbackSink, FrameMaps, MapFolder, MapTable, Sink
from seq2seqlite.imaging.streams.source import Clock, Delivery, Frame, Gate, Photons, Source, Spoilt
from seq2seqlite.imaging.streams.stages import FrameStage, GateStage, Outcome, Stage
from seq2seqlite.imaging.streams.statistics import StreamStatistics, resident_bytes

__all__ = [
    "BoundedQueue",
    "CallbackSink",
    "Clock",
    "Delivery",
    "Ended",
    "Frame",
    "FrameMaps",
    "FrameStage",
    "FramesOfPhotons",
    "Gate",
    "GateStage",
    "GrowingPtu",
    "MapFolder",
    "MapTable",
    "Outcome",
    "Photons",
    "Policy",
    "ReplayedFrames",
    "ReplayedGates",
    "Sink",
    "Source",
    "SpoolFolder",
    "Spoilt",
    "Stage",
    "StreamError",
    "StreamStatistics",
    "resident_bytes",
    "run_stream",
]
