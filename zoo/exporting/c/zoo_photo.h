/* The zoo's codec of photographs on a device: one picture, as small as a tile or larger, to a complete .zoo file.
 *
 * C99 and math.h's lrintf, no allocation. All that decides how a symbol is coded are integers; what it writes,
 * `zoo decompress` and `zoo.Codec.decompress` read. The format is described in FORMAT.md.
 */
#ifndef ZOO_PHOTO_H
#define ZOO_PHOTO_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Symbols that are coded at once, and the small network that tells each one's mean and scale from those before. */
typedef struct {
  uint16_t start, channels; /* of the group */
  uint8_t kind;             /* of positions: 0 sparse, 1 even, 2 diagonal, 3 straight */
  uint8_t spacing, kernel_size;
  uint16_t inputs, first, second;      /* of a position of the field, and of the hidden layers */
  const int16_t *field_weights;        /* [kernel_size^2 * inputs][first] */
  const int32_t *field_bias;           /* [qualities][first] */
  const int32_t *field_multiplier;     /* [first] */
  const int16_t *hidden_weights;       /* [first][second] */
  const int32_t *hidden_bias, *hidden_multiplier;
  const int16_t *out_weights;          /* [second][2 * channels] */
  const int32_t *out_bias, *out_multiplier;
  const int32_t *scale_offsets;        /* [qualities][channels] */
  const int16_t *linear;               /* [kernel_size^2 * inputs][channels], in parts of 4096, or NULL */
} zoo_pass;

/* A model's tables, as `zoo export --micro` writes them. */
typedef struct {
  const char *model;
  uint8_t fingerprint[8];
  uint16_t channels, qualities, passes;
  const zoo_pass *pass;
  const int8_t *kernel;          /* [768][channels]: the linear transform of 16 x 16 pixels of three colours */
  const float *kernel_scales;    /* [channels] */
  float correction_scale;        /* of the encoder's output, less its zero point */
  int16_t correction_zero;
  const float *steps;            /* [qualities][channels] */
  const uint8_t *features;       /* [4096]: the compressed magnitude of a symbol */
  const uint32_t *counts;        /* [scales][9][2 * support + 2], of 2^24 */
  uint16_t scales, support;
} zoo_photo_tables;

/* The most patches of 16 x 16 pixels in a picture; the memory that coding so many takes, beside 8 kB of stack; and more
 * bytes than their file can take. */
#define ZOO_PHOTO_MOST_POSITIONS 1024
#define ZOO_PHOTO_WORK(positions, channels) ((size_t)(positions) * (10 * (size_t)(channels) + 1) + 2048)
#define ZOO_PHOTO_MAX_BYTES(positions, channels) (8 * (size_t)(positions) * (size_t)(channels) + 512)

/* Writes a picture as a .zoo file and returns its number of bytes; 0 if they are more than `capacity`, if the quality is
 * none of the model's, if the picture has too many patches or more than 768 rows, or if `work_size` is below ZOO_PHOTO_WORK.
 *
 * pixels: [16 * rows][16 * columns][3], of 0 to 255. The encoder takes each less 128, as int8.
 * correction: [rows][columns][channels], the int8 encoder's output.
 * quality: a whole one, from 1 to tables->qualities.
 * work: aligned as an int16_t is. */
size_t zoo_photo_compress(const zoo_photo_tables *tables, unsigned quality, unsigned rows, unsigned columns,
                          const uint8_t *pixels, const int8_t *correction, void *work, size_t work_size,
                          uint8_t *bytes, size_t capacity);

#ifdef __cplusplus
}
#endif

#endif
