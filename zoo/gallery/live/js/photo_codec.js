/**
 * Photographs to words and back, as zoo/codec/coders/latents.py does it. Networks are run by whoever calls: what is
 * here is arithmetic that is the same in every browser.
 */

import { Decoder, Encoder } from "./ans.js";
import { CodecError } from "./bytes.js";
import { Grid, MOST } from "./contexts.js";
import { QUALITY_STEPS } from "./container.js";
import { even } from "./tables.js";

/** Pixels, in each direction, to one position of the latents. */
export const PATCH = 16;
/** Rows of a strip, in pixels. */
export const ROWS = 768;
const FRACTIONS = 16; // of a mean's unit
const MOST_PIXELS = 24e6; // of a picture, for the memory of a browser's tab
const { fround } = Math;

/** @typedef {{height: number, width: number, pixels: Uint8Array}} Picture pixels row by row, red, green, blue. */
/** @typedef {{rows: number, columns: number, values: Int16Array}} Symbols row by row, channel by channel. */

/** @param {{width: number, height: number}} picture @param {string} name @throws {CodecError} */
export function checkSize({ width, height }, name) {
  if (width * height <= MOST_PIXELS) return;
  const [millions, most] = [width * height, MOST_PIXELS].map((count) => (count / 1e6).toFixed(0));
  throw new CodecError(`${name} has ${millions} megapixels: this page takes up to ${most}. \`zoo\` takes any size.`);
}

/** A photo compressor's tables at a quality. */
export class PhotoCodec {
  #models = new Map();

  /** @param {Object<string, import("./tables.js").Table>} tables @param {number} quality in 64ths. */
  constructor(tables, quality) {
    Object.assign(this, { tables, quality });
    this.channels = tables.kernel.shape[1];
    this.support = tables.counts.shape[2] / 2 - 1;
    const last = tables.log_steps.shape[0];
    if (!(quality >= QUALITY_STEPS && quality <= last * QUALITY_STEPS)) {
      throw new CodecError(`its quality is ${quality / QUALITY_STEPS}: expected 1 to ${last}`);
    }
    const exponentials = (table) => this.#between(table).map((value) => fround(Math.exp(value)));
    this.steps = exponentials(tables.log_steps);
    const gains = exponentials(tables.log_gains);
    this.restoredSteps = Float32Array.from(this.steps, (step, at) => step * gains[at]);
    this.bias = Float32Array.from(this.#between(tables.decoder_biases));
  }

  /** A row between those of the neighbouring qualities. */
  #between({ shape: [qualities, size], values }) {
    const quality = this.quality / QUALITY_STEPS;
    const low = Math.min(Math.floor(quality) - 1, qualities - 2), part = quality - 1 - low;
    return Array.from({ length: size }, (_, at) => values[low * size + at] * (1 - part) + values[(low + 1) * size + at] * part);
  }

  /**
   * The symbols of a strip's own rows.
   * @param {Picture} picture
   * @param {number} top first row of the strip, a multiple of 16.
   * @param {number} height rows of the strip.
   * @param {(input: Strip) => Promise<Int16Array>} correct gives the encoder's output, without its zero point, for
   *   every position of the strip.
   * @returns {Promise<Symbols>}
   */
  async symbols(picture, top, height, correct) {
    const rows = Math.ceil(height / PATCH), columns = Math.ceil(picture.width / PATCH), { channels } = this;
    const { kernel_scales: scales, correction_scale: correction } = this.tables;
    const sums = this.#analysed(picture, top, rows, columns);
    const corrections = await correct({ picture, top, rows, columns });
    const values = Int16Array.from(sums, (sum, at) => {
      const channel = at % channels;
      const latent = fround(
        fround(sum * fround(scales.values[channel])) + fround(corrections[at] * fround(correction.values[0])),
      );
      return Math.max(-MOST, Math.min(MOST, even(fround(latent / this.steps[channel]))));
    });
    return { rows, columns, values };
  }

  /** Exact sums of levels less 128 times the kernel; the picture's last row and column are repeated. */
  #analysed({ pixels, height, width }, top, rows, columns) {
    const { channels } = this, kernel = this.tables.kernel.values;
    const sums = new Float64Array(rows * columns * channels), own = new Float64Array(channels);
    for (let position = 0; position < rows * columns; position++) {
      const y = top + Math.floor(position / columns) * PATCH, x = (position % columns) * PATCH;
      own.fill(0);
      for (let at = 0, from = 0; at < 3 * PATCH ** 2; at++, from += channels) {
        const row = Math.min(height - 1, y + Math.floor(at / (3 * PATCH)));
        const column = Math.min(width - 1, x + (Math.floor(at / 3) % PATCH));
        const level = pixels[(row * width + column) * 3 + (at % 3)] - 128;
        for (let channel = 0; channel < channels; channel++) own[channel] += level * kernel[from + channel];
      }
      sums.set(own, position * channels);
    }
    return sums;
  }

  /** @param {Symbols[]} pictures of one strip. @returns {Uint32Array} its words. */
  pack(...pictures) {
    const work = [];
    for (const { rows, columns, values } of pictures) {
      const grid = new Grid(this.tables, rows, columns, this.quality);
      grid.run((pass, places, means, scales) => {
        const chosen = new Float64Array(means.length);
        places.forEach((place, index) => {
          const from = grid.inner(place) * this.channels + pass.start;
          for (let at = 0; at < pass.channels; at++) chosen[index * pass.channels + at] = values[from + at];
        });
        work.push([chosen, means, scales]);
        return chosen;
      });
    }
    const encoder = new Encoder();
    for (const part of work.reverse()) this.#encode(encoder, ...part);
    return encoder.finish();
  }

  /**
   * The symbols of a strip.
   * @param {Uint32Array} words
   * @param {number} height @param {number} width @param {number} channels of the strip's pixels.
   * @returns {Symbols[]} of each of its pictures: a colour's three channels are one, each other channel is one.
   * @throws {CodecError} if the words are not those of such a strip.
   */
  unpack(words, height, width, channels) {
    if (words.length > 2 * this.channels * (height * width * channels + 1) + 2) {
      throw new CodecError("it has more words than its pixels can take");
    }
    const decoder = new Decoder(words);
    const rows = Math.ceil(height / PATCH), columns = Math.ceil(width / PATCH);
    const found = Array.from({ length: channels >= 3 ? channels - 2 : channels }, () => {
      const grid = new Grid(this.tables, rows, columns, this.quality);
      const values = grid.run((_, __, means, scales) => this.#decode(decoder, means, scales));
      return { rows, columns, values };
    });
    if (!decoder.isEmpty) throw new CodecError("words are left over");
    return found;
  }

  /** Rounded means, keys of distributions, and an order in which those of one key follow each other. */
  #ordered(means, scales) {
    const bases = new Float64Array(means.length), keys = new Uint16Array(means.length);
    const starts = new Uint32Array(64 * FRACTIONS + 1);
    for (let at = 0; at < means.length; at++) {
      bases[at] = Math.floor((means[at] + FRACTIONS / 2) / FRACTIONS);
      keys[at] = scales[at] * FRACTIONS + means[at] - bases[at] * FRACTIONS + FRACTIONS / 2;
      starts[keys[at] + 1]++;
    }
    for (let key = 1; key < starts.length; key++) starts[key] += starts[key - 1];
    const order = new Uint32Array(means.length);
    for (let at = 0; at < means.length; at++) order[starts[keys[at]]++] = at;
    return { bases, keys, order };
  }

  #encode(encoder, values, means, scales) {
    const { bases, keys, order } = this.#ordered(means, scales), { support } = this;
    const digit = (value) => encoder.put(value * 256, 256);
    for (let at = values.length - 1; at >= 0; at--) {
      const distance = values[at] - bases[at];
      if (Math.abs(distance) <= support) continue;
      const folded = distance < 0 ? -2 * distance - 1 : 2 * distance;
      digit(folded % 65536);
      digit(Math.floor(folded / 65536));
    }
    for (let index = order.length - 1; index >= 0; index--) {
      const at = order[index], distance = values[at] - bases[at], cumulative = this.#model(keys[at]);
      const symbol = Math.abs(distance) > support ? 2 * support + 1 : distance + support;
      encoder.put(cumulative[symbol], cumulative[symbol + 1] - cumulative[symbol]);
    }
  }

  #decode(decoder, means, scales) {
    const { bases, keys, order } = this.#ordered(means, scales), { support } = this;
    const values = new Float64Array(means.length);
    for (const at of order) values[at] = decoder.take(this.#model(keys[at])) - support;
    for (let at = 0; at < values.length; at++) {
      if (values[at] === support + 1) {
        const folded = decoder.digit() * 65536 + decoder.digit();
        values[at] = folded % 2 ? -(folded + 1) / 2 : folded / 2;
      }
      values[at] += bases[at];
      if (Math.abs(values[at]) > MOST) throw new CodecError("its words stand for values that are too large");
    }
    return values;
  }

  /** Where the ranges of a distribution's symbols begin. */
  #model(key) {
    let cumulative = this.#models.get(key);
    if (!cumulative) {
      const { counts } = this.tables, size = counts.shape[2], fraction = (key % FRACTIONS) - FRACTIONS / 2;
      const from = (Math.floor(key / FRACTIONS) * counts.shape[1] + Math.abs(fraction)) * size;
      const own = counts.values.slice(from, from + size);
      if (fraction < 0) own.subarray(0, size - 1).reverse();
      cumulative = new Uint32Array(size + 1);
      own.forEach((count, symbol) => (cumulative[symbol + 1] = cumulative[symbol] + count));
      this.#models.set(key, cumulative);
    }
    return cumulative;
  }
}
