/* Included before every C++ file of llama.cpp when it is built for this machine (Makefile, packaging/pyinstaller).
 *
 * llama.cpp computes with the AMX units of newer Xeon processors where it finds them. GCC's own _tile_loadconfig (seen
 * in GCC 12) tells the compiler that it reads the first 8 bytes of the 64 that describe the tiles. The others are then
 * never written, what was in memory before is loaded, and the processor ends the program with the first text that a
 * quantised model reads: a segmentation fault in ggml_backend_amx_mul_mat (ggml-org/llama.cpp#20824).
 *
 * The symbol tells StanceDesk that its llama.cpp may use them (app/inference/machine.py). */
#if defined(__AMX_TILE__) && defined(__GNUC__) && defined(__cplusplus)
#include <immintrin.h>
extern "C" {
__attribute__((weak, visibility("default"))) int stancedesk_amx_tiles = 1;
}
#if !defined(__clang__)
static inline void stancedesk_tile_loadconfig(const void *config) {
    __asm__ volatile("ldtilecfg\t%X0" ::"m"(*(const char(*)[64])config));
}
#define _tile_loadconfig stancedesk_tile_loadconfig
#endif
#endif
