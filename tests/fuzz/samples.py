"""Valid samples of each format, made here or taken from the shared data, with their readers."""

import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

Sample = tuple[str, dict[str, bytes], Callable[[Path], Any]]
COUNTS = np.random.default_rng(0).integers(1, 200, (6, 8, 16)).astype(np.uint16)


def samples() -> dict[str, Sample]:
    """Return for each format: name of the file or folder, its files by relative name, reader."""
    from seq2seqlite.compression.recipe import load_compression_recipe
    from seq2seqlite.errors import InputError
    from seq2seqlite.imaging.mask import read_mask
    from seq2seqlite.integer import load_program
    from seq2seqlite.io import load, read_irf
    from seq2seqlite.models import load_model
    from seq2seqlite.simulation.decay_set import read_decay_set, simulated_set, write_decay_set
    from seq2seqlite.simulation.instrument import load_instrument
    from seq2seqlite.training.recipe import load_recipe

    made: dict[str, Sample] = {}

    def one(kind: str, name: str, content: bytes, reader: Callable[[Path], Any]) -> None:
        made[kind] = (name, {"": content}, reader)

    stream = io.BytesIO()
    np.savez(stream, tpsf=COUNTS, gate_width_ns=0.1, period_ns=12.5)
    one("npz", "a.npz", stream.getvalue(), load)
    text = "".join(f"{0.1 * i:.1f},{c}\n" for i, c in enumerate(COUNTS[0, 0]))
    one("text", "a.csv", text.encode(), load)
    one("irf text", "a.txt", text.encode(), read_irf)
    for kind, options in (("tiff", {"metadata": {"axes": "HYX"}}), ("ome-tiff", {"ome": True})):
        stream = io.BytesIO()
        tifffile.imwrite(stream, COUNTS, compression="zlib" if kind == "tiff" else None, **options)
        one(kind, "a.tif", stream.getvalue(), lambda path: load(path, gate_width_ns=0.1))
    gates = {}
    for index in range(4):
        stream = io.BytesIO()
        tifffile.imwrite(stream, COUNTS[index])
        gates[f"G{index:03d}.tif"] = stream.getvalue()
    made["gate folder"] = ("gates", gates, lambda path: load(path, gate_width_ns=0.1))
    made["zarr"] = ("a.zarr", _zarr(), load)
    mask = np.ones((6, 8), np.uint8)
    stream = io.BytesIO()
    np.save(stream, mask)
    one("mask npy", "m.npy", stream.getvalue(), lambda path: read_mask(path, shape=(6, 8)))
    stream = io.BytesIO()
    tifffile.imwrite(stream, mask)
    one("mask tif", "m.tif", stream.getvalue(), lambda path: read_mask(path, shape=(6, 8)))
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(mask).save(stream, "png")
    one("mask png", "m.png", stream.getvalue(), lambda path: read_mask(path, shape=(6, 8)))

    root = Path(__file__).parents[2] / "src" / "seq2seqlite"
    pretrained = root / "pretrained"
    model = next(iter(sorted(pretrained.glob("*-int8.npz"))))
    one("model", "m.npz", model.read_bytes(), load_model)
    one("program of model", "m.npz", model.read_bytes(), load_program)
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
            one(kind, "a.toml", path.read_bytes(), toml_reader)
    from seq2seqlite.integer import write_program

    target = Path(os.environ["SEQ2SEQLITE_FUZZ"]) / f"p-{os.getpid()}.program"
    write_program(target, load_program(model))
    one("program", "p.program", target.read_bytes(), load_program)
    data = simulated_set(load_instrument("swissspad3"), 20, seed=1, split="train")
    target = Path(os.environ["SEQ2SEQLITE_FUZZ"]) / f"set-{os.getpid()}.npz"
    write_decay_set(target, data)
    one("decay set", "d.npz", target.read_bytes(), read_decay_set)
    shared = Path(os.environ.get("SEQ2SEQLITE_DATA", "../shared/data"))
    for kind, name, reader in (
        ("ptu", "ptu-tiny/ptu_example.ptu", load),
        ("sdt", "irfs/IRF_inhouse_PMT.sdt", load),
        ("irf sdt", "irfs/IRF_inhouse_PMT.sdt", read_irf),
        ("ics", "ics/Csarseven.ics", load),
    ):
        if (shared / name).exists():
            one(kind, Path(name).name, (shared / name).read_bytes(), reader)
    return made


def _zarr() -> dict[str, bytes]:
    import zarr

    folder = Path(os.environ["SEQ2SEQLITE_FUZZ"]) / f"z-{os.getpid()}.zarr"
    attributes: dict[str, Any] = {"gate_width_ns": 0.1, "period_ns": 12.5}
    zarr.create_array(str(folder), data=COUNTS, attributes=attributes, overwrite=True)
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def structured(content: bytes, rng: np.random.Generator) -> bytes:
    """Change a number of a header: of a JSON text, a .npy header, a TOML line, or binary fields."""
    giant = [0, -1, 1, 2**31, 2**40, 10**12, 65535, 2**16, 7]
    value = giant[int(rng.integers(len(giant)))]
    try:
        table = json.loads(content)
        keys = list(table)
        table[keys[int(rng.integers(len(keys)))]] = [value, None, [], [value] * 3, "x", {}][
            int(rng.integers(6))
        ]
        return json.dumps(table).encode()
    except (ValueError, TypeError):
        pass
    changed = bytearray(content)
    if (place := content.find(b"'shape': (")) >= 0 and rng.random() < 0.5:
        end = content.index(b"}", place)
        header = f"'shape': ({value}, {value}), ".encode()[: end - place]
        changed[place:end] = header.ljust(end - place)
        return bytes(changed)
    width = int(rng.choice([2, 4, 8]))
    place = int(rng.integers(0, max(1, min(len(changed), 4096) - width)))
    changed[place : place + width] = (value % 2 ** (8 * width)).to_bytes(width, "little")
    return bytes(changed)


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
