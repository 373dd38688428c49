// Core that writes bursts to the memory of a board, reads them back, and lights camera_wanted if all are right.
// camera_ready is high if the pins of the camera have a certain pattern.
module memory_core (
    input aclk, aresetn,
    input [31:0] rx_data, input rx_valid, rx_last, rx_dropped, input [47:0] rx_peer, output rx_ready,
    output [31:0] tx_data, output tx_valid, tx_last, output [47:0] tx_peer, output [15:0] tx_length, input tx_ready,
    input camera_clk, input [15:0] camera_data, input camera_valid, camera_first, camera_last,
    output reg camera_ready, output reg camera_wanted,
    output [24:0] m_axi_awaddr, output [7:0] m_axi_awlen, output [2:0] m_axi_awsize, output [1:0] m_axi_awburst,
    output m_axi_awvalid, input m_axi_awready,
    output [31:0] m_axi_wdata, output [3:0] m_axi_wstrb, output m_axi_wlast, m_axi_wvalid, input m_axi_wready,
    input [1:0] m_axi_bresp, input m_axi_bvalid, output m_axi_bready,
    output [24:0] m_axi_araddr, output [7:0] m_axi_arlen, output [2:0] m_axi_arsize, output [1:0] m_axi_arburst,
    output m_axi_arvalid, input m_axi_arready,
    input [31:0] m_axi_rdata, input [1:0] m_axi_rresp, input m_axi_rlast, m_axi_rvalid, output m_axi_rready,
    input [31:0] memory_status
);
    // Each address bit above those of a burst is 1 in one of the bursts.
    localparam BURSTS = 22, BEATS = 4;
    function [24:0] address(input [4:0] burst); address = burst == 0 ? 0 : 25'd8 << burst; endfunction
    function [31:0] content(input [4:0] burst, input [1:0] beat);
        content = {burst, 3'd5, ~{3'd0, burst}, beat, 6'h2a, burst, 1'b0, ~beat} ^ (32'd1 << (burst + beat));
    endfunction
    reg [4:0] burst; reg [1:0] beat; reg [2:0] state; reg right;
    wire is_ready = memory_status == 1;
    assign rx_ready = 1, tx_data = 0, tx_valid = 0, tx_last = 0, tx_peer = 0, tx_length = 0;
    assign m_axi_awaddr = address(burst), m_axi_awlen = BEATS - 1, m_axi_awsize = 2, m_axi_awburst = 1;
    assign m_axi_awvalid = state == 0 && is_ready, m_axi_wvalid = state == 1, m_axi_wdata = content(burst, beat);
    assign m_axi_wstrb = 4'hf, m_axi_wlast = beat == BEATS - 1, m_axi_bready = 1, m_axi_rready = 1;
    assign m_axi_araddr = address(burst), m_axi_arlen = BEATS - 1, m_axi_arsize = 2, m_axi_arburst = 1;
    assign m_axi_arvalid = state == 3;
    wire last_burst = burst == BURSTS - 1;
    always @(posedge aclk)
        if (!aresetn) begin burst <= 0; beat <= 0; state <= 0; right <= 1; camera_wanted <= 0; end
        else case (state)
            0: if (m_axi_awready && is_ready) state <= 1;
            1: if (m_axi_wready) begin beat <= beat + 1; if (m_axi_wlast) state <= 2; end
            2: if (m_axi_bvalid) begin burst <= last_burst ? 0 : burst + 1; state <= last_burst ? 3 : 0; end
            3: if (m_axi_arready) state <= 4;
            4: if (m_axi_rvalid) begin
                beat <= beat + 1;
                if (m_axi_rdata != content(burst, beat)) right <= 0;
                if (m_axi_rlast) begin burst <= burst + 1; state <= last_burst ? 5 : 3; end
            end
            5: camera_wanted <= right;
        endcase
    always @(posedge camera_clk)
        camera_ready <= camera_data == 16'hb2c5 && camera_valid && !camera_first && camera_last;
endmodule

// Memory at the pins of a board. Its clock is half a period behind: the model of the PLL has no phases.
module memory_board (
    input clk25, rst, camera_clk, camera_valid, camera_first, camera_last, input [15:0] camera_data,
    output camera_ready, camera_wanted
);
    wire [12:0] a; wire [1:0] ba, dm; wire [15:0] dq; wire clk, ras_n, cas_n, we_n, cs_n, cke;
    ulx3s board (
        .clk25(clk25), .rst(rst), .serial_rx(1'b1), .camera_clk(camera_clk), .camera_data(camera_data),
        .camera_valid(camera_valid), .camera_first(camera_first), .camera_last(camera_last),
        .camera_ready(camera_ready), .camera_wanted(camera_wanted), .sdram_clock(clk), .sdram_a(a), .sdram_ba(ba),
        .sdram_dm(dm), .sdram_dq(dq), .sdram_ras_n(ras_n), .sdram_cas_n(cas_n), .sdram_we_n(we_n),
        .sdram_cs_n(cs_n), .sdram_cke(cke));
    reg [15:0] store [0:(1 << 24) - 1];
    reg [12:0] row [0:3];
    reg [8:0] column; reg [1:0] bank; reg [2:0] reads; reg writes;
    reg [15:0] out; reg drives;
    assign dq = drives ? out : 16'bz;
    wire [2:0] command = {ras_n, cas_n, we_n};
    // The words of a read leave two and three clock cycles after it, hence one and two registers behind.
    always @(negedge clk) if (cke && !cs_n) begin
        if (command == 3'b011) row[ba] <= a;
        if (command == 3'b101 || command == 3'b100) begin column <= a[8:0]; bank <= ba; end
        else column[0] <= ~column[0];
        reads <= {reads[1:0], command == 3'b101};
        writes <= command == 3'b100;
        if (command == 3'b100 || writes) begin
            if (!dm[0]) store[command == 3'b100 ? {row[ba], ba, a[8:0]} : {row[bank], bank, column | 9'd1}][7:0] <= dq[7:0];
            if (!dm[1]) store[command == 3'b100 ? {row[ba], ba, a[8:0]} : {row[bank], bank, column | 9'd1}][15:8] <= dq[15:8];
        end
        drives <= reads[0] || reads[1];
        out <= store[{row[bank], bank, column[8:1], reads[1] && !reads[0]}];
    end
endmodule
