"""Valid samples of each format, made here or taken from the shared data, with their readers."""

import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import tifffile
from tests.fuzz.families import archive, lif, photon_counting, projects, regions, stores, text, tiff
from tests.fuzz.families.values import Mutated

Mutate = Callable[[bytes, np.random.Generator], Mutated]


class Sample(NamedTuple):
    """A valid file or folder."""

    name: str
    files: dict[str, bytes]
    """Content by relative name; one file has the name ``""``."""
    reader: Callable[[Path], Any]
    mutate: Mutate


COUNTS = np.random.default_rng(0).integers(1, 200, (6, 8, 16)).astype(np.uint16)


# Samples of the shared data.
SHARED: dict[str, tuple[str, Mutate]] = {
    "ptu": ("ptu-tiny/ptu_example.ptu", photon_counting.ptu),
    "sdt": ("irfs/IRF_inhouse_PMT.sdt", photon_counting.sdt),
    "irf sdt": ("irfs/IRF_inhouse_PMT.sdt", photon_counting.sdt),
    "ics": ("ics/Csarseven.ics", text.ics),
}


def npz_sample() -> Sample:
    """Return the sample that is made the fastest, for planted defects."""
    from seq2seqlite.io import load

    stream = io.BytesIO()
    np.savez(stream, tpsf=COUNTS, gate_width_ns=0.1, period_ns=12.5)
    return Sample("a.npz", {"": stream.getvalue()}, load, archive.npz)


def program_file(model: Path) -> bytes:
    """Return the program file of a model."""
    from seq2seqlite.integer import load_any_program, write_program

    target = Path(os.environ["SEQ2SEQLITE_FUZZ"]) / f"p-{os.getpid()}.program"
    write_program(target, load_any_program(model))
    return target.read_bytes()


def samples() -> dict[str, Sample]:
    """Return the samples by format; those of ``SHARED`` only where the shared data are."""
    from seq2seqlite.compression.recipe import load_compression_recipe
    from seq2seqlite.errors import InputError
    from seq2seqlite.imaging.mask import read_mask
    from seq2seqlite.integer import load_any_program
    from seq2seqlite.io import load, read_irf
    from seq2seqlite.models import load_model
    from seq2seqlite.simulation.decay_set import read_decay_set, simulated_set, write_decay_set
    from seq2seqlite.simulation.instrument import load_instrument
    from seq2seqlite.studies.study import load_study
    from seq2seqlite.training.recipe import load_recipe

    made: dict[str, Sample] = {}

    def one(kind: str, name: str, content: bytes, reader: Callable[[Path], Any], mutate: Mutate) -> None:
        made[kind] = Sample(name, {"": content}, reader, mutate)

    made["npz"] = npz_sample()
    lines = "".join(f"{0.1 * i:.1f},{c}\n" for i, c in enumerate(COUNTS[0, 0]))
    one("text", "a.csv", lines.encode(), load, text.columns)
    one("irf text", "a.txt", lines.encode(), read_irf, text.columns)
    one("lif", "a.lif", lif.lif_file(), load, lif.mutate)
    for kind, options in (
        ("tiff", {"metadata": {"axes": "HYX"}}),
        ("ome-tiff", {"ome": True, "metadata": {"axes": "TYX"}}),
    ):
        stream = io.BytesIO()
        tifffile.imwrite(stream, COUNTS, compression="zlib" if kind == "tiff" else None, **options)
        one(kind, "a.tif", stream.getvalue(), lambda path: load(path, gate_width_ns=0.1), tiff.mutate)
    gates = {}
    for index in range(4):
        stream = io.BytesIO()
        tifffile.imwrite(stream, COUNTS[index])
        gates[f"G{index:03d}.tif"] = stream.getvalue()
    made["gate folder"] = Sample("gates", gates, lambda path: load(path, gate_width_ns=0.1), tiff.mutate)
    made["zarr"] = Sample("a.zarr", _zarr(), load, stores.zarr)
    mask = np.ones((6, 8), np.uint8)

    def mask_reader(path: Path) -> Any:
        return read_mask(path, shape=(6, 8))

    stream = io.BytesIO()
    np.save(stream, mask)
    one("mask npy", "m.npy", stream.getvalue(), mask_reader, archive.npy)
    stream = io.BytesIO()
    tifffile.imwrite(stream, mask)
    one("mask tif", "m.tif", stream.getvalue(), mask_reader, tiff.mutate)
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(mask).save(stream, "png")
    one("mask png", "m.png", stream.getvalue(), mask_reader, stores.png)

    root = Path(__file__).parents[2] / "src" / "seq2seqlite"
    pretrained = root / "pretrained"
    model, direct = (pretrained / f"seq2seqlite-{name}-int8.npz" for name in ("narrow-gate", "iccd-direct"))
    one("model", "m.npz", model.read_bytes(), load_model, archive.archive)
    one("program of model", "m.npz", model.read_bytes(), load_any_program, archive.archive)
    configs = root.parents[1] / "configs"
    for path in sorted(configs.rglob("*.toml")):
        for kind, toml_reader in (
            ("instrument", load_instrument),
            ("training recipe", load_recipe),
            ("compression recipe", load_compression_recipe),
        ):
            try:
                toml_reader(path)
            except InputError:
                continue
            one(kind, "a.toml", path.read_bytes(), toml_reader, text.toml)
    one("program", "p.program", program_file(model), load_any_program, archive.archive)
    one("direct program", "p.program", program_file(direct), load_any_program, archive.archive)
    data = simulated_set(load_instrument("narrow-gate"), 20, seed=1, split="train")
    target = Path(os.environ["SEQ2SEQLITE_FUZZ"]) / f"set-{os.getpid()}.npz"
    write_decay_set(target, data)
    one("decay set", "d.npz", target.read_bytes(), read_decay_set, archive.archive)
    made |= _regions() | _cameras() | _results()
    study = configs / "studies" / "quick.toml"
    one("study", "a.toml", study.read_bytes(), load_study, text.toml)
    checkpoint, checkpoint_reader = _checkpoint()
    one("checkpoint", "c.npz", checkpoint, checkpoint_reader, archive.archive)
    shared = Path(os.environ.get("SEQ2SEQLITE_DATA", "../shared/data"))
    for kind, (name, mutate) in SHARED.items():
        if (shared / name).exists():
            reader = read_irf if kind == "irf sdt" else load
            one(kind, Path(name).name, (shared / name).read_bytes(), reader, mutate)
    return made


def _regions() -> dict[str, Sample]:
    """Return regions as GeoJSON, Fiji ROI and archive of ROIs."""
    import roifile

    from seq2seqlite.regions import read_regions, roi_archive

    def reader(path: Path) -> Any:
        found = read_regions(path, shape=(6, 8))
        return found.names, [index.tolist() for index in found.pixels]

    outline = [(1.5, 0.5), (6.5, 1.5), (4.5, 5.5)]
    ring = [list(point) for point in [*outline, outline[0]]]
    features = [
        {
            "type": "Feature",
            "properties": {"name": "a", "classification": {"name": "cell", "color": [1, 2, 3]}},
            "geometry": {"type": kind, "coordinates": coordinates},
        }
        for kind, coordinates in (("Polygon", [ring]), ("MultiPolygon", [[ring], [ring, ring]]))
    ]
    table = {"type": "FeatureCollection", "features": features}
    roi = roifile.ImagejRoi.frompoints(np.asarray(outline, np.float32), name="a")
    content = roi_archive({"a": outline, "b": outline})
    return {
        "geojson": Sample("r.geojson", {"": json.dumps(table).encode()}, reader, regions.geojson),
        "roi": Sample("r.roi", {"": roi.tobytes()}, reader, regions.roi),
        "roi archive": Sample("r.zip", {"": content}, reader, regions.roi_archive),
    }


def _cameras() -> dict[str, Sample]:
    """Return a series of a Pi Imaging camera, and an HDF5 file of AlliGator if h5py is installed."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    from seq2seqlite.io import load

    series = {}
    for gate in range(4):
        settings = {
            "Author": "Pi Imaging", "Mode": "Gated 8 bit", "Gate step": str(gate), "Gate steps": "4",
            "Gate step size": "250 ps", "Gate width": "6 ns", "Gate offset": "100 ps",
            "Laser frequency": "80 MHz", "Frame": "0",
        }  # fmt: skip
        chunks = PngInfo()
        for key, value in settings.items():
            chunks.add_text(key, value)
        stream = io.BytesIO()
        Image.fromarray(COUNTS[gate].astype(np.uint8)).save(stream, "png", pnginfo=chunks)
        series[f"G{gate}.png"] = stream.getvalue()
    made = {"camera series": Sample("series", series, load, stores.png_settings)}
    try:
        import h5py
    except ModuleNotFoundError:
        return made
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file["File Information/File Type"] = "Wide-Field Time-Gated Data"
        kinds = [("# Gates", "<i4"), ("Nanotime Gate Separation", "<f8"), ("Laser Period", "<f8")]
        file["DAQ Parameters"] = np.array([(4, 90e-12, 12.5e-9)], dtype=kinds)
        for gate in range(4):
            file[f"Gate Images/Gate {gate + 1}"] = COUNTS[gate].astype(np.uint8)
    made["alligator"] = Sample("a.hdf5", {"": stream.getvalue()}, load, stores.hdf5)
    return made


def _results() -> dict[str, Sample]:
    """Return the results of runs of a study."""
    from seq2seqlite.studies.folder import RunResult, read_result
    from seq2seqlite.studies.study import load_study

    run = load_study("quick").runs[0]
    result = RunResult(run.id, {"rmse": 0.1}, [{"step": 1.0, "decays": 2.0}], {"seconds": 1.0})
    files = {f"{run.id}/result.json": json.dumps(vars(result)).encode()}
    return {
        "run": Sample("runs", files, lambda path: read_result(path, run), projects.json_file),
    }


def _checkpoint() -> tuple[bytes, Callable[[Path], Any]]:
    """Return a checkpoint of a training and the function that resumes from it."""
    from seq2seqlite.training.loop import _restored, _save, _State

    weights = {"kernel": np.ones((2, 3), np.float32), "bias": np.zeros(3, np.float32)}
    row = {
        "step": 7,
        "decays": 70,
        "training_loss": 1.0,
        "validation_loss": 1.5,
        "validation_total_rmse": 0.5,
    }
    state = _State(7, weights, [np.zeros(3, np.float32)], weights, best_loss=1.5, seconds=2.0, curve=[row])
    objective: Any = SimpleNamespace(described=lambda: {"name": "a", "learning_rate": 0.001})
    target = Path(os.environ["SEQ2SEQLITE_FUZZ"]) / f"c-{os.getpid()}.npz"
    _save(state, target, objective)

    def reader(path: Path) -> Any:
        found = _restored(state, path, objective)
        return found, found.step + found.validations_without_gain, found.seconds + found.best_loss

    return target.read_bytes(), reader


def _zarr() -> dict[str, bytes]:
    import zarr

    folder = Path(os.environ["SEQ2SEQLITE_FUZZ"]) / f"z-{os.getpid()}.zarr"
    attributes: dict[str, Any] = {"gate_width_ns": 0.1, "period_ns": 12.5}
    zarr.create_array(str(folder), data=COUNTS, attributes=attributes, overwrite=True)
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def bytewise(content: bytes, rng: np.random.Generator) -> bytes:
    """Flip, cut, extend, zero or swap bytes."""
    changed, n = bytearray(content), max(1, len(content))
    start = int(rng.integers(n) if rng.random() < 0.5 else rng.integers(min(n, 2048)))
    length = int(rng.integers(1, 65))
    match int(rng.integers(5)):
        case 0:
            changed[start] ^= 1 << int(rng.integers(8))
        case 1:
            del changed[start:]
        case 2:
            changed += rng.bytes(length)
        case 3:
            changed[start : start + length] = bytes(len(changed[start : start + length]))
        case _:
            other = int(rng.integers(n))
            changed[start], changed[other] = changed[other], changed[start]
    return bytes(changed)
