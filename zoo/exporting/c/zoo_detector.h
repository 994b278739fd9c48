/* The score of a detector: how unlike normal examples one is, by its int8 code and reconstruction.
 *
 * C99, no dependencies, no allocation, integers only. For each view of an example, from 0: turn it, run the encoder,
 * requantize its code for the decoder, run the decoder, and add up what zoo_detector_score gives. The example does not
 * fit where the sum exceeds the detector's threshold.
 */
#ifndef ZOO_DETECTOR_H
#define ZOO_DETECTOR_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What normal examples are like, as `zoo export --micro` writes it. Arrays of several views have them one after the
 * other. */
typedef struct {
  uint16_t views;
  uint16_t code;      /* numbers of the code */
  uint32_t numbers;   /* numbers of an example: side * side * channels, where there are several views */
  uint16_t side;      /* height and width of an example, where there are several views */
  uint16_t channels;
  const int8_t *requantize;  /* [256]: the decoder's input for each number of the encoder's output, from -128 */
  const int32_t *mean;       /* [views * code]: in parts of 256 of a step of the code */
  const int16_t *whitening;  /* [views * code * (code + 1) / 2]: lower triangular matrices, row after row */
  const uint16_t *weights;   /* [views * numbers]: of the errors */
  int32_t input_scale, output_scale; /* of the encoder's input and the decoder's output */
  int16_t input_zero, output_zero;
  uint8_t code_shift, error_shift;
  uint32_t code_factor, error_factor;
  uint64_t threshold;
} zoo_detector;

/* An example as a view shows it, for the encoder: turned by a quarter of a turn for each view after the first. */
void zoo_detector_turn(const zoo_detector *detector, unsigned view, const int8_t *example, int8_t *turned);

/* What the decoder takes of the encoder's code: `code` numbers each. */
void zoo_detector_requantize(const zoo_detector *detector, const int8_t *code, int8_t *input);

/* The score of a view. `example` is as it came, not turned; `code` is the encoder's output, `restored` the decoder's.
 * Sums that 64 bits do not hold are the largest number. */
uint64_t zoo_detector_score(const zoo_detector *detector, unsigned view, const int8_t *example, const int8_t *code,
                            const int8_t *restored);

/* The sum of two scores, at most the largest number. */
static inline uint64_t zoo_detector_add(uint64_t a, uint64_t b) { return a > UINT64_MAX - b ? UINT64_MAX : a + b; }

#ifdef __cplusplus
}
#endif

#endif
