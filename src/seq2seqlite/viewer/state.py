"""State of the page: everything that is in its URL, and the commands that compute the same."""

import math
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from seq2seqlite.errors import InputError
from seq2seqlite.figures import PictureOptions
from seq2seqlite.imaging.mask import MIN_PHOTONS

__all__ = ["Outline", "ViewState"]

# Vertices of a drawn outline that are kept: the URL stays short.
MOST_POINTS = 60
MOST_REGIONS = 30


@dataclass(frozen=True)
class Outline:
    """Polygon of a region, in pixels; the first pixel extends from 0 to 1.

    Parameters
    ----------
    name : str
        Name of the region.
    points : tuple of (float, float)
        Vertices (x, y).

    See Also
    --------
    ViewState : State with the outlines of a page.
    """

    name: str
    points: tuple[tuple[float, float], ...]

    @classmethod
    def drawn(cls, name: str, x: Any, y: Any, /) -> "Outline":
        """Return an outline with at most 60 of the drawn vertices, rounded to 0.1 pixels."""
        pairs = [(round(float(a), 1), round(float(b), 1)) for a, b in zip(x, y, strict=True)]
        step = max(1, math.ceil(len(pairs) / MOST_POINTS))
        return cls(name, tuple(pairs[::step]))

    @classmethod
    def of_text(cls, text: str, /) -> "Outline":
        """Return the outline of :attr:`text`."""
        name, _, rest = text.rpartition(":")
        try:
            values = [float(value) for value in rest.split(",")]
        except ValueError:
            values = []
        if len(values) < 6 or len(values) % 2 or not all(map(math.isfinite, values)):
            raise InputError(f"region {text[:40]!r} in the URL must be name:x,y,x,y,x,y,... of a polygon")
        return cls.drawn(name, values[::2], values[1::2])

    @property
    def text(self) -> str:
        """Name and vertices, as in the URL."""
        return f"{self.name}:" + ",".join(f"{value:g}" for point in self.points for value in point)

    def feature(self) -> dict[str, Any]:
        """Return the region as a feature of GeoJSON."""
        ring = [list(point) for point in (*self.points, self.points[0])]
        return {
            "type": "Feature",
            "properties": {"name": self.name},
            "geometry": {"type": "Polygon", "coordinates": [ring]},
        }


@dataclass(frozen=True)
class ViewState:
    """Choices of a page.

    Parameters
    ----------
    file : str
        Name of the measurement within the opened folder.
    model : str
        Model or estimator.
    irf : str
        ``""``, ``"fit"`` or the file of a measured IRF.
    min_photons, binning
        As for :func:`seq2seqlite.lifetime_map`.
    shown : str
        Name of the displayed map.
    cmap : str
        Colours, as for :func:`~seq2seqlite.figures.lifetime_colours`.
    limits : tuple of float, optional
        Values of the first and the last colour; default as for
        :func:`~seq2seqlite.figures.lifetime_picture`.
    lit : tuple of float, optional
        Range of the histogram whose pixels are highlighted.
    pixel : tuple of int, optional
        Column and row of the selected pixel.
    regions : tuple of Outline
        Drawn regions.
    selected : str
        Name of the selected region; empty for a pixel or the whole image.

    See Also
    --------
    seq2seqlite.viewer.ViewServer : Server of the page.

    Examples
    --------
    >>> state = ViewState("cell.ptu", "phasor", pixel=(3, 4))
    >>> ViewState.of_query(state.query(), ViewState("other.ptu", "phasor")) == state
    True
    """

    file: str
    model: str
    irf: str = ""
    min_photons: float = MIN_PHOTONS
    binning: int = 0
    shown: str = "tau_mean_ns"
    cmap: str = PictureOptions().described()["cmap"]
    limits: tuple[float, float] | None = None
    lit: tuple[float, float] | None = None
    pixel: tuple[int, int] | None = None
    regions: tuple[Outline, ...] = ()
    selected: str = ""

    def picture(self) -> PictureOptions:
        """Return the colours."""
        return PictureOptions(self.cmap, self.limits)

    def with_drawn(self, geometry: Mapping[str, Any], /) -> "ViewState":
        """Return the state with a drawn region, which is selected; itself if it cannot be added.

        Parameters
        ----------
        geometry : mapping
            Geometry of a selection in Bokeh: a rectangle or a polygon.
        """
        x, y = geometry.get("x"), geometry.get("y")
        if geometry["type"] == "rect":
            x = [geometry["x0"], geometry["x1"], geometry["x1"], geometry["x0"]]
            y = [geometry["y0"], geometry["y0"], geometry["y1"], geometry["y1"]]
        full = len(self.regions) >= MOST_REGIONS
        if full or not isinstance(x, list) or not isinstance(y, list) or len(x) < 3:
            return self
        taken = {outline.name for outline in self.regions}
        name = next(name for name in (f"region-{n}" for n in range(1, 99)) if name not in taken)
        return replace(self, regions=(*self.regions, Outline.drawn(name, x, y)), selected=name)

    def query(self) -> dict[str, list[str]]:
        """Return the state as parameters of a URL."""
        values: dict[str, list[str]] = {
            "file": [self.file],
            "model": [self.model],
            "irf": [self.irf],
            "min_photons": [f"{self.min_photons:g}"],
            "binning": [str(self.binning)],
            "map": [self.shown],
            "cmap": [self.cmap],
        }
        for key, pair in (("range", self.limits), ("lit", self.lit), ("pixel", self.pixel)):
            if pair is not None:
                values[key] = [f"{pair[0]:.6g},{pair[1]:.6g}"]
        if self.regions:
            values["region"] = [outline.text for outline in self.regions]
        if self.selected:
            values["selected"] = [self.selected]
        return values

    @classmethod
    def of_query(cls, query: Mapping[str, list[str]], default: "ViewState", /) -> "ViewState":
        """Return the state of a URL; missing parameters are those of a default.

        Raises
        ------
        InputError
            If a value is invalid.
        """
        names = {"file": "file", "model": "model", "irf": "irf", "map": "shown", "cmap": "cmap"}
        fields: dict[str, Any] = {
            field: query[key][0]
            for key, field in (names | {"selected": "selected"}).items()
            if query.get(key)
        }
        if "min_photons" in query:
            fields["min_photons"] = _numbers("min_photons", query, 1)[0]
        if "binning" in query:
            fields["binning"] = int(_numbers("binning", query, 1)[0])
        for key, field in (("range", "limits"), ("lit", "lit")):
            if key in query:
                fields[field] = tuple(_numbers(key, query, 2))
        if "pixel" in query:
            fields["pixel"] = tuple(int(value) for value in _numbers("pixel", query, 2))
        if "region" in query:
            fields["regions"] = tuple(Outline.of_text(text) for text in query["region"][:MOST_REGIONS])
        return replace(default, **fields)

    def command(self, path: str, options: Mapping[str, Any], /) -> str:
        """Return the command line that writes the maps of this state.

        Parameters
        ----------
        path : str
            Path of the measurement.
        options : mapping
            Further parameters of :func:`~seq2seqlite.write_lifetime_maps` with their values.
        """
        words = ["seq2seqlite", "image", path]
        for name, value in self._parameters(options).items():
            words.append("--range" if name == "colour_range" else f"--{name.replace('_', '-')}")
            words += [f"{part:.6g}" if isinstance(part, float) else str(part) for part in _tuple(value)]
        return shlex.join([*words, "--out", "maps"])

    def python(self, path: str, options: Mapping[str, Any], /) -> str:
        """Return the same as Python code; parameters as for :meth:`command`."""
        named = self._parameters(options)
        model = named.pop("model")
        rest = "".join(f"    {name}={value!r},\n" for name, value in named.items())
        return (
            "from seq2seqlite import write_lifetime_maps\n\n"
            f'write_lifetime_maps(\n    {path!r}, {model!r}, "maps",\n{rest})\n'
        )

    def _parameters(self, options: Mapping[str, Any]) -> dict[str, Any]:
        own: dict[str, Any] = {"model": self.model}
        if self.irf:
            own["irf"] = self.irf
        own |= {"min_photons": float(self.min_photons), "binning": self.binning, "cmap": self.cmap}
        if self.limits is not None:
            own["colour_range"] = tuple(float(limit) for limit in self.limits)
        if self.regions:
            own["regions"] = "regions.geojson"
        return own | {name: value for name, value in options.items() if value is not None}


def _tuple(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _numbers(key: str, query: Mapping[str, list[str]], n: int) -> list[float]:
    """Return the finite numbers of a parameter of a URL."""
    text = query[key][0]
    try:
        values = [float(value) for value in text.split(",")]
    except ValueError:
        values = []
    if len(values) != n or not all(math.isfinite(value) and abs(value) < 1e9 for value in values):
        raise InputError(f"{key}={text[:40]!r} in the URL must be {n} finite number{'s' if n > 1 else ''}")
    return values
