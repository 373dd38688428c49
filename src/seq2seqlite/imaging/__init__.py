"""From files of fluorescence-lifetime instruments to lifetime maps, with any predictor."""

from seq2seqlite.imaging.in_place import InPlace, estimator_axis
from seq2seqlite.imaging.mask import MIN_PHOTONS, neighbourhood_sum, read_mask
from seq2seqlite.imaging.picture import lifetime_picture
from seq2seqlite.imaging.pipeline import LIFETIME_MAPS, FrameAnalysis, lifetime_map
from seq2seqlite.imaging.predictor import GateSequentialPredictor, Predictor
from seq2seqlite.imaging.quality import QUALITY_MAPS, Quality
from seq2seqlite.imaging.read import SUFFIXES, load, read
from seq2seqlite.imaging.rebin import Rebinner, Rebinning, plan_rebinning
from seq2seqlite.imaging.signal import signal_from_counts
from seq2seqlite.imaging.summary import summarise
from seq2seqlite.imaging.tpsfs import analysed_tpsfs
from seq2seqlite.imaging.write import write_maps

__all__ = [
    "LIFETIME_MAPS",
    "MIN_PHOTONS",
    "QUALITY_MAPS",
    "SUFFIXES",
    "FrameAnalysis",
    "GateSequentialPredictor",
    "InPlace",
    "Predictor",
    "Quality",
    "Rebinner",
    "Rebinning",
    "analysed_tpsfs",
    "estimator_axis",
    "lifetime_map",
    "lifetime_picture",
    "load",
    "neighbourhood_sum",
    "plan_rebinning",
    "read",
    "read_mask",
    "signal_from_counts",
    "summarise",
    "write_maps",
]
