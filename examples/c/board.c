/* Lifetimes of pixels by an FPGA board, over UDP (docs/spec/link.md), for programs with a decoder.

   usage: board HOST PORT < counts.txt    (a pixel per line; prints mean, short and long lifetime in ns, fraction)
   build: cc -o board board.c -I DIR      (DIR: folder of hardware build, with link.h and registers.h) */
#include "link.h"
#include "registers.h"
#include <netdb.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LINK(name) SEQ2SEQLITE_LINK_##name
#define FIRST LINK(HEADER_WORDS)
enum { REPEAT_MS = 300, REPEATS = 100 };
static int sock;
static uint32_t packet[LINK(PACKET_WORDS) + 1];  /* this computer is little-endian, like the packets */

static void fail(const char *why) {
    fprintf(stderr, "%s\n", why);
    exit(2);
}

/* Send the request in `packet` until it is answered; the answer replaces it. */
static void ask(uint32_t kind, uint32_t session, uint32_t sequence, uint32_t argument, uint32_t n_body) {
    uint32_t request[LINK(PACKET_WORDS)];
    packet[0] = kind | LINK(VERSION) << 8 | LINK(IDENTIFICATION) << 16;
    packet[1] = session;
    packet[2] = sequence;
    packet[3] = argument;
    for (uint32_t i = 0; i < FIRST + n_body; ++i) request[i] = packet[i];
    for (int repeat = 0; repeat < REPEATS; ++repeat) {
        struct pollfd event = {sock, POLLIN, 0};
        if (send(sock, request, 4 * (FIRST + n_body), 0) < 0) fail("the board cannot be reached");
        while (poll(&event, 1, REPEAT_MS) > 0) {
            ssize_t n = recv(sock, packet, sizeof packet, 0);
            if (n < 0) fail("no board at this address");
            if (n < 4 * (ssize_t)LINK(MIN_WORDS) || packet[0] >> 16 != LINK(IDENTIFICATION) || packet[2] != sequence) continue;
            if ((packet[0] & 0xff) == (kind | LINK(ANSWER)) && (kind == LINK(OPEN) || packet[1] == session)) return;
            if ((packet[0] & 0xff) == LINK(ERROR) && packet[3] == LINK(ERROR_VERSION)) fail("another version of the link");
            if ((packet[0] & 0xff) == LINK(ERROR) && packet[1] != session) fail("the board was reset, or has another user");
        }
    }
    fail("the board does not answer");
}

int main(int argc, char **argv) {
    struct addrinfo hints = {0}, *found;
    hints.ai_family = AF_INET;
    hints.ai_socktype = SOCK_DGRAM;
    if (argc != 3 || getaddrinfo(argv[1], argv[2], &hints, &found)) fail("usage: board HOST PORT < counts.txt");
    sock = socket(AF_INET, SOCK_DGRAM, 0);
    if (sock < 0 || connect(sock, found->ai_addr, found->ai_addrlen)) fail("the address cannot be used");

    /* A session has a random number: a board that was reset does not know it. */
    const uint32_t session = ((uint32_t)time(NULL) << 16 ^ (uint32_t)getpid()) | 1;
    packet[FIRST] = session;
    ask(LINK(OPEN), session, session, 0, 1);
    const uint32_t reads[] = {SEQ2SEQLITE_ID, SEQ2SEQLITE_VERSION, SEQ2SEQLITE_HASH0, SEQ2SEQLITE_HASH1};
    const uint32_t values[] = {SEQ2SEQLITE_ID_VALUE, SEQ2SEQLITE_VERSION_VALUE, SEQ2SEQLITE_HASH0_VALUE, SEQ2SEQLITE_HASH1_VALUE};
    for (uint32_t i = 0; i < 4; ++i) {
        packet[FIRST] = reads[i];
        packet[FIRST + 1] = 0;
        ask(LINK(REGISTERS), session, i, 1, 2);
        if (packet[FIRST] != values[i]) fail("the board has another design");
    }
    packet[FIRST] = SEQ2SEQLITE_FLUSH_CLOCKS | LINK(WRITE);  /* one pixel at a time: do not wait for a full batch */
    packet[FIRST + 1] = 64;
    ask(LINK(REGISTERS), session, 4, 1, 2);
    const uint32_t n_gates = SEQ2SEQLITE_SHAPE_VALUE & SEQ2SEQLITE_SHAPE_N_GATES_MASK;
    const double step_ns = 1.0 / (1u << (SEQ2SEQLITE_CODES_VALUE & SEQ2SEQLITE_CODES_TAU_FRACTION_BITS_MASK));
    for (uint32_t pixel = 0;; ++pixel) {
        for (uint32_t gate = 0; gate < n_gates; ++gate) {  /* two counts of 16 bits in a word */
            unsigned count;
            if (scanf("%u", &count) != 1) return gate ? (fail("a pixel is incomplete"), 2) : 0;
            if (gate % 2) packet[FIRST + gate / 2] |= (uint32_t)count << 16;
            else packet[FIRST + gate / 2] = count & 0xffff;
        }
        ask(LINK(PIXELS), session, pixel, 1u | 16u << 16, (n_gates + 1) / 2);
        const uint32_t *result = packet + FIRST;
        if (result[2] >> 24 & SEQ2SEQLITE_FLAG_VALID)
            printf("%.6f %.6f %.6f %.6f\n", (result[0] & 0xffff) * step_ns, (result[0] >> 16) * step_ns,
                   (result[1] & 0xffff) * step_ns, (result[1] >> 16) / 32768.0);
        else
            printf("nan nan nan nan\n");
        fflush(stdout);
    }
}
