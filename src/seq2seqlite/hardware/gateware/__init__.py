"""What surrounds the kernels, in Amaranth: docs/spec/hardware.md says what it promises."""
