// Streams beats through a design in an event-driven simulator, with the gaps and the back-pressure of
// stream_harness.cpp for the same seed: what is printed must be what Verilator's simulation records, cycle by cycle.
`timescale 1ns / 1ps
module event_bench;
  parameter IN_BITS = 16, OUT_BITS = 32, N_BEATS = 1, N_EXPECTED = 1, SEED = 0;
  parameter [63:0] GAP = 0, STALL = 0;  // probabilities in 1/2**32
  parameter MIN_PHOTONS = 0, FLUSH_CLOCKS = 0, IDLE_LIMIT = 20000, RESET_CYCLES = 2;

  reg aclk = 0, aresetn = 0;
  reg [IN_BITS-1:0] s_axis_tdata = 0;
  reg s_axis_tvalid = 0, s_axis_tlast = 0, m_axis_tready = 0;
  wire s_axis_tready, m_axis_tvalid, m_axis_tlast;
  wire [OUT_BITS-1:0] m_axis_tdata;
  reg [7:0] awaddr = 0;
  reg [31:0] wdata = 0;
  reg awvalid = 0, wvalid = 0, bready = 0;
  wire awready, wready, bvalid;

  seq2seqlite_top top (
    .aclk(aclk), .aresetn(aresetn),
    .s_axis_tdata(s_axis_tdata), .s_axis_tvalid(s_axis_tvalid), .s_axis_tready(s_axis_tready),
    .s_axis_tlast(s_axis_tlast),
    .m_axis_tdata(m_axis_tdata), .m_axis_tvalid(m_axis_tvalid), .m_axis_tready(m_axis_tready),
    .m_axis_tlast(m_axis_tlast),
    .s_axil_awaddr(awaddr), .s_axil_awvalid(awvalid), .s_axil_awready(awready),
    .s_axil_wdata(wdata), .s_axil_wstrb(4'hf), .s_axil_wvalid(wvalid), .s_axil_wready(wready),
    .s_axil_bvalid(bvalid), .s_axil_bready(bready), .s_axil_bresp(),
    .s_axil_araddr(8'h0), .s_axil_arvalid(1'b0), .s_axil_arready(),
    .s_axil_rdata(), .s_axil_rresp(), .s_axil_rvalid(), .s_axil_rready(1'b0)
  );

  reg [IN_BITS:0] beats [0:N_BEATS-1];  // tlast above tdata
  reg [63:0] state, z;
  integer next, n_out, clocks, moved;
  reg offered, ready, happens;

  task draw(input [63:0] probability);  // splitmix64
    begin
      state = state + 64'h9e3779b97f4a7c15;
      z = state;
      z = (z ^ (z >> 30)) * 64'hbf58476d1ce4e5b9;
      z = (z ^ (z >> 27)) * 64'h94d049bb133111eb;
      z = z ^ (z >> 31);
      happens = (z >> 32) < probability;
    end
  endtask

  task rise;
    begin
      aclk = 1;
      #5 aclk = 0;
      clocks = clocks + 1;
    end
  endtask

  task write_register(input [7:0] address, input [31:0] data);
    reg took_address, took_data, answered;
    begin
      awaddr = address;
      wdata = data;
      awvalid = 1;
      wvalid = 1;
      bready = 1;
      answered = 0;
      while (!answered && clocks < IDLE_LIMIT) begin
        #5;
        took_address = awready === 1;
        took_data = wready === 1;
        answered = bvalid === 1;
        rise;
        if (took_address) awvalid = 0;
        if (took_data) wvalid = 0;
      end
      bready = 0;
      if (!answered) $display("no write response");
    end
  endtask

  initial begin
    $readmemh("beats.hex", beats);
    state = SEED;
    next = 0;
    n_out = 0;
    clocks = 0;
    offered = 0;
    repeat (RESET_CYCLES) begin
      #5;
      rise;
    end
    aresetn = 1;
    write_register(8'h20, FLUSH_CLOCKS);
    write_register(8'h1c, MIN_PHOTONS);
    moved = clocks;
    while ((next < N_BEATS || n_out < N_EXPECTED) && clocks - moved <= IDLE_LIMIT) begin
      if (!offered && next < N_BEATS) begin
        draw(GAP);
        if (!happens) begin
          offered = 1;
          {s_axis_tlast, s_axis_tdata} = beats[next];
        end
      end
      s_axis_tvalid = offered;
      draw(STALL);
      m_axis_tready = !happens;
      #5;
      if (offered && s_axis_tready === 1) begin
        if (next == 0) $display("first %0d", clocks);
        moved = clocks;
        next = next + 1;
        offered = 0;
      end
      if (m_axis_tvalid === 1 && m_axis_tready) begin
        $display("%0d %h %b", clocks, m_axis_tdata, m_axis_tlast);
        moved = clocks;
        n_out = n_out + 1;
      end
      rise;
    end
    $display("end %0d %0d", next, n_out);
    $finish;
  end
endmodule
