"""Analysis while the camera records: sources, a bounded queue, stages that make maps, sinks."""

from seq2seqlite.streaming.growing_ptu import GrowingPtu
from seq2seqlite.streaming.observed import ObservedFrame, ObservedStage
from seq2seqlite.streaming.photon_frames import FramesOfPhotons
from seq2seqlite.streaming.python_sources import IterableSource, QueueSource
from seq2seqlite.streaming.queue import BoundedQueue, Ended, Policy
from seq2seqlite.streaming.replay import ReplayedFrames, ReplayedGates
from seq2seqlite.streaming.run import StreamError, run_stream
from seq2seqlite.streaming.sinks import CallbackSink, FrameMaps, MapFolder, MapTable, Sink
from seq2seqlite.streaming.sources import Clock, Delivery, Frame, Gate, Photons, Source, Spoilt
from seq2seqlite.streaming.spool_folder import SpoolFolder
from seq2seqlite.streaming.stages import FrameStage, GateStage, Outcome, Stage
from seq2seqlite.streaming.statistics import StreamStatistics, resident_bytes

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
    "IterableSource",
    "MapFolder",
    "MapTable",
    "ObservedFrame",
    "ObservedStage",
    "Outcome",
    "Photons",
    "Policy",
    "QueueSource",
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
