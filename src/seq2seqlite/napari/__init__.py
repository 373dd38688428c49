"""Plugin of napari: measurements and lifetime maps as layers.

- :func:`get_reader`: reader of measurements, which napari calls when a file is opened
- :func:`measurement_layers`: intensity of a measurement as layers, with its decays
- :func:`map_layers`: lifetime maps as layers

None of these functions imports napari or Qt. The widget is imported when it is opened.
"""

from seq2seqlite.napari.layers import OpenedMeasurement, map_layers, measurement_layers
from seq2seqlite.napari.reader import get_reader, open_measurement

__all__ = ["OpenedMeasurement", "get_reader", "map_layers", "measurement_layers", "open_measurement"]
