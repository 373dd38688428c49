// The buses of a design around next to nothing: each beat plus a register's value, through a buffer of one beat.
// Registers: 0x00 ID, 0x04 OFFSET (rw), 0x08 beats delivered.
module toy_stream #(parameter IN = 16, parameter OUT = 32) (
  input aclk, input aresetn,
  input [IN-1:0] s_axis_tdata, input s_axis_tvalid, output s_axis_tready, input s_axis_tlast,
  output reg [OUT-1:0] m_axis_tdata, output reg m_axis_tvalid, input m_axis_tready, output reg m_axis_tlast,
  input [7:0] s_axil_awaddr, input [2:0] s_axil_awprot, input s_axil_awvalid, output s_axil_awready,
  input [31:0] s_axil_wdata, input [3:0] s_axil_wstrb, input s_axil_wvalid, output s_axil_wready,
  output [1:0] s_axil_bresp, output reg s_axil_bvalid, input s_axil_bready,
  input [7:0] s_axil_araddr, input [2:0] s_axil_arprot, input s_axil_arvalid, output s_axil_arready,
  output reg [31:0] s_axil_rdata, output [1:0] s_axil_rresp, output reg s_axil_rvalid, input s_axil_rready
);
  reg [31:0] offset, delivered;
  wire write = s_axil_awvalid && s_axil_wvalid && !s_axil_bvalid;
  wire read = s_axil_arvalid && !s_axil_rvalid;
  assign s_axis_tready = aresetn && (!m_axis_tvalid || m_axis_tready);
  assign s_axil_awready = write;
  assign s_axil_wready = write;
  assign s_axil_arready = read;
  assign s_axil_bresp = 0;
  assign s_axil_rresp = 0;

  always @(posedge aclk) begin
    if (s_axis_tready) begin
      m_axis_tvalid <= s_axis_tvalid;
      m_axis_tdata <= s_axis_tdata + offset;
      m_axis_tlast <= s_axis_tlast;
    end
    if (m_axis_tvalid && m_axis_tready) delivered <= delivered + 1;
    if (s_axil_bready) s_axil_bvalid <= 0;
    if (write) begin
      s_axil_bvalid <= 1;
      if (s_axil_awaddr == 8'h04) offset <= s_axil_wdata;
    end
    if (s_axil_rready) s_axil_rvalid <= 0;
    if (read) begin
      s_axil_rvalid <= 1;
      case (s_axil_araddr)
        8'h00: s_axil_rdata <= 32'h53325351;
        8'h04: s_axil_rdata <= offset;
        8'h08: s_axil_rdata <= delivered;
        default: s_axil_rdata <= 0;
      endcase
    end
    if (!aresetn) begin
      m_axis_tvalid <= 0;
      s_axil_bvalid <= 0;
      s_axil_rvalid <= 0;
      offset <= 0;
      delivered <= 0;
    end
  end
endmodule
