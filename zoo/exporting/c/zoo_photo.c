#include "zoo_photo.h"

#include <math.h>
#include <string.h>

enum {
  PATCH = 16,
  STRIP = 768,      /* rows of a strip: a picture has no more of them */
  MOST = 4095,      /* of a symbol's magnitude */
  MOST_UNITS = 128, /* of a hidden layer */
  MOST_CHANNELS = 128, /* of a pass */
  MOST_PASSES = 64,
  LONGEST_VARINT = 5,
  FRACTIONS = 16,
  PRECISION = 24, /* frequencies sum to 2^24 */
  KEYS = 64 * FRACTIONS,
  SPARSE = 0,
  EVEN = 1,
  DIAGONAL = 2
};

/* What a symbol is coded by. */
typedef struct {
  int16_t value, base;
  uint16_t key; /* the scale, and where the mean lies between two integers */
} coded;

typedef struct {
  const zoo_photo_tables *t;
  unsigned quality;
  int rows, columns;
  int16_t *symbols; /* [rows][columns][channels]; 0 until they are known */
  uint8_t *known;   /* [rows][columns]: of the first group */
} grid;

/* --- bytes, and asymmetric numeral systems with a state of 64 bits and words of 32 --- */

typedef struct {
  uint8_t *bytes;
  size_t length, capacity; /* a length beyond the capacity says that bytes are missing */
} writer;

static void put(writer *w, uint8_t byte) {
  if (w->length < w->capacity) w->bytes[w->length] = byte;
  w->length++;
}

static void put_u32(writer *w, uint32_t word) {
  int at;
  for (at = 0; at < 4; at++) put(w, (uint8_t)(word >> (8 * at)));
}

static void put_varint(writer *w, uint32_t number) {
  for (; number > 127; number >>= 7) put(w, (uint8_t)(number | 128));
  put(w, (uint8_t)number);
}

static void put_text(writer *w, const char *text) {
  size_t at, length = strlen(text);
  put_varint(w, (uint32_t)length);
  for (at = 0; at < length; at++) put(w, (uint8_t)text[at]);
}

static unsigned varint_bytes(uint32_t number) { return number < 128 ? 1 : 1 + varint_bytes(number >> 7); }

/* The CRC-32 of zlib and PNG, going on from `crc`. */
static uint32_t crc32_of(uint32_t crc, const uint8_t *bytes, size_t length) {
  size_t at;
  int bit;
  crc = ~crc;
  for (at = 0; at < length; at++) {
    crc ^= bytes[at];
    for (bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
  }
  return ~crc;
}

typedef struct {
  uint64_t state;
  writer *words;
} coder;

static void push(coder *c, uint32_t left, uint32_t count) {
  if (c->state >> (64 - PRECISION) >= count) {
    put_u32(c->words, (uint32_t)c->state);
    c->state >>= 32;
  }
  c->state = (c->state / count) << PRECISION | (left + c->state % count);
}

/* --- contexts --- */

static int64_t shifted(int64_t sum, int bits) {
  int64_t half = (int64_t)1 << (bits - 1);
  sum += half;
  return sum >= 0 ? sum >> bits : -((-sum + ((int64_t)1 << bits) - 1) >> bits);
}

static int32_t feature(const zoo_photo_tables *t, int16_t symbol) {
  return symbol < 0 ? -(int32_t)t->features[-symbol] : (int32_t)t->features[symbol];
}

/* Whether a pass decodes a position. */
static int here(const zoo_pass *p, int row, int column) {
  int d = p->spacing;
  if (p->kind == SPARSE) return row % (2 * d) == 0 && column % (2 * d) == 0;
  if (p->kind == DIAGONAL) return row % (2 * d) == d && column % (2 * d) == d;
  if (row % d || column % d) return p->kind == EVEN && (row / d + column / d) % 2 == 0;
  return (row / d + column / d) % 2 == (p->kind == EVEN ? 0 : 1);
}

static void layer(const int32_t *inputs, unsigned number, const int16_t *weights, const int32_t *bias,
                  const int32_t *multiplier, unsigned outputs, int64_t *found) {
  unsigned in, out;
  for (out = 0; out < outputs; out++) found[out] = bias[out];
  for (in = 0; in < number; in++)
    if (inputs[in])
      for (out = 0; out < outputs; out++) found[out] += (int64_t)inputs[in] * weights[in * outputs + out];
  for (out = 0; out < outputs; out++) found[out] = shifted(found[out] * multiplier[out], 16);
}

static void activated(const int64_t *values, unsigned number, int32_t *found) {
  unsigned at;
  for (at = 0; at < number; at++) found[at] = (int32_t)(values[at] < 0 ? 0 : values[at] > 255 ? 255 : values[at]);
}

/* Means in sixteenths, and scales, of a pass at a position. */
static void parameters(const grid *g, const zoo_pass *p, int row, int column, int64_t *out, int64_t *linear) {
  const zoo_photo_tables *t = g->t;
  int reach = p->kernel_size / 2, dy, dx;
  unsigned seen = p->start ? p->inputs : p->inputs - 1u, offset = 0, at, channel;
  int64_t sums[MOST_UNITS];
  int32_t hidden[MOST_UNITS], second[MOST_UNITS];
  const int32_t *bias = p->field_bias + (size_t)(g->quality - 1) * p->first;
  for (at = 0; at < p->first; at++) sums[at] = bias[at];
  for (channel = 0; channel < p->channels; channel++) linear[channel] = 0;
  for (dy = -reach; dy <= reach; dy++) {
    for (dx = -reach; dx <= reach; dx++, offset += p->inputs) {
      int y = row + dy * p->spacing, x = column + dx * p->spacing;
      const int16_t *symbols;
      if (y < 0 || x < 0 || y >= g->rows || x >= g->columns) continue;
      symbols = g->symbols + ((size_t)y * (size_t)g->columns + (size_t)x) * t->channels;
      for (at = 0; at < p->inputs; at++) {
        int32_t input = at < seen ? feature(t, symbols[at]) : g->known[y * g->columns + x];
        const int16_t *weights = p->field_weights + (size_t)(offset + at) * p->first;
        unsigned unit;
        if (!input) continue;
        for (unit = 0; unit < p->first; unit++) sums[unit] += (int64_t)input * weights[unit];
      }
    }
  }
  if (p->linear) {
    offset = 0;
    for (dy = -reach; dy <= reach; dy++) {
      for (dx = -reach; dx <= reach; dx++, offset += seen) {
        int y = row + dy * p->spacing, x = column + dx * p->spacing;
        const int16_t *symbols;
        if (y < 0 || x < 0 || y >= g->rows || x >= g->columns) continue;
        symbols = g->symbols + ((size_t)y * (size_t)g->columns + (size_t)x) * t->channels;
        for (at = 0; at < seen; at++)
          if (symbols[at])
            for (channel = 0; channel < p->channels; channel++)
              linear[channel] += (int64_t)symbols[at] * p->linear[(size_t)(offset + at) * p->channels + channel];
      }
    }
  }
  for (at = 0; at < p->first; at++) sums[at] = shifted(sums[at] * p->field_multiplier[at], 16);
  activated(sums, p->first, hidden);
  layer(hidden, p->first, p->hidden_weights, p->hidden_bias, p->hidden_multiplier, p->second, sums);
  activated(sums, p->second, second);
  layer(second, p->second, p->out_weights, p->out_bias, p->out_multiplier, 2u * p->channels, out);
  for (channel = 0; channel < p->channels; channel++) {
    int64_t *scale = out + p->channels + channel;
    if (p->linear) out[channel] += shifted(linear[channel] * 16, 12);
    *scale += p->scale_offsets[(size_t)(g->quality - 1) * p->channels + channel];
    *scale = shifted(*scale, 4);
    *scale = *scale < 0 ? 0 : *scale >= t->scales ? t->scales - 1 : *scale;
  }
}

/* --- from pixels to symbols --- */

static int16_t symbol_of(const zoo_photo_tables *t, unsigned quality, const uint8_t *pixels, size_t stride,
                         int8_t correction, unsigned channel) {
  int32_t sum = 0;
  unsigned y, x, at = 0;
  float latent, step = t->steps[(size_t)(quality - 1) * t->channels + channel];
  long value;
  for (y = 0; y < PATCH; y++)
    for (x = 0; x < PATCH * 3; x++, at++)
      sum += ((int32_t)pixels[y * stride + x] - 128) * t->kernel[(size_t)at * t->channels + channel];
  latent = (float)sum * t->kernel_scales[channel];
  latent = latent + (float)(correction - t->correction_zero) * t->correction_scale;
  value = lrintf(latent / step);
  return (int16_t)(value < -MOST ? -MOST : value > MOST ? MOST : value);
}

/* --- symbols to words: a stack, so that what is pushed last is read first --- */

static void push_run(coder *c, const zoo_photo_tables *t, const coded *symbol) {
  unsigned size = 2u * t->support + 2, index, at;
  int fraction = symbol->key % FRACTIONS - FRACTIONS / 2;
  int distance = symbol->value - symbol->base;
  size_t row = (size_t)(symbol->key / FRACTIONS) * 9 + (size_t)(fraction < 0 ? -fraction : fraction);
  const uint32_t *counts = t->counts + row * size;
  uint32_t left = 0;
  index = distance < -t->support || distance > t->support ? size - 1 : (unsigned)(distance + t->support);
  /* Below the rounded mean, a distribution is the mirror image of that above it; the escape stays last. */
  for (at = 0; at < index; at++) left += counts[fraction < 0 ? size - 2 - at : at];
  push(c, left, counts[index == size - 1 ? index : fraction < 0 ? size - 2 - index : index]);
}

static void push_escape(coder *c, const coded *symbol) {
  int32_t distance = (int32_t)symbol->value - symbol->base;
  uint32_t folded = (uint32_t)(distance < 0 ? -2 * distance - 1 : 2 * distance);
  push(c, (folded & 0xFFFF) << 8, 256);
  push(c, (folded >> 16) << 8, 256);
}

static void push_pass(coder *c, const zoo_photo_tables *t, const coded *symbols, size_t number, uint16_t *order,
                      uint16_t *starts) {
  size_t at;
  unsigned key, total = 0;
  for (at = number; at-- > 0;) {
    int distance = symbols[at].value - symbols[at].base;
    if (distance < -t->support || distance > t->support) push_escape(c, symbols + at);
  }
  /* The symbols of one distribution follow each other, by counting. */
  memset(starts, 0, KEYS * sizeof *starts);
  for (at = 0; at < number; at++) starts[symbols[at].key]++;
  for (key = 0; key < KEYS; key++) {
    unsigned here_too = starts[key];
    starts[key] = (uint16_t)total;
    total += here_too;
  }
  for (at = 0; at < number; at++) order[starts[symbols[at].key]++] = (uint16_t)at;
  for (at = number; at-- > 0;) push_run(c, t, symbols + order[at]);
}

/* All that comes before the words. */
static void put_header(writer *w, const zoo_photo_tables *t, unsigned quality, unsigned rows, unsigned columns) {
  static const uint8_t signature[8] = {0x89, 'Z', 'O', 'O', '\r', '\n', 0x1A, '\n'};
  uint32_t height = PATCH * rows, width = PATCH * columns, size = (uint32_t)strlen(t->model);
  unsigned at, length = varint_bytes(size) + size + 8 + 6 + varint_bytes(STRIP) + 1 + 1 + 1 + 1 +
                        varint_bytes(64 * quality) + 1 + 1 + 1 + varint_bytes(height) + varint_bytes(width) + 3;
  for (at = 0; at < 8; at++) put(w, signature[at]);
  put(w, 3);
  put_varint(w, length);
  put_text(w, t->model);
  for (at = 0; at < 8; at++) put(w, t->fingerprint[at]);
  put_text(w, "image");
  put_varint(w, STRIP);
  put(w, 0); /* strips, not tiles */
  put(w, 1); /* strip of a chunk */
  put(w, 3); /* axes */
  put(w, 8); /* a quality follows */
  put_varint(w, 64 * quality);
  put(w, 0); /* profiles */
  put(w, 1); /* section, of one picture */
  put(w, 1);
  put_varint(w, height);
  put_varint(w, width);
  put(w, 3);
  put(w, 8); /* bits of a level */
  put(w, 0);
  put_u32(w, crc32_of(0, w->bytes, w->length < w->capacity ? w->length : w->capacity));
}

size_t zoo_photo_compress(const zoo_photo_tables *t, unsigned quality, unsigned rows, unsigned columns,
                          const uint8_t *pixels, const int8_t *correction, void *work, size_t work_size,
                          uint8_t *bytes, size_t capacity) {
  static const uint8_t place[16] = {0, 0, 0, 0, 0, 0, 0, 0, 1}; /* chunk 0 of 1 */
  size_t positions = (size_t)rows * columns, number = positions * t->channels, done = 0, header, words, at;
  size_t starts_of[MOST_PASSES + 1], stride = (size_t)columns * PATCH * 3;
  unsigned index;
  uint32_t crc;
  uint16_t *starts = (uint16_t *)work, *order;
  coded *symbols;
  writer w = {0}, data = {0};
  coder c = {0};
  grid g;
  if (quality < 1 || quality > t->qualities || !positions || positions > ZOO_PHOTO_MOST_POSITIONS ||
      PATCH * rows > STRIP || t->passes > MOST_PASSES || work_size < ZOO_PHOTO_WORK(positions, t->channels))
    return 0;
  g.t = t;
  g.quality = quality;
  g.rows = (int)rows;
  g.columns = (int)columns;
  g.symbols = (int16_t *)(starts + KEYS);
  symbols = (coded *)(g.symbols + number);
  order = (uint16_t *)(symbols + number);
  g.known = (uint8_t *)(order + number);
  memset(g.symbols, 0, number * sizeof *g.symbols);
  memset(g.known, 0, positions);

  /* In the order of decoding: what is coded, and by what. */
  for (index = 0; index < t->passes; index++) {
    const zoo_pass *p = t->pass + index;
    int row, column, set;
    starts_of[index] = done;
    for (set = 0; set < 2; set++) { /* a pass knows nothing of itself: its symbols are set after all of them */
      at = starts_of[index];
      for (row = 0; row < g.rows; row++) {
        for (column = 0; column < g.columns; column++) {
          size_t position = (size_t)row * columns + (size_t)column;
          int64_t out[2 * MOST_CHANNELS], linear[MOST_CHANNELS];
          unsigned channel;
          if (!here(p, row, column)) continue;
          if (!set) parameters(&g, p, row, column, out, linear);
          for (channel = 0; channel < p->channels; channel++, at++) {
            unsigned of = p->start + channel;
            if (set) {
              g.symbols[position * t->channels + of] = symbols[at].value;
            } else {
              int32_t mean = (int32_t)out[channel], base = (int32_t)shifted(mean, 4);
              const uint8_t *patch = pixels + (size_t)row * PATCH * stride + (size_t)column * PATCH * 3;
              symbols[at].value = symbol_of(t, quality, patch, stride, correction[position * t->channels + of], of);
              symbols[at].base = (int16_t)base;
              symbols[at].key = (uint16_t)(out[p->channels + channel] * FRACTIONS + mean - base * 16 + FRACTIONS / 2);
            }
          }
          if (set && p->start == 0) g.known[position] = 1;
        }
      }
    }
    done = at;
  }
  starts_of[t->passes] = done;

  w.bytes = data.bytes = bytes;
  w.capacity = data.capacity = capacity;
  put_header(&w, t, quality, rows, columns);
  header = w.length;
  data.length = header + LONGEST_VARINT;
  c.words = &data;
  for (index = t->passes; index-- > 0;)
    push_pass(&c, t, symbols + starts_of[index], starts_of[index + 1] - starts_of[index], order, starts);
  for (; c.state; c.state >>= 32) put_u32(&data, (uint32_t)c.state);
  words = (data.length - header - LONGEST_VARINT) / 4;
  put_varint(&w, (uint32_t)words);
  if (data.length > capacity || w.length + 4 * words + 4 > capacity) return 0;
  memmove(bytes + w.length, bytes + header + LONGEST_VARINT, 4 * words);
  crc = crc32_of(0, bytes, header - 4);
  crc = crc32_of(crc, place, sizeof place);
  crc = crc32_of(crc, bytes + w.length, 4 * words);
  w.length += 4 * words;
  put_u32(&w, crc);
  return w.length;
}
