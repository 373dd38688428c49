// A core that sends each packet back, with the ports of seq2seqlite_board_core.

module echo_core (
    input aclk,
    input aresetn,
    input [31:0] rx_data,
    input rx_valid,
    output rx_ready,
    input rx_last,
    input [47:0] rx_peer,
    input rx_dropped,
    output [31:0] tx_data,
    output tx_valid,
    input tx_ready,
    output tx_last,
    output reg [47:0] tx_peer,
    output [15:0] tx_length
);
    reg sends;
    reg [13:0] words;
    wire last;
    wire waiting;
    wire accepted = rx_valid & rx_ready;
    wire sent = tx_valid & tx_ready;

    assign rx_ready = ~sends;
    assign tx_valid = sends & waiting;
    assign tx_last = last;
    assign tx_length = {words, 2'b00};

    echo_link link (
        .clk(aclk),
        .rst(~aresetn),
        .i({rx_last, rx_data}),
        .write(accepted),
        .o({last, tx_data}),
        .read(sent),
        .waiting(waiting)
    );

    always @(posedge aclk) begin
        if (accepted) begin
            words <= words + 1;
            tx_peer <= rx_peer;
            sends <= rx_last;
        end
        if (~aresetn | (sent & last)) begin
            words <= 0;
            sends <= 0;
        end
    end
endmodule

module echo_link (
    input clk,
    input rst,
    input [32:0] i,
    input write,
    output [32:0] o,
    input read,
    output waiting
);
    reg [32:0] memory [0:511];
    reg [9:0] written;
    reg [9:0] taken;

    assign o = memory[taken[8:0]];
    assign waiting = written != taken;

    always @(posedge clk) begin
        if (write) memory[written[8:0]] <= i;
        written <= rst ? 10'd0 : written + write;
        taken <= rst ? 10'd0 : taken + read;
    end
endmodule
