/* Entropy coding for the zoo's codec: the int8 code of one image to the bytes of a compact image.
 *
 * C99, no dependencies, no allocation, integers only. What it writes, `zoo decompress` and
 * `zoo.Codec.decompress` read; the format is described in FORMAT.md.
 */
#ifndef ZOO_CODEC_H
#define ZOO_CODEC_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A model's integer tables, as `zoo export --micro` writes them. Table after table, and in each latent number after
 * latent number, `counts` are the frequencies of its symbols, with the sum 2^24, and `costs` what each takes, in
 * parts of 256 of a bit. */
typedef struct {
  uint8_t fingerprint[8];
  uint16_t latent_dim;
  uint16_t tables;
  const int16_t *requantize; /* [256]: the symbol of each int8 number, from -128 */
  const int16_t *minimum;    /* [latent_dim]: the smallest symbol */
  const int16_t *size;       /* [latent_dim]: the number of symbols */
  const uint32_t *counts;
  const uint16_t *costs;
  const uint32_t *index_counts; /* [tables] */
  const uint16_t *index_costs;  /* [tables] */
} zoo_tables;

/* More bytes than a compact image can take. */
#define ZOO_MAX_BYTES(latent_dim) (4 * ((size_t)(latent_dim) + 3) + 1)

/* What the int8 encoder takes for a pixel of 0 to 255. */
static inline int8_t zoo_input(uint8_t pixel) { return (int8_t)(pixel - 128); }

/* Writes the compact image of a code, int8 [latent_dim] as the encoder gives it, and returns its number of bytes;
 * 0 if they are more than `capacity`, which ZOO_MAX_BYTES(latent_dim) always suffices for. */
size_t zoo_compress(const zoo_tables *tables, const int8_t *code, uint8_t *bytes, size_t capacity);

#ifdef __cplusplus
}
#endif

#endif
