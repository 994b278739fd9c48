/** Fields of a file in bytes: numbers, texts and deflated runs, as zoo/codec/FORMAT.md has them. */

const MAX_TEXT_BYTES = 1024;
const MAX_DEFLATE_RATIO = 1032; // zlib's own limit

/** Bytes that are not a container that can be restored: what is wrong, and at which byte. */
export class CodecError extends Error {}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/**
 * The CRC-32 of zlib and PNG.
 * @param {Uint8Array} data
 * @param {number} [seed] CRC of what comes before.
 * @returns {number} unsigned, 32 bits.
 */
export function crc32(data, seed = 0) {
  let crc = ~seed;
  for (const byte of data) crc = (crc >>> 8) ^ CRC_TABLE[(crc ^ byte) & 0xff];
  return ~crc >>> 0;
}

/** @param {...(Uint8Array|number[])} parts @returns {Uint8Array} */
export function joined(...parts) {
  const all = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** @param {number} value @param {number} size bytes, little-endian. */
export function word(value, size = 4) {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at++, value = Math.floor(value / 256)) bytes[at] = value % 256;
  return bytes;
}

/** Unsigned LEB128. @param {number} value @returns {number[]} */
export function varint(value) {
  const out = [];
  for (; value >= 0x80; value = Math.floor(value / 0x80)) out.push((value % 0x80) | 0x80);
  return [...out, value];
}

/** @param {string} value */
export function text(value) {
  const bytes = new TextEncoder().encode(value);
  return joined(varint(bytes.length), bytes);
}

/**
 * A run of bytes and its lengths, in a zlib stream of stored blocks, which is the same in every browser.
 * @param {Uint8Array} raw
 */
export function deflated(raw) {
  const blocks = [new Uint8Array([0x78, 0x01])];
  for (let at = 0; at < raw.length; at += 0xffff) {
    const part = raw.subarray(at, at + 0xffff);
    blocks.push(joined([at + part.length === raw.length ? 1 : 0], word(part.length, 2), word(~part.length & 0xffff, 2), part));
  }
  let [low, high] = [1, 0];
  for (const byte of raw) {
    low = (low + byte) % 65521;
    high = (high + low) % 65521;
  }
  const packed = joined(...blocks, word(high * 65536 + low).reverse());
  return joined(varint(raw.length), varint(packed.length), packed);
}

/** Reads fields off bytes, and never past their end. */
export class Cursor {
  /** @param {Uint8Array} data @param {string} name of the file, for messages. @param {number} [base] offset of data. */
  constructor(data, name, base = 0) {
    Object.assign(this, { data, name, base, at: 0, field: 0 });
  }

  get left() {
    return this.data.length - this.at;
  }

  /** The error for the field read last. @param {string} message */
  fault(message) {
    return new CodecError(`${this.name}, byte ${this.base + this.field}: ${message}.`);
  }

  /** @param {number} count @param {string} what @returns {Uint8Array} */
  take(count, what) {
    this.field = this.at;
    if (count > this.left) {
      throw this.fault(`${what} needs ${count} bytes, ${this.left} are left: truncated or corrupt`);
    }
    this.at += count;
    return this.data.subarray(this.at - count, this.at);
  }

  byte(what) {
    return this.take(1, what)[0];
  }

  word(what) {
    const [a, b, c, d] = this.take(4, what);
    return a + b * 2 ** 8 + c * 2 ** 16 + d * 2 ** 24;
  }

  /** @param {string} what @param {number} [low] @param {number} [high] */
  varint(what, low = 0, high = Number.MAX_SAFE_INTEGER) {
    const start = this.at;
    let value = 0, byte = 0x80, shift = 0;
    for (; byte >= 0x80 && shift < 63; shift += 7) {
      byte = this.byte(what);
      value += (byte % 0x80) * 2 ** shift;
    }
    this.field = start;
    if (byte >= 0x80 || (byte === 0 && shift > 7)) throw this.fault(`${what} is not a valid number`);
    return this.between(value, what, low, high);
  }

  between(value, what, low, high) {
    if (value < low || value > high) throw this.fault(`${what} is ${value}: expected ${low} to ${high}`);
    return value;
  }

  text(what) {
    const data = this.take(this.varint(`length of ${what}`, 1, MAX_TEXT_BYTES), what);
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data);
    } catch {
      throw this.fault(`${what} is not UTF-8`);
    }
  }

  /** Bytes that `deflated` wrote. @param {string} what @param {number} most of them. @returns {Promise<Uint8Array>} */
  async inflated(what, most) {
    const length = this.varint(`length of the ${what}`, 1, most);
    const packed = this.take(this.varint(`packed length of the ${what}`, 1), what);
    if (length > MAX_DEFLATE_RATIO * packed.length) {
      throw this.fault(`${packed.length} bytes cannot unpack to ${length} bytes of ${what}`);
    }
    const fault = this.fault(`the ${what} do not unpack to ${length} bytes`);
    try {
      const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
      const raw = new Uint8Array(await new Response(stream).arrayBuffer());
      if (raw.length === length) return raw;
    } catch {
      // Falls through to the one message.
    }
    throw fault;
  }
}
