#include "zoo_detector.h"

/* The square of a sum of fixed-point numbers, rounded to whole units first. */
static uint64_t square(int64_t sum, unsigned shift) {
  uint64_t size = sum < 0 ? (uint64_t)-sum : (uint64_t)sum;
  if (shift) size = (size + ((uint64_t)1 << (shift - 1))) >> shift;
  return size > UINT32_MAX ? UINT64_MAX : size * size;
}

static uint64_t times(uint64_t a, uint32_t b) { return b && a > UINT64_MAX / b ? UINT64_MAX : a * b; }

void zoo_detector_turn(const zoo_detector *detector, unsigned view, const int8_t *example, int8_t *turned) {
  size_t side = detector->side, channels = detector->channels;
  if (!view) {
    for (size_t at = 0; at < detector->numbers; at++) turned[at] = example[at];
    return;
  }
  for (size_t i = 0; i < side; i++)
    for (size_t j = 0; j < side; j++) {
      size_t row = view == 1 ? j : view == 2 ? side - 1 - i : side - 1 - j;
      size_t column = view == 1 ? side - 1 - i : view == 2 ? side - 1 - j : i;
      for (size_t c = 0; c < channels; c++)
        turned[(i * side + j) * channels + c] = example[(row * side + column) * channels + c];
    }
}

void zoo_detector_requantize(const zoo_detector *detector, const int8_t *code, int8_t *input) {
  for (size_t at = 0; at < detector->code; at++) input[at] = detector->requantize[code[at] + 128];
}

uint64_t zoo_detector_score(const zoo_detector *detector, unsigned view, const int8_t *example, const int8_t *code,
                            const int8_t *restored) {
  size_t numbers = detector->code;
  const int32_t *mean = detector->mean + view * numbers;
  const int16_t *whitening = detector->whitening + view * (numbers * (numbers + 1) / 2);
  const uint16_t *weights = detector->weights + (size_t)view * detector->numbers;
  uint64_t distance = 0, missed = 0;
  for (size_t row = 0; row < numbers; row++) {
    int64_t sum = 0;
    for (size_t at = 0; at <= row; at++) sum += (int64_t)*whitening++ * (256 * (int32_t)code[at] - mean[at]);
    distance = zoo_detector_add(distance, square(sum, detector->code_shift));
  }
  for (size_t at = 0; at < detector->numbers; at++) {
    int64_t error = (int64_t)detector->input_scale * (example[at] - detector->input_zero) -
                    (int64_t)detector->output_scale * (restored[at] - detector->output_zero);
    missed = zoo_detector_add(missed, square(error * (int64_t)weights[at], detector->error_shift));
  }
  return zoo_detector_add(times(distance, detector->code_factor), times(missed, detector->error_factor));
}
