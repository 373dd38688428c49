"""Every format reads with its axis and photon totals; what cannot be read says so in one line."""

import locale
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from seq2seqlite.errors import InputError
from seq2seqlite.io.expand import expanded
from seq2seqlite.io.measurement import load, read
from seq2seqlite.io.series import read_series

# path, options, shape, bin width (ns), period (ns), photons, those in the file, format
MEASURED: list[tuple[str, dict[str, Any], tuple[int, ...], float, float | None, int, int, str]] = [
    ("ptu-tiny/ptu_example.ptu", {}, (128, 128, 257), 0.09697, 25.0, 17_669, 17_673, "PTU"),
    ("nadh-yeast/SDT_c01.sdt", {"block": 1}, (512, 512, 256), 0.04684, 12.5, 227_683, 227_683, "SDT"),
    ("nadh-yeast/IRF.sdt", {"block": 1}, (1, 1, 4096), 0.002927, 12.5, 3_700_666, 3_700_666, "SDT"),
    ("irfs/IRF_inhouse_PMT.sdt", {}, (1, 1, 256), 0.09766, 25.249, 255_475, 255_475, "SDT"),
    ("atto550/Atto550_DNA.txt", {}, (1, 1, 4096), 0.02743, None, 1_476_495, 1_476_495, "text"),
    ("ics/Csarseven.ics", {}, (128, 128, 256), 0.0390625, None, 5_726_273, 5_726_273, "ICS"),
    ("iccd-wells", {"drop": ("B149",)}, (128, 172, 149), 0.04, 12.5, 136_027_851, 136_027_851, "gate series"),
    ("flimlib/data.dat", {"gate_width_ns": 0.05863}, (1, 1, 256), 0.05863, None, 519_329, 519_329, "text"),
]  # fmt: skip


@pytest.mark.parametrize("expected", MEASURED, ids=lambda item: item[0])
def test_measured_file_has_the_axis_and_photons_of_the_manifest(
    shared_data: Path,
    expected: tuple[str, dict[str, Any], tuple[int, ...], float, float | None, int, int, str],
) -> None:
    name, options, shape, width, period, photons, in_file, file_format = expected
    data = load(shared_data / name, **options)
    assert data.dims == ("Y", "X", "H")
    assert data.shape == shape
    assert np.diff(data.coords["H"]).mean() == pytest.approx(width, rel=1e-3)
    assert data.attrs["gate_width_ns"] == pytest.approx(width, rel=1e-3)
    assert data.attrs["period_ns"] == (None if period is None else pytest.approx(period, rel=1e-4))
    assert int(data.sum()) == data.attrs["photons"] == photons
    assert data.attrs["photons_in_file"] == in_file
    assert data.attrs["format"] == file_format
    assert len(data.attrs["sha256"]) == 64


def test_hazelnut_counts_photons_of_the_file_and_of_one_period(hazelnut_ptu: Path) -> None:
    data = read(hazelnut_ptu)
    assert data.shape == (256, 256, 132)
    assert data.attrs["photons_in_file"] == 6_065_123
    assert data.attrs["photons"] == int(data.sum()) == 6_064_854
    assert data.attrs["period_ns"] == pytest.approx(12.817, abs=1e-3)
    assert data.attrs["pixel_size_um"] == pytest.approx(0.1463, abs=1e-4)
    assert int(data.sum("H").max()) == 707


def test_gate_axis_starts_where_the_camera_did(shared_data: Path) -> None:
    data = read(shared_data / "iccd-wells", drop=["B149"])
    assert data.coords["H"].values[[0, -1]] == pytest.approx([9.40, 9.40 + 148 * 0.04])


def refused(path: Any, text: str, **options: Any) -> None:
    with pytest.raises(InputError, match=text) as caught:
        load(path, **options)
    assert "\n" not in str(caught.value)


def test_blocks_of_an_sdt_are_listed(shared_data: Path) -> None:
    file = shared_data / "nadh-yeast" / "SDT_c01.sdt"
    refused(
        file,
        r"has 2 measurement data blocks: 0 \(512, 512, 256\) with 5,359 .* 227,683 .*; choose one, e\.g\. bl",
    )
    refused(file, r"block=2 does not exist; it has blocks 0 \(", block=2)


def test_channel_that_the_file_lacks(shared_data: Path) -> None:
    refused(
        shared_data / "ptu-tiny/ptu_example.ptu",
        r"channel=3 does not exist; it has channels 0 \(17,673 photons\)",
        channel=3,
    )


def test_frames_of_a_ptu_sum_to_the_image(shared_data: Path) -> None:
    file = shared_data / "ptu-tiny" / "ptu_example.ptu"
    frames = [read(file, frame=index) for index in range(2)]
    np.testing.assert_array_equal(frames[0].values + frames[1].values, read(file).values)
    refused(file, r"frame=2 must be below 2, .*, or -1 for all", frame=2)


@pytest.mark.parametrize("kept", [8, 100, 0.5, 0.999])
def test_truncated_ptu(shared_data: Path, tmp_path: Path, kept: float) -> None:
    content = (shared_data / "ptu-tiny" / "ptu_example.ptu").read_bytes()
    file = tmp_path / "cut.ptu"
    file.write_bytes(content[: int(kept * len(content)) if kept < 1 else int(kept)])
    refused(
        file,
        "photon records that its header declares, .* truncated; copy it again"
        if kept < 1
        else "not a readable PTU file",
    )


@pytest.mark.parametrize("kept", [8, 100, 0.5, 0.999])
def test_truncated_sdt(shared_data: Path, tmp_path: Path, kept: float) -> None:
    content = (shared_data / "nadh-yeast" / "SDT_c01.sdt").read_bytes()
    file = tmp_path / "cut.sdt"
    file.write_bytes(content[: int(kept * len(content)) if kept < 1 else int(kept)])
    refused(
        file,
        r"not a readable SDT file \(.+\); it is truncated, damaged or of another format: copy it again",
        block=1,
    )


def test_ics_leaves_the_locale_alone(shared_data: Path) -> None:
    before = locale.setlocale(locale.LC_ALL)
    read(shared_data / "ics" / "Csarseven.ics")
    assert locale.setlocale(locale.LC_ALL) == before


def test_truncated_ics(shared_data: Path, tmp_path: Path) -> None:
    file = tmp_path / "cut.ics"
    file.write_bytes((shared_data / "ics" / "Csarseven.ics").read_bytes()[:700_000])
    refused(file, r"not a readable ICS file \(.+\); it is truncated")


@pytest.mark.parametrize("suffix", ["ptu", "sdt", "lif", "ics", "tif", "npz"])
def test_foreign_and_empty_files(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"foreign.{suffix}"
    name = {"tif": "TIFF", "npz": "npz"}.get(suffix, suffix.upper())
    file.write_bytes(b"no photons here, only prose " * 50)
    refused(
        file,
        rf"foreign\.{suffix}.*(not a readable|is not a valid) {name} file",
    )
    file.write_bytes(b"")
    refused(file, rf"foreign\.{suffix} is empty \(0 bytes\); copy it again")


def test_missing_and_unknown_files(tmp_path: Path) -> None:
    refused(tmp_path / "none.ptu", r"none\.ptu does not exist; check the path")
    (tmp_path / "a.docx").write_bytes(b"x")
    refused(tmp_path / "a.docx", r"unsupported suffix '\.docx'; use one of \.ptu \.sdt ")


def test_tiff_without_time_axis(tmp_path: Path) -> None:
    file = tmp_path / "flat.tif"
    tifffile.imwrite(file, np.ones((8, 9), np.uint16))
    refused(
        file,
        r"has no time axis \(axes 'YX', shape \(8, 9\)\); pass a stack of gates, or the folder",
        gate_width_ns=0.1,
    )
    stack = tmp_path / "movie.tif"
    tifffile.imwrite(stack, np.ones((7, 8, 9), np.uint16), photometric="minisblack")
    refused(
        stack,
        r"has no time axis \(axes '.YX', shape \(7, 8, 9\)\); if its pages are gates, pass gate_width_ns",
    )
    assert load(stack, gate_width_ns=0.1).shape == (8, 9, 7)


def test_ome_tiff_says_its_lifetime_axis(tmp_path: Path) -> None:
    file = tmp_path / "flim.ome.tif"
    counts = np.arange(5 * 3 * 4, dtype=np.uint16).reshape(5, 3, 4)
    tifffile.imwrite(
        file,
        counts,
        photometric="minisblack",
        metadata={"axes": "HYX", "PhysicalSizeX": 0.25, "PhysicalSizeXUnit": "µm"},
    )
    refused(file, r"does not contain its gate width; pass gate_width_ns")
    xml = tifffile.tiffcomment(file)
    assert isinstance(xml, str)
    tifffile.tiffcomment(
        file, xml.replace('Start="0" End="4"', 'Start="0" End="800" Step="200" Unit="ps"').encode()
    )
    data = load(file)
    assert data.attrs["format"] == "OME-TIFF"
    assert data.attrs["gate_width_ns"] == pytest.approx(0.2)
    assert data.attrs["pixel_size_um"] == pytest.approx(0.25)
    np.testing.assert_array_equal(data.values, np.moveaxis(counts, 0, -1))


LABELS = "".join(f"<Label>{150 + 50 * index}</Label>" for index in range(250))
END = 0.05 * 249  # 12.450000000000001


@pytest.mark.parametrize(
    "axis",
    [
        f'Type="lifetime" Unit="ps">{LABELS}</ModuloAlongT>',
        f'Type="lifetime" Unit="ns" Start="0" Step="0.05" End="{END}"/>',
    ],
)
def test_ome_tiff_with_labels_or_steps_of_the_lifetime_axis(tmp_path: Path, axis: str) -> None:
    """Labels are times as well; tifffile counts 251 gates from 0 to 12.450000000000001 in steps of 0.05."""
    file = tmp_path / "flim.ome.tif"
    counts = np.arange(250 * 2 * 3, dtype=np.uint16).reshape(250, 2, 3)
    tifffile.imwrite(file, counts, photometric="minisblack", metadata={"axes": "TYX"})
    xml = tifffile.tiffcomment(file)
    assert isinstance(xml, str)
    space = 'ID="Annotation:0" Namespace="openmicroscopy.org/omero/dimension/modulo"'
    modulo = f"<XMLAnnotation {space}><Value><Modulo><ModuloAlongT {axis}</Modulo></Value></XMLAnnotation>"
    xml = xml.replace("</Image>", '<AnnotationRef ID="Annotation:0"/></Image>')
    xml = xml.replace("</OME>", f"<StructuredAnnotations>{modulo}</StructuredAnnotations></OME>")
    tifffile.tiffcomment(file, xml.encode())
    data = load(file)
    assert data.attrs["gate_width_ns"] == pytest.approx(0.05)
    np.testing.assert_array_equal(data.values, np.moveaxis(counts, 0, -1))


def test_half_precision_counts_do_not_overflow(tmp_path: Path) -> None:
    file = tmp_path / "a.npz"
    np.savez(file, tpsf=np.full((2, 2, 9), 60_000, np.float16), gate_width_ns=0.1, period_ns=12.5)
    data = load(file)
    assert data.dtype == np.float32
    assert data.attrs["photons"] == 36 * 60_000


def gate_folder(folder: Path, names: list[str]) -> Path:
    folder.mkdir()
    for index, name in enumerate(names):
        tifffile.imwrite(folder / f"{name}.tif", np.full((3, 4), index + 1, np.uint16))
    return folder


@pytest.mark.parametrize(
    ("names", "start_ns"),
    [
        (["-200ps", "-100ps", "0ps"], -0.2),
        (["delay_-0.3ns", "delay_-0.2ns", "delay_-0.1ns"], -0.3),
        (["delay-200ps", "delay-100ps", "delay0ps"], -0.2),
        (["cell-100ps", "cell-200ps", "cell-300ps"], 0.1),
        (["w3ns_d100ps", "w3ns_d200ps", "w3ns_d300ps"], 0.1),
    ],
)
def test_delays_in_names(tmp_path: Path, names: list[str], start_ns: float) -> None:
    """A minus sign, without which the decay would be reversed; a gate length beside the delay."""
    data = load(gate_folder(tmp_path / "gates", names), period_ns=12.5)
    assert data.values[0, 0].tolist() == [1, 2, 3]
    assert data.coords["H"].values == pytest.approx(start_ns + 0.1 * np.arange(3))


def test_hidden_files_of_macos_are_no_gates(tmp_path: Path) -> None:
    folder = gate_folder(tmp_path / "gates", ["G1", "G2", "G3"])
    for index in (1, 2, 3):
        (folder / f"._G{index}.tif").write_bytes(b"Mac OS X")
    assert load(folder, gate_width_ns=0.1).sizes["H"] == 3
    series = tmp_path / "series"
    series.mkdir()
    for name in ("a1.npz", "a2.npz"):
        np.savez(series / name, tpsf=np.ones((2, 3, 4), int), gate_width_ns=0.1, period_ns=12.5)
        (series / f"._{name}").write_bytes(b"Mac OS X")
    assert expanded([series]) == [series / "a1.npz", series / "a2.npz"]
    assert read_series(series).n_frames == 2


def test_missing_gate_is_named(tmp_path: Path) -> None:
    folder = gate_folder(tmp_path / "wells", [f"G{index:03d}" for index in (0, 1, 2, 4, 5)])
    refused(folder, r"gate G003 is missing between G002\.tif and G004\.tif; add it", gate_width_ns=0.04)
    assert load(folder, gate_width_ns=0.04, drop=["G004", "G005"]).sizes["H"] == 3
    refused(
        folder,
        r"drop=\['G9'\] contains unknown gates; the gates are G000 to G005",
        gate_width_ns=0.04,
        drop=["G9"],
    )
    refused(folder, r"wells does not contain its gate width; pass gate_width_ns", drop=["G004", "G005"])


def test_delays_in_gate_names_are_the_axis(tmp_path: Path) -> None:
    folder = gate_folder(tmp_path / "a", ["x_1000ps", "x_980ps", "x_1020ps"])
    data = load(folder)
    assert data.coords["H"].values == pytest.approx([0.98, 1.0, 1.02])
    assert data.values[0, 0].tolist() == [2, 1, 3]
    refused(
        gate_folder(tmp_path / "b", ["x_900ps", "x_940ps", "x_1020ps", "x_1060ps"]),
        r"gate at 0\.98 ns is missing between",
    )


def test_doubled_missing_and_copied_gates(tmp_path: Path) -> None:
    refused(
        gate_folder(tmp_path / "a", ["x_900ps", "x_940ps", "y_940ps"]),
        r"x_940ps\.tif and y_940ps\.tif have the same delay 0\.94 ns; a folder must contain a single series",
    )
    refused(
        gate_folder(tmp_path / "b", ["G1", "H1", "G2"]),
        r"G1\.tif and H1\.tif have the same number 1; a folder must contain a single series",
        gate_width_ns=0.04,
    )
    folder = gate_folder(tmp_path / "c", ["G000", "G001", "G002"])
    settings = 'ASD_DeviceUnit = "[ps]";\nASD_Start = 100;\nASD_Incr = 40;\nASD_NSteps = {};\n'
    (folder / "c.set").write_text(settings.format(3))
    assert "warnings" not in load(folder, drop=["G002"]).attrs
    (folder / "c.set").write_text(settings.format(4))
    (warning,) = load(folder).attrs["warnings"]
    assert "3 gates were found, but the settings name 4: some are missing at an end" in warning
    image = np.arange(12, dtype=np.uint16).reshape(3, 4)
    for name in ("G002", "G003"):
        tifffile.imwrite(folder / f"{name}.tif", image)
    (warning,) = load(folder).attrs["warnings"]
    assert "G002.tif and G003.tif have the same counts in all pixels" in warning


def test_gates_of_other_shape(tmp_path: Path) -> None:
    folder = gate_folder(tmp_path / "wells", ["G0", "G1"])
    tifffile.imwrite(folder / "G2.tif", np.zeros((4, 4), np.uint16))
    refused(
        folder,
        r"G2\.tif has shape \(4, 4\), but G0\.tif \(3, 4\); all gates must be",
        gate_width_ns=0.04,
    )


def test_length_of_gates_in_arrays(tmp_path: Path) -> None:
    of_gates: dict[str, Any] = {"gate_width_ns": 0.18, "period_ns": 12.5, "gate_length_ns": 3.0}
    np.savez(tmp_path / "a.npz", tpsf=np.ones((2, 3, 67)), **of_gates)
    store = zarr.create_array(str(tmp_path / "a.zarr"), shape=(2, 3, 67), dtype="f4", attributes=of_gates)
    store[:] = 1
    for file in ("a.npz", "a.zarr"):
        assert read(tmp_path / file).attrs["gate_length_ns"] == 3.0
        assert read(tmp_path / file, gate_length_ns=2.0).attrs["gate_length_ns"] == 2.0
    np.savez(tmp_path / "b.npz", tpsf=np.ones((2, 3, 67)), **of_gates | {"gate_length_ns": 13.0})
    with pytest.raises(InputError, match=r"b\.npz: gate_length_ns=13.0 must be > 0 and <= the laser period"):
        read(tmp_path / "b.npz")


@settings(max_examples=25)
@given(
    counts=arrays(
        np.uint16,
        array_shapes(min_dims=2, max_dims=3, min_side=2, max_side=6),
        elements=st.integers(1, 65_000),
    ),
    width=st.floats(1e-3, 10),
)
def test_npz_keeps_every_count(
    tmp_path_factory: pytest.TempPathFactory, counts: np.ndarray, width: float
) -> None:
    file = tmp_path_factory.mktemp("npz") / "a.npz"
    np.savez(file, tpsf=counts, gate_width_ns=width, period_ns=12.5)
    data = load(file)
    np.testing.assert_array_equal(data.values.reshape(counts.shape), counts)
    assert data.attrs["photons"] == data.attrs["photons_in_file"] == counts.sum(dtype=np.int64)
    assert (data.attrs["gate_width_ns"], data.attrs["period_ns"]) == (width, 12.5)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"x": np.ones(3)}, r"has no array 'tpsf'; store counts as tpsf"),
        ({"tpsf": np.ones((2, 4))}, r"does not contain its gate width; pass gate_width_ns"),
        ({"tpsf": np.ones((2, 4)), "gate_width_ns": -1.0}, r"gate_width_ns=-1\.0 must be finite and > 0"),
        ({"tpsf": np.ones((2, 4)), "gate_width_ns": [1, 2]}, r"gate_width_ns=\[1 2\] must be one number"),
        ({"tpsf": np.ones((2, 4)), "gate_width_ns": 1, "period_ns": 0.0}, r"period_ns=0\.0 must be finite"),
        ({"tpsf": np.ones(4), "gate_width_ns": 1}, r"tpsf has shape \(4,\); it must be"),
        ({"tpsf": [[1.0, -2.0]], "gate_width_ns": 1}, r"counts must be >= 0, found -2; pass raw counts"),
        ({"tpsf": [[1.0, np.nan]], "gate_width_ns": 1}, r"counts must be finite, found 1 NaN or infinite"),
        ({"tpsf": np.zeros((2, 3, 4)), "gate_width_ns": 1}, r"all 6 pixels are zero; check the channel"),
        ({"tpsf": np.ones((2, 4), complex), "gate_width_ns": 1}, r"not an array of numbers or texts"),
        ({"tpsf": [["1", "2"]], "gate_width_ns": 1}, r"counts must be integers or floats, not <U1"),
        ({"tpsf": np.ones((2, 4), bool), "gate_width_ns": 1}, r"counts must be integers or floats, not bool"),
        ({"tpsf": [[1, 1e300]], "gate_width_ns": 1}, r"counts must be <= 2\^53, found 1e\+300; pass raw"),
    ],
)  # fmt: skip
def test_bad_arrays(tmp_path: Path, fields: dict[str, Any], text: str) -> None:
    file = tmp_path / "bad.npz"
    np.savez(file, **fields)
    refused(file, rf"bad\.npz.*{text}")


@pytest.mark.parametrize("as_group", [True, False])
def test_zarr_is_the_array_and_its_attributes(tmp_path: Path, *, as_group: bool) -> None:
    zarr = pytest.importorskip("zarr")
    counts = np.arange(60, dtype=np.uint16).reshape(3, 4, 5)
    attributes = {"gate_width_ns": 0.09, "period_ns": 12.5}
    if as_group:
        node = zarr.open_group(str(tmp_path / "a.zarr"), mode="w")
        node.create_array("tpsf", data=counts)
        node.attrs.update(attributes)
    else:
        zarr.create_array(str(tmp_path / "a.zarr"), data=counts, attributes=attributes)
    data = load(tmp_path / "a.zarr")
    np.testing.assert_array_equal(data.values, counts)
    assert (data.attrs["gate_width_ns"], data.attrs["period_ns"]) == (0.09, 12.5)


def test_text_with_times_header_or_neither(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("time,counts\n0.0,1\n0.5,20\n1.0,7\n")
    assert load(file).attrs["gate_width_ns"] == pytest.approx(0.5)
    file.write_text("1 5\n2 6\n3 7\n")
    refused(file, "does not contain its gate width")  # 1, 2, 3 are channels, not ns
    file.write_text("5\n6\nseven\n8\n")
    refused(file, r"line 3 'seven' differs from the rows above; remove", gate_width_ns=0.1)
    file.write_text("1 2 3\n4 5 6\n7 8 9\n")
    refused(file, r"has 3 columns; it must have counts, or time and counts", gate_width_ns=0.1)


class FakeLif:
    """Stands in for liffile, of which no free FLIM sample exists."""

    def __init__(self, image: Any) -> None:
        self.images = [image]
        self.memory_blocks: dict[str, Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return


class FakeImage:
    def __init__(self, dims: tuple[str, ...], decode: Callable[[], np.ndarray]) -> None:
        self.dims, self.decode, self.frequency = dims, decode, 80.0
        self.coords = {"H": np.arange(6) * 97e-12}

    def asarray(self, **_: Any) -> np.ndarray:
        return self.decode()


def test_lif(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.lif"
    file.write_bytes(b"lif")
    counts = np.arange(24, dtype=np.uint16).reshape(2, 2, 6)

    def show(image: FakeImage) -> None:
        monkeypatch.setattr("liffile.LifFile", lambda _: FakeLif(image))

    def patented() -> np.ndarray:
        raise NotImplementedError("format='x' is patent-pending")

    show(FakeImage(("Y", "X", "H"), lambda: counts))
    data = load(file)
    assert (data.attrs["gate_width_ns"], data.attrs["period_ns"]) == pytest.approx((0.097, 12.5))
    np.testing.assert_array_equal(data.values, counts)
    show(FakeImage(("Y", "X", "H"), patented))
    refused(
        file,
        r"no open-source reader can decode .* \(format='x' is patent-pending\); export them as PTU in LAS X",
    )
    show(FakeImage(("Y", "X"), lambda: counts))
    refused(file, "contains no decays, only 1 images without a time axis")


def test_text_without_a_number_or_of_another_encoding(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(bytes(100))
    refused(file, r"a\.txt contains 0 rows of numbers; a decay requires at least 3")
    file.write_bytes("Zeit / µs\n1\n5\n3\n".encode("latin-1"))
    assert load(file, gate_width_ns=0.1).values[0, 0].tolist() == [1, 5, 3]


def test_sdt_without_its_last_byte(shared_data: Path, tmp_path: Path) -> None:
    file = tmp_path / "cut.sdt"
    file.write_bytes((shared_data / "irfs" / "IRF_inhouse_PMT.sdt").read_bytes()[:-1])
    refused(file, r"not a readable SDT file \(data block 0 declares 512 bytes .*\); it is")


def test_stack_that_lost_its_last_pages(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "stack.tif"
    with tifffile.TiffWriter(file) as tif:
        for index in range(6):
            tif.write(np.full((40, 40), index, np.uint16), contiguous=False, metadata=None)
    assert load(file, gate_width_ns=0.1).sizes["H"] == 6
    with tifffile.TiffFile(file) as whole:
        end = whole.pages[4].offset
    file.write_bytes(file.read_bytes()[:end])
    refused(file, r"not a readable TIFF file \(.*invalid page offset.*\); it is truncated", gate_width_ns=0.1)
    assert not caplog.records


def test_memory_that_there_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def too_much(*_: object, **__: object) -> None:
        raise MemoryError("Unable to allocate 596. GiB")

    file = tmp_path / "a.tif"
    tifffile.imwrite(file, np.ones((4, 4), np.uint16))
    monkeypatch.setattr("tifffile.TiffFile", too_much)
    refused(file, r"a\.tif: out of memory \(Unable to allocate 596\. GiB\); the file is")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"channel": 99},
            r"a\.npz: channel=99 is only for \.ptu \.sdt \.lif \.tif \.tiff files; omit it",
        ),
        ({"block": 99}, r"a\.npz: block=99 is only for \.sdt \.lif \.hdf5 \.h5 files; omit it"),
    ],
)
def test_choice_that_the_format_does_not_offer(tmp_path: Path, options: dict[str, int], text: str) -> None:
    np.savez(tmp_path / "a.npz", tpsf=np.ones((2, 4)), gate_width_ns=1)
    refused(tmp_path / "a.npz", text, **options)


def test_channels_of_a_tiff(tmp_path: Path) -> None:
    file = tmp_path / "a.ome.tif"
    counts = np.arange(2 * 5 * 3 * 4, dtype=np.uint16).reshape(2, 5, 3, 4)
    tifffile.imwrite(file, counts, photometric="minisblack", metadata={"axes": "CTYX"})
    remedy = r"has 2 items along axis 'C' \(axes 'CTYX'\); choose one of channel=0 to 1, or save"
    refused(file, remedy, gate_width_ns=0.1)
    refused(file, remedy, gate_width_ns=0.1, channel=99)
    data = load(file, gate_width_ns=0.1, channel=1)
    np.testing.assert_array_equal(data.values, np.moveaxis(counts[1], 0, -1))
    tifffile.imwrite(file, counts, photometric="minisblack", metadata={"axes": "ZTYX"})
    refused(file, r"has no time axis \(axes 'ZTYX', .*\); save one stack of gates", gate_width_ns=0.1)
    tifffile.imwrite(file, counts[0], photometric="minisblack", metadata={"axes": "TYX"})
    refused(
        file, r"channel=9 does not exist, because the axes 'TYX' .*; omit it", gate_width_ns=0.1, channel=9
    )


def test_gates_that_are_there_twice(tmp_path: Path) -> None:
    refused(
        gate_folder(tmp_path / "a", ["a_900ps", "b_900ps"]),
        r"a: a_900ps\.tif and b_900ps\.tif have the same delay 0\.9 ns; a folder must contain a single",
    )
    refused(
        gate_folder(tmp_path / "b", ["G1", "G2", "X2"]),
        r"b: G2\.tif and X2\.tif have the same number 2; a folder must contain a single",
        gate_width_ns=0.1,
    )


def test_damaged_set_file_says_nothing(tmp_path: Path) -> None:
    folder = gate_folder(tmp_path / "a", ["G1", "G2"])
    (folder / "a.set").write_text('ASD_DeviceUnit = "[ps]"\nASD_Incr = 1e;\nhriPRF = --;\n')
    refused(folder, r"a does not contain its gate width; pass gate_width_ns")


def test_half_floats_are_summed_as_wider_ones(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", tpsf=np.full((40, 50), 60_000, np.float16), gate_width_ns=0.1)
    assert load(tmp_path / "a.npz").attrs["photons"] == 40 * 50 * 60_000


def test_list_of_gates_is_a_series(tmp_path: Path) -> None:
    folder = gate_folder(tmp_path / "wells", ["G0", "G1", "G2"])
    data = load([folder / "G2.tif", folder / "G0.tif", folder / "G1.tif"], gate_width_ns=0.04)
    assert data.values[0, 0].tolist() == [1, 2, 3]
    shutil.rmtree(folder)
    refused([folder / "G0.tif"], r"G0\.tif does not exist")
