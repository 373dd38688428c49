"""Systems of FPGA boards: engines behind Ethernet or a serial line, with LiteX, and their bitstreams."""
