"""Widget "Lifetime map" of napari: maps of a measurement as layers, and a table of regions."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from magicgui.widgets import (
    CheckBox,
    ComboBox,
    Container,
    FileEdit,
    FloatSpinBox,
    Label,
    ProgressBar,
    PushButton,
    SpinBox,
    Table,
)
from napari.layers import Image, Labels, Layer
from napari.qt.threading import create_worker
from napari.utils.notifications import show_error, show_info, show_warning
from qtpy import QtCore
from qtpy.QtWidgets import QFileDialog

from seq2seqlite.batch import AnalysedImage
from seq2seqlite.errors import InputError
from seq2seqlite.figures import DEFAULT_COLOURS
from seq2seqlite.files import replace_when_done
from seq2seqlite.imaging import MIN_PHOTONS
from seq2seqlite.io.read_options import SUM
from seq2seqlite.napari.layers import KEY, OpenedMeasurement, map_layers
from seq2seqlite.napari.settings import IRFS, MEASURED, NO_IRF, MapSettings, label_regions, models
from seq2seqlite.regions import Regions, table_text

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["LifetimeMapWidget"]

COLOURS = (DEFAULT_COLOURS, "viridis", "cividis", "plasma", "turbo")


class _Reports(QtCore.QObject):
    """Progress of a thread, which Qt delivers in the thread of the window."""

    progressed = QtCore.Signal(int, int)  # type: ignore[attr-defined] # that of the binding


class LifetimeMapWidget(Container[Any]):
    """Widget that computes the lifetime maps of a measurement in a thread, and statistics of regions.

    Parameters
    ----------
    napari_viewer : napari.components.ViewerModel
        Viewer with the layers.
    """

    def __init__(self, napari_viewer: "ViewerModel") -> None:
        self.viewer = napari_viewer
        self.images: dict[str, AnalysedImage] = {}
        self.table_rows: list[dict[str, Any]] = []
        self.worker: Any = None
        self._reports = _Reports()
        self._reports.progressed.connect(self._show_progress)
        self.measurement = ComboBox(
            label="Measurement", choices=self._measurements, tooltip="Layer opened by seq2seqlite"
        )
        self.frames = ComboBox(
            label="Frames", choices=[SUM], tooltip="Sum of the frames of a series, or a map of each"
        )
        self.model = ComboBox(
            label="Model", choices=models(), tooltip="Model or estimator; automatic: as image chooses it"
        )
        self.model_file = FileEdit(
            label="Model file", filter="*.npz *.program", nullable=True, tooltip="Used instead of Model"
        )
        self.irf = ComboBox(
            label="IRF", choices=list(IRFS), tooltip="None, fitted to the summed decay, or measured"
        )
        self.irf_file = FileEdit(label="IRF file", nullable=True, tooltip="Measured IRF")
        self.irf_bin_width_ns = FloatSpinBox(
            label="IRF bin width / ns", min=0, max=100, step=0.001, value=0, tooltip="0: as in the file"
        )
        self.min_photons = FloatSpinBox(
            label="Photon threshold",
            min=1,
            max=1e9,
            step=10,
            value=MIN_PHOTONS,
            tooltip="Pixels with fewer photons, after binning, are not analysed",
        )
        self.binning = SpinBox(
            label="Binning", max=50, value=0, tooltip="Sum (2n+1) x (2n+1) neighbouring pixels"
        )
        self.extrapolate = CheckBox(text="Extend a short window by an exponential tail")
        self.quality = CheckBox(text="Quality maps")
        self.phasor = CheckBox(text="Phasor maps", value=True)
        self.cmap = ComboBox(label="Colours", choices=list(COLOURS))
        self.compute = PushButton(text="Compute maps")
        self.progress = ProgressBar(label="Progress", min=0, max=100, value=0)
        self.result = Label(value="")
        self.result.native.setWordWrap(True)
        self.region_labels = ComboBox(
            label="Regions", choices=self._label_layers, tooltip="Layer of labels, one a region"
        )
        self.tabulate = PushButton(text="Table of regions")
        self.export = PushButton(text="Export CSV")
        self.table = Table(visible=False)
        super().__init__(
            widgets=[
                self.measurement,
                self.frames,
                self.model,
                self.model_file,
                self.irf,
                self.irf_file,
                self.irf_bin_width_ns,
                self.min_photons,
                self.binning,
                self.extrapolate,
                self.quality,
                self.phasor,
                self.cmap,
                self.compute,
                self.progress,
                self.result,
                self.region_labels,
                self.tabulate,
                self.export,
                self.table,
            ]
        )
        self.measurement.changed.connect(self._offer_frames)
        self.irf_file.changed.connect(lambda: setattr(self.irf, "value", MEASURED))
        self.compute.changed.connect(self.start)
        self.tabulate.changed.connect(self.start_table)
        self.export.changed.connect(self._ask_and_save)
        for event in ("inserted", "removed"):
            getattr(self.viewer.layers.events, event).connect(self._update_choices)
        self._update_choices()

    def settings(self) -> MapSettings:
        """Return the choices of the widget.

        Raises
        ------
        InputError
            If a measured IRF is chosen without a file.
        """
        irf = str(self.irf.value)
        if irf == MEASURED:
            if self.irf_file.value is None:
                raise InputError("no IRF file is chosen; choose one, or another IRF")
            irf = str(self.irf_file.value)
        return MapSettings(
            model=str(self.model_file.value or self.model.value),
            irf=irf,
            irf_bin_width_ns=None if irf == NO_IRF else float(self.irf_bin_width_ns.value) or None,
            min_photons=float(self.min_photons.value),
            binning=int(self.binning.value),
            extrapolate=bool(self.extrapolate.value),
            frames=str(self.frames.value),
            quality=bool(self.quality.value),
            phasor=bool(self.phasor.value),
        )

    def start(self) -> None:
        """Compute the maps in a thread, and add them as layers."""
        try:
            layer, opened = self._chosen()
            settings = self.settings()
        except InputError as error:
            show_error(str(error))
            return
        name, cmap = layer.name, str(self.cmap.value)

        def show(image: AnalysedImage) -> None:
            self.images[name] = image
            self._add_maps(image, name, cmap)

        self._run(lambda: settings.analyse(opened, progress=self._reports.progressed.emit), show)

    def start_table(self) -> None:
        """Compute the table of the regions in a thread, and show it."""
        try:
            image, regions = self._labelled()
        except InputError as error:
            show_error(str(error))
            return
        labels = self.region_labels.value

        def show(rows: list[dict[str, Any]]) -> None:
            self.table_rows = rows
            self._show_table(labels)

        self._run(lambda: image.rows(regions), show)

    def save(self, path: Path, /) -> None:
        """Write the table of the regions as CSV, as in ``regions.csv``.

        Raises
        ------
        InputError
            If no table has been computed, or the file cannot be written.
        """
        if not self.table_rows:
            raise InputError("no table of regions has been computed; compute it first")
        with replace_when_done(path) as temporary:
            temporary.write_text(table_text(self.table_rows), encoding="utf-8")

    def _chosen(self) -> tuple[Layer, OpenedMeasurement]:
        layer = self.measurement.value
        if layer is None:
            raise InputError("no measurement is open; open a file with seq2seqlite")
        return layer, layer.metadata[KEY]

    def _labelled(self) -> tuple[AnalysedImage, Regions]:
        """Return the maps of the measurement, and the regions of the chosen labels."""
        name, labels = self._chosen()[0].name, self.region_labels.value
        if name not in self.images:
            raise InputError(f"{name} has no maps; compute them")
        if labels is None:
            raise InputError("the image has no Labels layer; add one, and draw the regions")
        image = self.images[name]
        shape = (image.data.sizes["Y"], image.data.sizes["X"])
        step = self.viewer.dims.current_step[:-2]
        return image, label_regions(labels.data, shape=shape, name=labels.name, step=step)

    def _run(self, work: Any, show: Any) -> None:
        """Run a function in a thread; show its result, or its InputError as a notification."""

        def result_and_error() -> tuple[Any, str]:
            try:
                return work(), ""
            except InputError as error:
                return None, " ".join(str(error).split())

        def returned(found: tuple[Any, str]) -> None:
            result, error = found
            if error:
                show_error(error)
            else:
                show(result)

        self._enable(ready=False)
        self.worker = create_worker(result_and_error, _start_thread=False)
        self.worker.returned.connect(returned)
        self.worker.finished.connect(lambda: self._enable(ready=True))
        self.worker.start()

    def _enable(self, *, ready: bool) -> None:
        for button in (self.compute, self.tabulate, self.export):
            button.enabled = ready
        self.progress.value = 0

    def _show_progress(self, done: int, todo: int) -> None:
        self.progress.value = 100 * done // max(todo, 1)

    def _add_maps(self, image: AnalysedImage, name: str, cmap: str) -> None:
        """Add the maps as layers; those of an earlier run with the same names are replaced."""
        for data, described, kind in map_layers(image.maps, cmap=cmap, name=name):
            for old in [layer for layer in self.viewer.layers if layer.name == described["name"]]:
                if KEY in old.metadata:
                    self.viewer.layers.remove(old)
            layer = self.viewer.add_layer(Layer.create(data, described, kind))
            if described["metadata"][KEY] == "tau_mean_ns":
                layer.colorbar.visible = True
        self.result.value = _summary(image)
        for warning in image.maps.attrs["warnings"]:
            show_warning(warning)

    def _show_table(self, labels: Labels) -> None:
        """Show the table with a column for each region, and keep it as features of the labels."""
        rows = self.table_rows
        names = list(dict.fromkeys(name for row in rows for name in row))
        columns = [str(row["region"]) for row in rows]
        self.table.value = {
            "data": [[row.get(name) for row in rows] for name in names if name != "region"],
            "index": [name for name in names if name != "region"],
            "columns": columns,
        }
        self.table.visible = True
        if len(set(columns)) == len(columns):
            values = {name: [row.get(name) for row in rows] for name in names}
            labels.features = {"index": [int(region) for region in columns], **values}

    def _ask_and_save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self.native, "Export CSV", "regions.csv", "CSV (*.csv)")
        if not path:
            return
        try:
            self.save(Path(path))
        except InputError as error:
            show_error(str(error))
        else:
            show_info(f"{path} was written")

    def _update_choices(self, *_: object) -> None:
        self.measurement.reset_choices()
        self.region_labels.reset_choices()
        self._offer_frames()

    def _offer_frames(self, *_: object) -> None:
        layer = self.measurement.value
        self.frames.choices = [SUM] if layer is None else list(layer.metadata[KEY].frames)

    def _measurements(self, _: object) -> list[Layer]:
        return [
            layer
            for layer in self.viewer.layers
            if isinstance(layer, Image) and isinstance(layer.metadata.get(KEY), OpenedMeasurement)
        ]

    def _label_layers(self, _: object) -> list[Layer]:
        return [layer for layer in self.viewer.layers if isinstance(layer, Labels)]


def _summary(image: AnalysedImage) -> str:
    """Return the median lifetime, the analysed pixels and the model in words."""
    import numpy as np

    attrs = image.maps.attrs
    median = float(np.nanmedian(image.maps["tau_mean_ns"].values))
    pixels = f"{attrs['pixels_analysed']:,} of {attrs['pixels']:,} pixels analysed"
    return f"median {median:.3f} ns, {pixels}\n{attrs.get('model_choice', attrs['model'])}"
