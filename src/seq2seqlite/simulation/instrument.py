"""Description of an instrument and the decays measured with it, read from TOML; input of the simulator."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from seq2seqlite.config import (
    Range,
    check_keys,
    check_name,
    from_table,
    is_name,
    load_named_toml,
    plain_table,
    toml_names,
)
from seq2seqlite.decay import (
    Detector,
    Gate,
    GatedIrf,
    IccdDetector,
    Irf,
    MeasuredIrf,
    ParametricIrf,
    PhotonCountingDetector,
    PileUpDetector,
    SpadFrameDetector,
    TimeAxis,
)
from seq2seqlite.errors import InputError
from seq2seqlite.files import replace_when_done
from seq2seqlite.io.irf import read_irf
from seq2seqlite.resources import configs_folder
from seq2seqlite.simulation.ranges import DecayRanges, GateRanges, IrfRanges, ResponseRanges, middle

__all__ = ["Instrument", "copy_instrument", "instrument_names", "load_instrument"]

DETECTORS: dict[str, type[Any]] = {
    "photon-counting": PhotonCountingDetector,
    "spad-frames": SpadFrameDetector,
    "tcspc-pile-up": PileUpDetector,
    "iccd": IccdDetector,
}


@dataclass(frozen=True)
class Instrument:
    """An instrument: time axis, IRFs, distribution of decays, and detector.

    Parameters
    ----------
    name : str
        Short name, used in model names.
    axis : TimeAxis
        Gates and laser period.
    irf : IrfRanges
        Instrument response and its variation.
    decays : DecayRanges
        Distribution of the decays.
    detector : Detector
        Noise model.
    measured_irf : MeasuredIrf, optional
        IRF read from ``irf.file``.
    gate : GateRanges, optional
        Gates with edges, of a camera; default: the ideal gates of the axis.
    response : ResponseRanges, optional
        Measurement of the response that networks get as an input; default: ``ResponseRanges()``.

    See Also
    --------
    load_instrument : Return a shipped instrument by name, or an instrument described in a TOML file.
    Simulator : Simulator of one instrument's decays.
    """

    name: str
    axis: TimeAxis
    irf: IrfRanges
    decays: DecayRanges
    detector: Detector
    measured_irf: MeasuredIrf | None = None
    gate: GateRanges | None = None
    response: ResponseRanges | None = None

    def __post_init__(self) -> None:
        if self.gate is not None:
            longest = self.gate.length_ns[1] * (1 + 3 * self.gate.length_spread)
            if longest > self.axis.period_ns:
                raise InputError(
                    f"gate.length_ns={list(self.gate.length_ns)} (length_spread={self.gate.length_spread})"
                    f" must be <= period_ns={self.axis.period_ns:g}"
                )
            if self.axis.gate_length_ns is not None:
                raise InputError(
                    f"axis.gate_length_ns={self.axis.gate_length_ns} and [gate] both give the gate length; "
                    "omit axis.gate_length_ns"
                )
        for name in ("center_ns", "fwhm_ns"):
            value = getattr(self.irf, name)
            if value[1] > self.axis.period_ns:
                raise InputError(f"irf.{name}={list(value)} must be <= period_ns={self.axis.period_ns:g}")
        if self.decays.tau_ns[1] > 1000 * self.axis.period_ns:
            raise InputError(
                f"decays.tau_ns={list(self.decays.tau_ns)} must be <= 1000 period_ns={self.axis.period_ns:g}"
            )

    @property
    def forward_axis(self) -> TimeAxis:
        """Axis for the forward model of :meth:`draw_irf`'s responses: they include the gates of a camera."""
        return self.axis if self.gate is None else self.axis.sampled()

    def with_gate_length(self, length_ns: float, /) -> "Instrument":
        """Return this instrument with one gate length, as set for an image.

        Parameters
        ----------
        length_ns : float
            Gate length, in ns.

        Raises
        ------
        InputError
            If the instrument has no ``[gate]``, or the length is not within its range.
        """
        if self.gate is None:
            raise InputError(f"instrument {self.name} has no [gate]; its gate length cannot be set")
        low, high = self.gate.length_ns
        if not low <= length_ns <= high:
            raise InputError(
                f"gate_length_ns={length_ns} of instrument {self.name} must be between {low:g} and {high:g}"
            )
        return replace(self, gate=replace(self.gate, length_ns=(length_ns, length_ns)))

    def draw_irf(self, rng: np.random.Generator, /) -> Irf:
        """Return a random response of this instrument; it includes the gate of a camera (``[gate]``)."""
        irf = self._light_response(lambda ends: rng.uniform(*ends))
        return irf if self.gate is None else _gated(irf, self.gate.draw(rng))

    def middle_irf(self, *, gate_length_ns: float | None = None) -> Irf:
        """Return the response with all properties in the middle of their ranges.

        Parameters
        ----------
        gate_length_ns : float, optional
            Length of the gates of a camera (``[gate]``), in ns; default: the middle of its range.

        Returns
        -------
        Irf
            Response; it includes the gate of a camera, and belongs to :attr:`forward_axis`.

        Examples
        --------
        >>> round(load_instrument("narrow-gate").middle_irf().center_ns, 3)
        1.55
        """
        irf = self._light_response(middle)
        if self.gate is None:
            return irf
        length = middle(self.gate.length_ns) if gate_length_ns is None else gate_length_ns
        return _gated(irf, Gate(length, middle(self.gate.rise_ns), middle(self.gate.fall_ns)))

    def _light_response(self, chosen: Callable[[Range], float]) -> Irf:
        """Return the response of the detector to a pulse, with values chosen from the ranges."""
        ranges = self.irf
        center = chosen(ranges.center_ns)
        if self.measured_irf is not None:
            return self.measured_irf.changed(mean_ns=center, extra_fwhm_ns=chosen(ranges.extra_fwhm_ns))
        return ParametricIrf(
            center_ns=center,
            fwhm_ns=chosen(ranges.fwhm_ns),
            tail_fraction=chosen(ranges.tail_fraction),
            tail_ns=chosen(ranges.tail_ns),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the configuration in the form of the TOML file, with all defaults filled in."""
        kind = next(name for name, cls in DETECTORS.items() if isinstance(self.detector, cls))
        tables = {name: plain_table(getattr(self, name)) for name in ("axis", "irf", "decays")}
        if self.decays.mono_tau == DecayRanges.mono_tau:
            del tables["decays"]["mono_tau"]  # as in the cards of models from before there was a choice
        if self.decays.background_prior == DecayRanges.background_prior:
            del tables["decays"]["background_prior"]
        optional = {"gate": self.gate, "response": self.response}
        tables |= {name: plain_table(value) for name, value in optional.items() if value is not None}
        return {"name": self.name, **tables, "detector": {"kind": kind, **plain_table(self.detector)}}

    @classmethod
    def from_dict(cls, table: Mapping[str, Any], /, *, folder: Path | None = None) -> "Instrument":
        """Return the instrument of a parsed TOML file; a relative ``irf.file`` is relative to ``folder``.

        Raises
        ------
        InputError
            If a key is missing or unknown, or a value is out of range.
        """
        required = {"name", "axis", "irf", "decays"}
        known = required | {"detector", "gate", "response"}
        check_keys(table, known=known, required=required, name="the instrument")
        name = table["name"]
        check_name(name)
        detector = dict(_table(table, "detector")) if "detector" in table else {"kind": "photon-counting"}
        kind = detector.pop("kind", "photon-counting")
        if not isinstance(kind, str) or kind not in DETECTORS:
            raise InputError(f"detector.kind={kind!r} is unknown; choose one of {', '.join(DETECTORS)}")
        irf = _section(IrfRanges, table, "irf")
        return cls(
            name=name,
            axis=_section(TimeAxis, table, "axis"),
            irf=irf,
            decays=_section(DecayRanges, table, "decays"),
            detector=from_table(DETECTORS[kind], detector, name="detector", prefix="detector."),
            measured_irf=None if irf.file is None else _read_measured(irf.file, irf.bin_width_ns, folder),
            gate=_section(GateRanges, table, "gate") if "gate" in table else None,
            response=_section(ResponseRanges, table, "response") if "response" in table else None,
        )


def instrument_names() -> list[str]:
    """Return the names of the instruments shipped with the package.

    See Also
    --------
    load_instrument : Load an instrument by name.
    """
    return toml_names(configs_folder() / "instruments")


def copy_instrument(name: str, path: str | Path, /) -> Path:
    """Copy the TOML file of a shipped instrument, as the start of an instrument of your own.

    The name in the copy is that of the file, or ``my-NAME`` where this is the name of a shipped instrument: a
    model with that name would be taken for one of the shipped instrument, with its range of lifetimes.

    Parameters
    ----------
    name : str
        Name of the instrument.
    path : path-like
        New file.

    Returns
    -------
    pathlib.Path
        New file.

    Raises
    ------
    InputError
        If there is no such instrument, or the file exists.

    See Also
    --------
    instrument_names : Names of the shipped instruments.
    load_instrument : Load an instrument by name or file.
    """
    if name not in instrument_names():
        raise InputError(f"copy={name!r} is unknown; choose one of {', '.join(instrument_names())}")
    file = Path(path)
    if file.exists():
        raise InputError(f"out={file} exists; choose another name")
    own = f"my-{name}" if file.stem in instrument_names() or not is_name(file.stem) else file.stem
    text = (configs_folder() / "instruments" / f"{name}.toml").read_text("utf-8")
    text = text.replace(f'name = "{name}"', f'name = "{own}"', 1)
    with replace_when_done(file) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return file


def _gated(irf: Irf, gate: Gate) -> GatedIrf:
    """Return the response of a camera whose series has its rising edge where the pulse is."""
    return GatedIrf(irf.moved(gate.length_ns), gate)


def load_instrument(name_or_path: str | Path, /) -> Instrument:
    """Return a shipped instrument by name, or an instrument described in a TOML file.

    Raises
    ------
    InputError
        If there is no such instrument or file, or the file is not valid.

    See Also
    --------
    instrument_names : Names of the shipped instruments.

    Examples
    --------
    >>> load_instrument("narrow-gate").axis.n_gates
    135
    """
    return load_named_toml(
        name_or_path,
        lambda table, folder: Instrument.from_dict(table, folder=folder),
        folder=configs_folder() / "instruments",
        what="instrument",
    )


def _read_measured(file: str, bin_width_ns: float | None, folder: Path | None) -> MeasuredIrf:
    path = Path(file)
    if folder is not None and not path.is_absolute():
        path = folder / path
    return read_irf(path, bin_width_ns=bin_width_ns)


def _table(table: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = table[name]
    if not isinstance(value, Mapping):
        raise InputError(f"{name}={value!r} must be a table ([{name}])")
    return value


def _section(cls: type[Any], table: Mapping[str, Any], name: str) -> Any:
    return from_table(cls, _table(table, name), name=name, prefix=f"{name}.")
