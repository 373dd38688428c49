import dataclasses
import re
from types import SimpleNamespace

import numpy as np
import pytest
from tests.hardware.kernel_runs import run_kernel

from seq2seqlite.compression.ptq import quantise_network
from seq2seqlite.compression.recipe import QuantisationPlan
from seq2seqlite.compression.sparsity import only_units
from seq2seqlite.errors import InputError
from seq2seqlite.hardware.eda.yosys import simulation_files, synthesize
from seq2seqlite.hardware.kernels import KernelStyle, build_encoder, build_kernels
from seq2seqlite.hardware.kernels.cmvm import matrix_product
from seq2seqlite.hardware.kernels.graph import Graph, evaluate
from seq2seqlite.hardware.kernels.lower import head_graph, step_graph
from seq2seqlite.hardware.kernels.schedule import fewest_stages, schedule
from seq2seqlite.hardware.targets import find_target
from seq2seqlite.hardware.wire.bitpack import pack_codes, unpack_codes
from seq2seqlite.integer import Affine, GruStep, head, load_program, lower_direct, step
from seq2seqlite.models import ActivationFormats, Format, Network, load_model

cmvm = pytest.importorskip("da4ml.cmvm")

N_RANDOM, N_STEPS = 8000, 4


@pytest.fixture(scope="module")
def tiny():
    return load_program("seq2seqlite-tcspc-80mhz-tiny")


def vectors(program, seed=0, inputs=1):
    """Random state and input codes, the ends of their ranges, and states that the encoder does reach."""
    random, formats, units = np.random.default_rng(seed), program.formats, program.units
    low, high = formats.state.low_code, formats.state.high_code
    state = random.integers(low, high + 1, (N_RANDOM, units))
    ends = random.choice([low, high, 0, -1, 1], (N_RANDOM // 4, units))
    reached = [np.zeros((N_RANDOM // N_STEPS, units), np.int64)]
    for _ in range(N_STEPS - 1):
        x = input_codes(random, formats, len(reached[0]), inputs)
        reached.append(step(program, "encoder", reached[-1], x))
    state = np.concatenate([state, ends, *reached])
    return state, input_codes(random, formats, len(state), inputs)


def input_codes(random, formats, n, inputs):
    """Random codes of a TPSF and of the columns of a response."""
    x = random.integers(0, formats.input.high_code + 1, (n, 1))
    if inputs == 1:
        return x
    return np.concatenate([x, random.integers(0, formats.response.high_code + 1, (n, inputs - 1))], axis=1)


def odd_program(tiny, seed):
    """A program whose formats all differ, with weights that reach every clip, and a column of zeros."""
    random = np.random.default_rng(seed)
    units = 3

    def bits(low, high):
        return int(random.integers(low, high + 1))

    state = Format(True, 0, bits(3, 8))
    later = seed % 2 == 1  # version 2 of the specification
    formats = ActivationFormats(
        input=Format(False, 0, bits(3, 8)),
        state=state,
        operand=Format(True, 0, bits(2, state.fraction_bits)) if later else None,
        full_gate=later,
        gate=Format(False, 0, bits(2, 9)),
        candidate=Format(True, 0, bits(3, 9)),
        product=Format(True, 0, bits(3, 9)),
        output=Format(bool(random.integers(2)), bits(0, 1), bits(3, 9)),
    )

    def affine(rows, columns):
        fmt = Format(True, bits(-1, 2), bits(2, 6))
        codes = random.integers(fmt.low_code, fmt.high_code + 1, (rows, columns))
        codes[random.random(codes.shape) < 0.3] = 0
        codes[:, 0] = 0
        return Affine(codes, fmt)

    def gru(inputs):
        return GruStep(affine(inputs, 3 * units), affine(units, 3 * units), affine(1, 3 * units))

    return dataclasses.replace(
        tiny,
        formats=formats,
        encoder=gru(1),
        decoder=gru(0),
        head_kernel=affine(units, 3),
        head_bias=affine(1, 3),
    )


def expected(program, part, state, x, channels):
    if part == "head":
        return head(program, state)[:, list(channels)]
    return step(program, part, state, x if part == "encoder" else None)


def simulated(kernel, program, state, x, folder):
    formats, file = program.formats, folder / f"{kernel.name}.v"
    file.write_text(kernel.verilog)
    encoder, is_head = kernel.name == "encoder_step", kernel.name == "head"
    codes = np.concatenate([state, x], axis=1) if encoder else state
    widths = [formats.state.bits] * program.units + [formats.input.bits] * encoder
    widths += [formats.response.bits] * program.n_columns if formats.response else []
    words = run_kernel(
        [file],
        pack_codes(codes, widths),
        module=kernel.name,
        latency=kernel.latency,
        in_bits=kernel.input_bits,
        out_bits=kernel.output_bits,
        out_dir=folder / kernel.name,
    )
    fmt = formats.output if is_head else formats.state
    return unpack_codes(words, fmt.bits, count=kernel.output_bits // fmt.bits, signed=fmt.signed)


@pytest.mark.parametrize("multipliers", ["dsp", "shift-add"])
@pytest.mark.parametrize("seed", range(20))
def test_graphs_of_odd_formats_compute_what_the_program_does(tiny, seed, multipliers):
    program = odd_program(tiny, seed)
    state, x = vectors(program, seed)
    for part in ("encoder", "decoder"):
        graph = step_graph(program, part, multipliers)
        inputs = [*state.T, x[:, 0]] if part == "encoder" else [*state.T]
        got = np.stack(evaluate(graph, inputs), axis=1)
        np.testing.assert_array_equal(got, expected(program, part, state, x, ()))
    got = np.stack(evaluate(head_graph(program, (2, 0)), [*state.T]), axis=1)
    np.testing.assert_array_equal(got, head(program, state)[:, [2, 0]])


@pytest.mark.parametrize(
    ("seed", "style"),
    [
        (None, KernelStyle()),
        pytest.param(
            0,
            KernelStyle("dsp", levels_per_stage=1.0, max_duplicates=1, raw_sfd=True),
            marks=pytest.mark.hardware_full,
        ),
        pytest.param(
            1,
            KernelStyle("shift-add", levels_per_stage=3.0, max_duplicates=2),
            marks=pytest.mark.hardware_full,
        ),
        (1, KernelStyle("shift-add", levels_per_stage=1.3, max_duplicates=8, max_fanout=2, direct_fanout=2)),
        # Delay lines, of products and with duplicated registers behind them as well.
        (2, KernelStyle("dsp", levels_per_stage=1.0, delay_line=3)),
        (3, KernelStyle("shift-add", levels_per_stage=1.0, max_duplicates=3, max_fanout=1, delay_line=4)),
    ],
)
def test_verilog_computes_what_the_program_does(tiny, seed, style, tmp_path):
    program = tiny if seed is None else odd_program(tiny, seed)
    kernels = build_kernels(program, style)
    state, x = vectors(program)
    for part, kernel in vars(kernels).items():
        got = simulated(kernel, program, state, x, tmp_path)
        np.testing.assert_array_equal(got, expected(program, part, state, x, style.channels))


def direct_program(seed):
    """A direct program of six units whose encoder gets a response."""
    network = load_model("seq2seqlite-narrow-gate-direct-float")
    wide = [{}, {"state_bits": 12, "operand_bits": 8, "full_gate": True, "gate_bits": 7}][seed]
    plan = QuantisationPlan(method="ptq", weight_bits=5, head_bits=12, response_bits=6, **wide)
    keep = only_units(network.architecture, network.content.parameters, [np.arange(6)])
    architecture = dataclasses.replace(network.architecture, layers=(6,))
    content = dataclasses.replace(network.content, architecture=architecture, parameters=keep)
    return lower_direct(quantise_network(Network(content), plan))


@pytest.mark.parametrize("style", [KernelStyle(), KernelStyle("shift-add", levels_per_stage=3.0)])
@pytest.mark.parametrize("seed", [0, 1])
def test_encoders_of_direct_programs_compute_what_the_program_does(seed, style, tmp_path):
    program = direct_program(seed)
    state, x = vectors(program, inputs=program.encoder.n_inputs)
    wanted = step(program, "encoder", state, x)
    graph = step_graph(program, "encoder", style.multipliers)
    np.testing.assert_array_equal(np.stack(evaluate(graph, [*state.T, *x.T]), axis=1), wanted)
    got = simulated(build_encoder(program, style), program, state, x, tmp_path)
    np.testing.assert_array_equal(got, wanted)


def test_the_same_program_gives_the_same_bytes(tiny):
    assert build_kernels(tiny, KernelStyle()) == build_kernels(tiny, KernelStyle())


def test_a_longer_pipeline_has_the_same_result_and_more_registers(tiny):
    graph = step_graph(tiny, "decoder", "dsp")
    fewest = fewest_stages(graph, 2.0)
    assert schedule(graph, 2.0, fewest + 3).register_bits > schedule(graph, 2.0, fewest).register_bits


@pytest.mark.parametrize("delay_line", [0, 3, 5])
def test_the_registers_of_a_kernel_are_counted(delay_line):
    """Delay lines replace most registers of the state, which is an operand of the first and the last sums."""
    style = KernelStyle("shift-add", levels_per_stage=1.3, max_duplicates=3, delay_line=delay_line)
    kernel = build_encoder(direct_program(0), style)
    registers = re.findall(r"\breg \[(\d+):0\] \w+( = \S+)?;", kernel.verilog)
    assert kernel.register_bits == sum(int(high) + 1 for high, _ in registers)
    memories = re.findall(r"reg \[(\d+):0\] \w+ \[0:(\d+)\];", kernel.verilog)
    assert all(int(width) < 32 and delay_line - 2 <= int(depth) < 16 for width, depth in memories)
    assert bool(memories) == (kernel.memory_luts > 0) == (delay_line > 0)
    without = build_encoder(direct_program(0), dataclasses.replace(style, delay_line=0))
    assert (kernel.register_bits < 0.8 * without.register_bits) == (delay_line > 0)
    assert kernel.latency == without.latency


@pytest.mark.hardware_full
def test_delay_lines_are_memories_of_luts_after_synthesis(tmp_path):
    """The netlist of an ECP5 computes the same; values that wait are in no flip-flop and no block memory."""
    program = direct_program(0)
    kernel = build_encoder(program, find_target("ecp5-25f").style)
    source = tmp_path / "source.v"
    source.write_text(kernel.verilog)
    netlist = synthesize([source], top=kernel.name, family="ecp5", out_dir=tmp_path)
    widths = re.findall(r"reg \[(\d+):0\] \w+ \[0:", kernel.verilog)
    assert netlist.cells["TRELLIS_DPR16X4"] == sum(int(high) // 4 + 1 for high in widths)
    assert netlist.resources.bram36 == 0
    assert 0.9 * kernel.register_bits < netlist.resources.ff <= kernel.register_bits
    state, x = vectors(program, inputs=program.encoder.n_inputs)
    words = run_kernel(
        simulation_files(netlist),
        pack_codes(np.concatenate([state, x], axis=1), encoder_widths(program)),
        module=kernel.name,
        latency=kernel.latency,
        in_bits=kernel.input_bits,
        out_bits=kernel.output_bits,
        out_dir=tmp_path / "simulation",
    )
    fmt = program.formats.state
    found = unpack_codes(words, fmt.bits, count=program.units, signed=fmt.signed)
    np.testing.assert_array_equal(found, step(program, "encoder", state, x))


def encoder_widths(program):
    formats = program.formats
    return (
        [formats.state.bits] * program.units
        + [formats.input.bits]
        + [formats.response.bits] * program.n_columns
    )


def test_nothing_is_scheduled_before_its_operands(tiny):
    graph = step_graph(tiny, "encoder", "shift-add")
    placed = schedule(graph, 1.0, fewest_stages(graph, 1.0))
    for i, node in enumerate(graph.nodes):
        for operand in node.operands:
            assert (
                placed.stage[operand] <= placed.stage[i] <= placed.last[operand] or not placed.stage[operand]
            )


def test_unknown_styles_are_refused():
    with pytest.raises(InputError, match="choose dsp or shift-add"):
        KernelStyle("lut")
    with pytest.raises(InputError, match="levels_per_stage=0.5 must be 1 to 64"):
        KernelStyle(levels_per_stage=0.5)
    with pytest.raises(InputError, match="max_fanout=0 must be 1 or more"):
        KernelStyle(max_fanout=0)
    with pytest.raises(InputError, match="delay_line=2 must be 3 or more, or 0 for registers only"):
        KernelStyle(delay_line=2)
    with pytest.raises(InputError, match="direct_fanout=-1 must be 0 or more"):
        KernelStyle(direct_fanout=-1)


def test_an_operation_is_there_once():
    graph = Graph()
    a, b = graph.input(-3, 3), graph.input(-3, 3)
    assert graph.add(a, b, (0, 1)) == graph.add(a, b, (0, 1))
    assert len(graph.nodes) == 3


def test_an_operation_of_da4ml_that_is_unknown_is_named(monkeypatch):
    known = cmvm.solve

    def of_a_later_release(*words, **options):
        pipeline = known(*words, **options)
        op = SimpleNamespace(opcode=9)
        return SimpleNamespace(cost=pipeline.cost, solutions=[SimpleNamespace(ops=[op])])

    monkeypatch.setattr(cmvm, "solve", of_a_later_release)
    graph = Graph()
    message = r"^opcode=9 of da4ml 0\.\S+ must be 0 \(addition\), 1 \(sub.*; install"
    with pytest.raises(RuntimeError, match=message):
        matrix_product(graph, [graph.input(0, 7)], np.array([[3]]))
