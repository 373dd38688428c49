"""Lifetime maps of fluorescence-lifetime measurements, with any predictor."""

from seq2seqlite.imaging.batch import Done, ImageJob, in_tiles, make_image, map_files
from seq2seqlite.imaging.job_options import JobOptions
from seq2seqlite.imaging.mask import MIN_PHOTONS, neighbourhood_sum, read_mask
from seq2seqlite.imaging.picture import lifetime_picture
from seq2seqlite.imaging.pipeline import LIFETIME_MAPS, FrameAnalysis, lifetime_map
from seq2seqlite.imaging.quality import QUALITY_MAPS, Quality
from seq2seqlite.imaging.rebin import Rebinner, Rebinning, plan_rebinning
from seq2seqlite.imaging.stack import Stack, Tile, open_stack
from seq2seqlite.imaging.summary import summarise
from seq2seqlite.imaging.tpsfs import analysed_tpsfs
from seq2seqlite.imaging.write import FORMATS, write_maps
from seq2seqlite.io.read import SUFFIXES, load, read
from seq2seqlite.io.read_options import ReadOptions
from seq2seqlite.io.signal import sha256_of, signal_from_counts
from seq2seqlite.protocols import GateSequentialPredictor, Predictor, PredictorSource

__all__ = [
    "FORMATS",
    "LIFETIME_MAPS",
    "MIN_PHOTONS",
    "QUALITY_MAPS",
    "SUFFIXES",
    "Done",
    "FrameAnalysis",
    "GateSequentialPredictor",
    "ImageJob",
    "JobOptions",
    "Predictor",
    "PredictorSource",
    "Quality",
    "ReadOptions",
    "Rebinner",
    "Rebinning",
    "Stack",
    "Tile",
    "analysed_tpsfs",
    "in_tiles",
    "lifetime_map",
    "lifetime_picture",
    "load",
    "make_image",
    "map_files",
    "neighbourhood_sum",
    "open_stack",
    "plan_rebinning",
    "read",
    "read_mask",
    "sha256_of",
    "signal_from_counts",
    "summarise",
    "write_maps",
]
