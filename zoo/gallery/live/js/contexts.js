/**
 * The order in which latents are decoded, and what is known of each from those before it: the arithmetic of integers of
 * zoo/codec/latents.py, whose numbers all stay under 2^53 and are exact in float64.
 */

import { QUALITY_STEPS } from "./container.js";

const LATTICES = [4, 2, 1];
/** The most of a symbol's magnitude. */
export const MOST = 4095;
const FEATURES = Float64Array.from({ length: MOST + 1 }, (_, value) => Math.round(16 * Math.log1p(value)));
const SCALES = 64, MARGIN = 8;

/**
 * @typedef {Object} Pass Latents that are decoded at once.
 * @property {number} start first channel of its group.
 * @property {number} channels of its group.
 * @property {string} kind which positions: sparse, even, diagonal or straight.
 * @property {number} spacing of the lattice.
 * @property {number} size of the field that it sees.
 * @property {number} known channels that it sees.
 */

/** @param {number[]} groups @returns {Pass[]} */
export function passes(groups) {
  const made = (start, channels, kind, spacing = 1, size = 3) => {
    const refines = kind === "diagonal" || kind === "straight";
    return { start, channels, kind, spacing, size, known: start + (refines ? channels : 0) };
  };
  const found = [made(0, groups[0], "sparse", LATTICES[0], 1)];
  for (const spacing of LATTICES) {
    found.push(made(0, groups[0], "diagonal", spacing), made(0, groups[0], "straight", spacing, 5));
  }
  let start = groups[0];
  for (const channels of groups.slice(1)) {
    found.push(made(start, channels, "even"), made(start, channels, "straight"));
    start += channels;
  }
  return found;
}

function belongs({ kind, spacing: d }, row, column) {
  if (kind === "sparse") return row % (2 * d) === 0 && column % (2 * d) === 0;
  if (kind === "diagonal") return row % (2 * d) === d && column % (2 * d) === d;
  const sum = Math.floor(row / d) + Math.floor(column / d);
  if (kind === "even") return sum % 2 === 0;
  return row % d === 0 && column % d === 0 && sum % 2 === 1;
}

/** A row between rows `low` and `low + 1` of a table of integers, in 64ths. */
function between({ shape, values }, low, part) {
  const size = shape[1];
  return Float64Array.from({ length: size }, (_, at) => {
    const first = values[low * size + at], second = part ? values[(low + 1) * size + at] : 0;
    return first * (QUALITY_STEPS - part) + second * part;
  });
}

/** value / 2^bits, rounded to the nearest, halves upwards. */
const shifted = (value, bits) => Math.floor((value + 2 ** (bits - 1)) / 2 ** bits);

/** Adds `factor` times a row of `weights` to `sums`. */
function add(sums, weights, row, factor) {
  const size = sums.length;
  for (let at = 0, from = row * size; at < size; at++, from++) sums[at] += factor * weights[from];
}

/** Limits a layer's output to what the next one takes. */
const activation = (value) => Math.min(Math.max(value, 0), 255);

/** Latents of which ever more are known, pass after pass. */
export class Grid {
  /**
   * @param {Object<string, import("./tables.js").Table>} tables of the model.
   * @param {number} rows
   * @param {number} columns
   * @param {number} quality in 64ths.
   */
  constructor(tables, rows, columns, quality) {
    const groups = [...tables.groups.values];
    this.channels = groups.reduce((sum, count) => sum + count, 0);
    this.width = columns + 2 * MARGIN;
    const places = (rows + 2 * MARGIN) * this.width;
    this.symbols = new Float64Array(places * this.channels);
    this.features = new Float64Array(places * this.channels);
    this.isKnown = new Uint8Array(places); // whether each position of the first group is
    Object.assign(this, { rows, columns });
    const low = Math.min(Math.floor(quality / QUALITY_STEPS) - 1, tables.log_steps.shape[0] - 2);
    const part = quality - (low + 1) * QUALITY_STEPS;
    this.networks = passes(groups).map((pass, at) => network(pass, tables, `pass_${at}_`, low, part));
  }

  /**
   * Runs all passes.
   * @param {(pass: Pass, places: Int32Array, means: Float64Array, scales: Uint8Array) => Float64Array} values gives the
   *   values of a pass, position by position, of their means in sixteenths and indices of scales.
   * @returns {Int16Array} the symbols, row by row, channel by channel.
   */
  run(values) {
    for (const found of this.networks) {
      const places = this.#places(found.pass);
      if (!places.length) continue;
      const { means, scales } = this.#parameters(found, places);
      this.#set(found.pass, places, values(found.pass, places, means, scales));
    }
    const result = new Int16Array(this.rows * this.columns * this.channels);
    const run = this.columns * this.channels;
    for (let row = 0; row < this.rows; row++) {
      const from = ((row + MARGIN) * this.width + MARGIN) * this.channels;
      result.set(this.symbols.subarray(from, from + run), row * run);
    }
    return result;
  }

  /** Where a place of the padded grid lies in an array of the rows and columns themselves. */
  inner(place) {
    return (Math.floor(place / this.width) - MARGIN) * this.columns + (place % this.width) - MARGIN;
  }

  #places(pass) {
    const places = [];
    for (let row = 0; row < this.rows; row++) {
      for (let column = 0; column < this.columns; column++) {
        if (belongs(pass, row, column)) places.push((row + MARGIN) * this.width + column + MARGIN);
      }
    }
    return Int32Array.from(places);
  }

  #parameters(found, places) {
    const { pass, field, hidden, out, linear, offsets } = found;
    const means = new Float64Array(places.length * pass.channels), scales = new Uint8Array(means.length);
    const [fields, hiddens, outs] = [field, hidden, out].map((layer) => new Float64Array(layer.outputs));
    const products = new Float64Array(pass.channels);
    places.forEach((place, index) => {
      fields.fill(0);
      products.fill(0);
      this.#see(found, place, fields, products);
      hiddens.fill(0);
      fields.forEach((sum, at) => {
        const value = shifted((sum * QUALITY_STEPS + field.bias[at]) * field.multiplier[at], 22);
        if (value > 0) add(hiddens, hidden.weights, at, activation(value));
      });
      outs.fill(0);
      hiddens.forEach((sum, at) => {
        const value = shifted((sum + hidden.bias[at]) * hidden.multiplier[at], 16);
        if (value > 0) add(outs, out.weights, at, activation(value));
      });
      for (let channel = 0; channel < pass.channels; channel++) {
        const [mean, scale] = [channel, channel + pass.channels].map((at) =>
          shifted((outs[at] + out.bias[at]) * out.multiplier[at], 16),
        );
        const at = index * pass.channels + channel;
        means[at] = mean + (linear ? shifted(products[channel] * 16, 12) : 0);
        scales[at] = Math.min(Math.max(shifted(scale * QUALITY_STEPS + offsets[channel], 10), 0), SCALES - 1);
      }
    });
    return { means, scales };
  }

  /** Sums of what a pass sees about a place; most of it is 0. */
  #see({ pass, field, linear }, place, fields, products) {
    const { known, size, spacing } = pass;
    const first = pass.start === 0, inputs = known + (first ? 1 : 0), reach = size >> 1;
    let row = 0, seen = 0; // of the weights of the field, and of the linear ones
    for (let dy = -reach; dy <= reach; dy++) {
      for (let dx = -reach; dx <= reach; dx++, row += inputs, seen += known) {
        const at = place + (dy * this.width + dx) * spacing;
        const from = at * this.channels;
        for (let channel = 0; channel < known; channel++) {
          const feature = this.features[from + channel];
          if (!feature) continue;
          add(fields, field.weights, row + channel, feature);
          if (linear) add(products, linear, seen + channel, this.symbols[from + channel]);
        }
        if (first && this.isKnown[at]) add(fields, field.weights, row + known, 1);
      }
    }
  }

  #set({ start, channels }, places, values) {
    places.forEach((place, index) => {
      if (start === 0) this.isKnown[place] = 1;
      for (let channel = 0; channel < channels; channel++) {
        const value = values[index * channels + channel], at = place * this.channels + start + channel;
        this.symbols[at] = value;
        this.features[at] = Math.sign(value) * FEATURES[Math.abs(value)];
      }
    });
  }
}

/** The network of a pass at a quality. */
function network(pass, tables, prefix, low, part) {
  const layer = (name) => {
    const { values: weights, shape } = tables[`${prefix}${name}_weights`];
    const bias = tables[`${prefix}${name}_bias`];
    return {
      weights, outputs: shape[1], multiplier: tables[`${prefix}${name}_multiplier`].values,
      bias: bias.shape.length > 1 ? between(bias, low, part) : bias.values,
    };
  };
  return {
    pass, field: layer("field"), hidden: layer("hidden"), out: layer("out"),
    linear: tables[`${prefix}linear`]?.values, offsets: between(tables[`${prefix}scale_offsets`], low, part),
  };
}
