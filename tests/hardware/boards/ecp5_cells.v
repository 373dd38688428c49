// Models of the ECP5 cells in a generated system, without delays. The PLL passes its input to all outputs.

module EHXPLLL #(
    parameter CLKFB_DIV = 1, CLKI_DIV = 1, CLKOP_CPHASE = 0, CLKOP_DIV = 1, CLKOP_ENABLE = "", CLKOP_FPHASE = 0,
    parameter CLKOS2_CPHASE = 0, CLKOS2_DIV = 1, CLKOS2_ENABLE = "", CLKOS2_FPHASE = 0,
    parameter CLKOS3_CPHASE = 0, CLKOS3_DIV = 1, CLKOS3_ENABLE = "", CLKOS3_FPHASE = 0,
    parameter CLKOS_CPHASE = 0, CLKOS_DIV = 1, CLKOS_ENABLE = "", CLKOS_FPHASE = 0, FEEDBK_PATH = ""
) (input CLKI, RST, STDBY, output CLKOP, CLKOS, CLKOS2, CLKOS3, LOCK);
    assign CLKOP = CLKI;
    assign CLKOS = CLKI;
    assign CLKOS2 = CLKI;
    assign CLKOS3 = CLKI;
    assign LOCK = ~RST;
endmodule

module FD1S3BX (input D, CK, PD, output reg Q);
    always @(posedge CK or posedge PD) Q <= PD ? 1'b1 : D;
endmodule

module OFS1P3BX (input D, SCLK, SP, PD, output reg Q);
    always @(posedge SCLK) if (SP) Q <= D;
endmodule

module IFS1P3BX (input D, SCLK, SP, PD, output reg Q);
    always @(posedge SCLK) if (SP) Q <= D;
endmodule

module DELAYG #(parameter DEL_MODE = "", DEL_VALUE = 0) (input A, output Z);
    assign Z = A;
endmodule

module ODDRX1F (input D0, D1, SCLK, output Q);
    reg first, second;
    always @(posedge SCLK) {first, second} <= {D0, D1};
    assign Q = SCLK ? first : second;
endmodule

module IDDRX1F (input D, SCLK, output reg Q0, Q1);
    reg rising, falling;
    always @(negedge SCLK) falling <= D;
    always @(posedge SCLK) begin
        rising <= D;
        Q0 <= rising;
        Q1 <= falling;
    end
endmodule

// Of the management interface of the PHY, which nothing drives here.
module TRELLIS_IO #(parameter DIR = "") (input B, I, T, output O);
    assign O = B;
endmodule
