#include "zoo_codec.h"

enum { PRECISION = 24 }; /* frequencies sum to 2^24 */

/* Asymmetric numeral systems with a state of 64 bits and words of 32, low byte first. */
typedef struct {
  uint64_t state;
  uint8_t *bytes;
  size_t length, capacity; /* a length beyond the capacity says that bytes are missing */
  size_t used;             /* the length without the zero bytes at its end, which need not be stored */
} coder;

static void put_word(coder *c, uint32_t word) {
  int at;
  for (at = 0; at < 4; at++) {
    uint8_t byte = (uint8_t)(word >> (8 * at));
    if (c->length < c->capacity) c->bytes[c->length] = byte;
    c->length++;
    if (byte) c->used = c->length;
  }
}

static void push(coder *c, uint32_t left, uint32_t count) {
  if (c->state >> (64 - PRECISION) >= count) {
    put_word(c, (uint32_t)c->state);
    c->state >>= 32;
  }
  c->state = (c->state / count) << PRECISION | (left + c->state % count);
}

/* Pushes the number `index`, of which `counts` has the frequencies. */
static void push_number(coder *c, const uint32_t *counts, unsigned index) {
  uint32_t left = 0;
  unsigned at;
  for (at = 0; at < index; at++) left += counts[at];
  push(c, left, counts[index]);
}

/* The symbol of a latent number, from 0 within its alphabet. */
static unsigned index_of(const zoo_tables *t, const int8_t *code, unsigned latent) {
  int32_t index = (int32_t)t->requantize[code[latent] + 128] - t->minimum[latent];
  int32_t last = t->size[latent] - 1;
  return (unsigned)(index < 0 ? 0 : index > last ? last : index);
}

/* CRC-16/CCITT, polynomial 0x1021. */
static uint16_t crc16(uint16_t crc, uint8_t byte) {
  int bit;
  crc ^= (uint16_t)((uint16_t)byte << 8);
  for (bit = 0; bit < 8; bit++) crc = (uint16_t)((uint32_t)crc << 1 ^ (crc & 0x8000 ? 0x1021 : 0));
  return crc;
}

static uint16_t check_of(const zoo_tables *t, const int8_t *code) {
  uint16_t crc = 0xFFFF;
  unsigned at;
  for (at = 0; at < 8; at++) crc = crc16(crc, t->fingerprint[at]);
  for (at = 0; at < t->latent_dim; at++) {
    uint16_t symbol = (uint16_t)(t->minimum[at] + (int32_t)index_of(t, code, at));
    crc = crc16(crc16(crc, (uint8_t)symbol), (uint8_t)(symbol >> 8));
  }
  return crc;
}

/* The table that takes the fewest bits for a code, the first of equals, and where its frequencies begin. */
static unsigned choose(const zoo_tables *t, const int8_t *code, size_t *start) {
  uint32_t least = UINT32_MAX;
  size_t first = 0;
  unsigned table, at, best = 0;
  for (table = 0; table < t->tables; table++) {
    size_t here = first;
    uint32_t cost = t->index_costs[table];
    for (at = 0; at < t->latent_dim; at++) {
      cost += t->costs[here + index_of(t, code, at)];
      here += (size_t)t->size[at];
    }
    if (cost < least) {
      least = cost;
      best = table;
      *start = first;
    }
    first = here;
  }
  return best;
}

size_t zoo_compress(const zoo_tables *t, const int8_t *code, uint8_t *bytes, size_t capacity) {
  coder c = {0};
  size_t here = 0;
  unsigned table, at;
  c.state = (uint64_t)1 << 16 | check_of(t, code); /* the check is what the coder starts with */
  c.bytes = bytes;
  c.capacity = capacity;
  if (capacity) bytes[0] = t->fingerprint[0];
  c.length = 1;
  table = choose(t, code, &here);
  for (at = 0; at < t->latent_dim; at++) here += (size_t)t->size[at];
  /* The coder is a stack: what is pushed last is popped first. */
  for (at = t->latent_dim; at-- > 0;) {
    here -= (size_t)t->size[at];
    if (t->size[at] > 1) push_number(&c, t->counts + here, index_of(t, code, at));
  }
  if (t->tables > 1) push_number(&c, t->index_counts, table);
  put_word(&c, (uint32_t)c.state);
  if (c.state >> 32) put_word(&c, (uint32_t)(c.state >> 32));
  return c.used > capacity ? 0 : c.used;
}
