"""Step kernels: compilation of a program to three Verilog modules, as specified in docs/spec/hardware.md.

The compiler stages are lowering (``trace``), CMVM with da4ml (``sums``), scheduling (``schedule``), register
duplication (``fanout``) and Verilog generation (``verilog``).
"""

from seq2seqlite.hardware.kernels.build import Kernel, Kernels, KernelStyle, build_encoder, build_kernels

__all__ = ["Kernel", "KernelStyle", "Kernels", "build_encoder", "build_kernels"]
