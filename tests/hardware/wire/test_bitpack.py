"""Codes in wide words, and kernels of every width that Verilator has a type for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.hardware.kernel_runs import run_kernel

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.cosim.kernel import compile_kernel
from seq2seqlite.hardware.wire.bitpack import n_words, pack_codes, unpack_codes

KERNEL = """
module kernel (input clk, input [{0}:0] d, output [{0}:0] q);
  reg [{0}:0] a, b;
  always @(posedge clk) begin a <= d; b <= a + 1'b1; end
  assign q = b;
endmodule
"""


@given(st.lists(st.integers(1, 63), min_size=1, max_size=40), st.booleans(), st.integers(0, 2**32))
def test_codes_come_back(widths, signed, seed):
    low = [-(1 << (width - 1)) if signed else 0 for width in widths]
    high = [(1 << (width - 1)) - 1 if signed else (1 << width) - 1 for width in widths]
    codes = np.random.default_rng(seed).integers(low, high, (5, len(widths)), endpoint=True)
    words = pack_codes(codes, widths)
    assert words.shape == (5, n_words(sum(widths)))
    np.testing.assert_array_equal(unpack_codes(words, widths, signed=signed), codes)


def test_what_does_not_fit():
    with pytest.raises(InputError, match=r"codes from -9 to 3 do not fit 4 bits"):
        pack_codes([[-9], [3]], 4)
    with pytest.raises(InputError, match=r"widths with a sum of 33 do not fit words of 32 bits; use smaller"):
        unpack_codes([[1]], [33])
    with pytest.raises(InputError, match=r"2 widths do not match count=3; give one width per code"):
        pack_codes([[1, 2, 3]], [4, 4])
    with pytest.raises(InputError, match=r"widths=\[64\] must lie in 1\.\.63"):
        unpack_codes([[1, 2]], [64])


@pytest.mark.parametrize("bits", [33, 130])
def test_a_kernel_of_any_width(tmp_path, bits):
    file = tmp_path / "kernel.v"
    file.write_text(KERNEL.format(bits - 1))
    rng = np.random.default_rng(bits)
    values = [int.from_bytes(rng.bytes(32), "little") % (1 << bits) for _ in range(200)]
    values.append((1 << bits) - 1)
    words = np.array(
        [[value >> 32 * i & 0xFFFFFFFF for i in range(n_words(bits))] for value in values], np.uint32
    )
    found = run_kernel(
        [file], words, module="kernel", latency=2, in_bits=bits, out_bits=bits, out_dir=tmp_path / "build"
    )
    sums = [sum(int(word) << 32 * i for i, word in enumerate(row)) for row in found]
    assert sums == [(value + 1) % (1 << bits) for value in values]


def test_a_kernel_without_clock_and_words_of_another_width(tmp_path):
    file = tmp_path / "kernel.v"
    file.write_text("module kernel (input [7:0] d, output [7:0] q); assign q = ~d; endmodule")
    kernel = compile_kernel(
        [file], module="kernel", latency=0, in_bits=8, out_bits=8, out_dir=tmp_path / "build"
    )
    assert kernel.run([[0], [1]]).tolist() == [[255], [254]]
    with pytest.raises(InputError, match=r"words of shape \(1, 2\) do not fit d of 8 bits, which has"):
        kernel.run([[0, 1]])
