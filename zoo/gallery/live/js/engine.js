/** What the page's worker does: compress, open, denoise, and digits. Pictures are RGBA, as a canvas has them. */

import { CodecError } from "./bytes.js";
import { QUALITY_STEPS, read, written } from "./container.js";
import { fetched, Networks } from "./networks.js";
import { checkSize, PATCH, PhotoCodec, ROWS } from "./photo_codec.js";
import { arrays, even } from "./tables.js";

const ENCODER_MARGIN = 2, DECODER_MARGIN = 8, TILE_COLUMNS = 64; // positions, as in Python
const models = new URL("../models/", import.meta.url);

/** @typedef {{width: number, height: number, data: Uint8ClampedArray}} Rgba */

/** @template T @param {() => Promise<T>} make @returns {() => Promise<T>} the same each time, unless it failed. */
const once = (make) => {
  let found = null;
  return () => (found ??= make().catch((error) => ((found = null), Promise.reject(error))));
};

const about = once(async () => JSON.parse(new TextDecoder().decode(await fetched(new URL("models.json", models)))));
const networks = once(async () => new Networks(models, (await about()).networks));
const tables = once(async () => {
  const [index, content] = await Promise.all(
    ["tables.json.gz", "tables.bin.gz"].map((name) => fetched(new URL(name, models))),
  );
  return arrays(JSON.parse(new TextDecoder().decode(index)), content);
});

export async function hasGpu() {
  return (await networks()).hasGpu();
}

/**
 * A photograph to a .zoo file, and what it restores to.
 * @param {Rgba} picture
 * @param {number} quality 1 to 8, in steps of 1/64.
 * @param {string} name of the picture, without extension; empty for none.
 * @param {"wasm"|"webgpu"} accelerator of the decoder; the encoder's integers are WebAssembly's.
 * @returns {Promise<{file: Uint8Array, restored: Rgba, seconds: Object<string, number>}>}
 */
export async function compress(picture, quality, name, accelerator) {
  const codec = new PhotoCodec(await tables(), Math.round(quality * QUALITY_STEPS));
  const { model, fingerprint, scale } = (await about()).photographs;
  const rgb = { ...picture, pixels: withoutAlpha(picture.data) };
  const clock = stopwatch();
  const strips = [];
  for (let top = 0; top < picture.height; top += ROWS) {
    const height = Math.min(ROWS, picture.height - top);
    strips.push(await codec.symbols(rgb, top, height, (strip) => corrections(strip, height, codec.channels, scale)));
  }
  clock.lap("encode");
  const words = strips.map((symbols) => codec.pack(symbols));
  const section = { count: 1, height: picture.height, width: picture.width, channels: 3 };
  const names = name ? [{ count: 1, name }] : [];
  const header = { model, fingerprint, tileHeight: ROWS, quality: codec.quality, sections: [section], names };
  const file = written(header, words);
  clock.lap("entropy code");
  const restored = await rendered(codec, [strips], picture, accelerator);
  clock.lap("restore");
  return { file, restored, seconds: clock.seconds };
}

/**
 * A picture of a .zoo file.
 * @param {Uint8Array} data @param {string} name of the file, for messages. @param {number} index of the picture.
 * @param {"wasm"|"webgpu"} accelerator
 */
export async function open(data, name, index, accelerator) {
  const [{ header, pictures }, { photographs }] = await Promise.all([read(data, name), about()]);
  if (header.model !== photographs.model) {
    throw new CodecError(`${name} was written by ${header.model}, which this page lacks: use \`zoo decompress\`.`);
  }
  if (header.fingerprint !== photographs.fingerprint) {
    throw new CodecError(`${name} was written by another version of ${header.model}: use the zoo that wrote it.`);
  }
  const picture = pictures[index];
  checkSize(picture, name);
  if (picture.channels === 2 || picture.channels > 4) {
    throw new CodecError(`${name} has ${picture.channels} channels, which no screen shows: use \`zoo decompress\`.`);
  }
  const codec = new PhotoCodec(await tables(), header.quality);
  const strips = picture.strips.map((words, at) => {
    try {
      return codec.unpack(words, Math.min(ROWS, picture.height - ROWS * at), picture.width, picture.channels);
    } catch (error) {
      if (error instanceof CodecError) error.message = `${name}, strip ${at + 1} of its picture: ${error.message}.`;
      throw error;
    }
  });
  const layers = strips[0].map((_, layer) => strips.map((strip) => strip[layer]));
  const restored = await rendered(codec, layers, picture, accelerator);
  return { restored, names: pictures.map((found) => found.name), quality: header.quality / QUALITY_STEPS };
}

/** The encoder's output without its zero point, of every position of a strip, as zoo/codec/coders/latents.py cuts it. */
async function corrections({ picture, top, rows, columns }, height, channels, scale) {
  const halo = ENCODER_MARGIN * PATCH;
  const above = Math.min(halo, top), below = Math.min(halo, picture.height - top - height);
  const seen = above + rows * PATCH + Math.floor(below / PATCH) * PATCH;
  const result = new Int16Array(rows * columns * channels);
  for (const { start, stop, before, after } of tiles(columns, ENCODER_MARGIN)) {
    const width = (stop + after - start + before) * PATCH;
    const input = patch(picture, top - above, (start - before) * PATCH, seen, width);
    const output = await (await networks()).run("encoder", [[1, seen, width, 3]], [input]);
    copy(output, width / PATCH, above / PATCH, before, result, columns, 0, start, rows, stop - start, channels, (value) =>
      Math.round(value / scale),
    );
  }
  return result;
}

/** Levels as float32 in [0, 1]; beyond its edges a picture repeats its last row and column. */
function patch({ pixels, width, height }, top, left, rows, columns) {
  const values = new Float32Array(rows * columns * 3);
  for (let y = 0, at = 0; y < rows; y++) {
    const row = Math.min(height - 1, top + y) * width;
    for (let x = 0; x < columns; x++) {
      const from = (row + Math.min(width - 1, left + x)) * 3;
      for (let channel = 0; channel < 3; channel++) values[at++] = pixels[from + channel] / 255;
    }
  }
  return values;
}

/** Copies a part of an array of rows and columns into another. */
function copy(from, fromWidth, fromTop, fromLeft, to, toWidth, toTop, toLeft, rows, columns, channels, change) {
  for (let row = 0; row < rows; row++) {
    const source = ((fromTop + row) * fromWidth + fromLeft) * channels;
    const target = ((toTop + row) * toWidth + toLeft) * channels;
    for (let at = 0; at < columns * channels; at++) to[target + at] = change(from[source + at]);
  }
}

function* tiles(columns, margin) {
  for (let start = 0; start < columns; start += TILE_COLUMNS) {
    const stop = Math.min(columns, start + TILE_COLUMNS);
    yield { start, stop, before: Math.min(margin, start), after: Math.min(margin, columns - stop) };
  }
}

/**
 * The pixels of a picture's symbols.
 * @param {PhotoCodec} codec
 * @param {import("./photo_codec.js").Symbols[][]} layers strips of the colour, and of each other channel.
 */
async function rendered(codec, layers, { width, height, channels = 3 }, accelerator) {
  const data = new Uint8ClampedArray(width * height * 4).fill(255);
  for (const [layer, strips] of layers.entries()) {
    const columns = strips[0].columns, pixels = await layerPixels(codec, strips, accelerator);
    const colour = channels >= 3 && layer === 0;
    for (let y = 0, at = 0; y < height; y++) {
      for (let x = 0; x < width; x++, at += 4) {
        const from = (y * columns * PATCH + x) * 3;
        const grey = Math.floor((pixels[from] + pixels[from + 1] + pixels[from + 2] + 1) / 3);
        if (colour) data.set(pixels.subarray(from, from + 3), at);
        else if (channels >= 3) data[at + 3] = grey;
        else data.fill(grey, at, at + 3);
      }
    }
  }
  return { width, height, data };
}

async function layerPixels(codec, strips, accelerator) {
  const { channels, restoredSteps, bias } = codec, { columns } = strips[0];
  const total = strips.reduce((sum, strip) => sum + strip.rows, 0);
  const symbols = new Int16Array(total * columns * channels);
  strips.forEach(({ values }, at) => symbols.set(values, ((at * ROWS) / PATCH) * columns * channels));
  const pixels = new Uint8Array(total * columns * PATCH ** 2 * 3);
  let top = 0;
  for (const { rows } of strips) {
    const above = Math.min(DECODER_MARGIN, top), below = Math.min(DECODER_MARGIN, total - top - rows);
    for (const { start, stop, before, after } of tiles(columns, DECODER_MARGIN)) {
      const shape = [1, above + rows + below, before + stop - start + after, channels];
      const input = new Float32Array(shape[1] * shape[2] * channels);
      copy(symbols, columns, top - above, start - before, input, shape[2], 0, 0, shape[1], shape[2], channels, Number);
      for (let at = 0; at < input.length; at++) input[at] *= restoredSteps[at % channels];
      const shapes = [shape, [1, 1, 1, channels]];
      const output = await (await networks()).run("decoder", shapes, [input, bias], accelerator);
      const [y, x, h, w] = [above, before, rows, stop - start].map((side) => side * PATCH);
      copy(output, shape[2] * PATCH, y, x, pixels, columns * PATCH, top * PATCH, start * PATCH, h, w, 3, level);
    }
    top += rows;
  }
  return pixels;
}

const level = (value) => even(Math.fround(Math.min(Math.max(value, 0), 1) * 255));

function withoutAlpha(data) {
  const pixels = new Uint8Array((data.length / 4) * 3);
  for (let from = 0, at = 0; from < data.length; from += 4) {
    for (let channel = 0; channel < 3; channel++) pixels[at++] = data[from + channel];
  }
  return pixels;
}

function stopwatch() {
  const seconds = {};
  let last = performance.now();
  return { seconds, lap: (name) => ((seconds[name] = (performance.now() - last) / 1000), (last = performance.now())) };
}

/**
 * A photograph without noise, as zoo/denoising/photographs.py does it.
 * @param {Rgba} picture @param {number} strength 0 to 2. @param {"wasm"|"webgpu"} accelerator
 * @returns {Promise<Rgba>}
 */
export async function denoise({ width, height, data }, strength, accelerator) {
  const { halo, stride, tile, whole } = (await about()).denoiser;
  const side = width * height > whole ? tile : Math.max(width, height);
  const isGrey = data.every((value, at) => at % 4 === 3 || at % 4 === 0 || value === data[at - 1]);
  const result = data.slice();
  for (let top = 0; top < height; top += side) {
    for (let left = 0; left < width; left += side) {
      const rows = around(top, Math.min(top + side, height), height, halo, stride);
      const columns = around(left, Math.min(left + side, width), width, halo, stride);
      const input = new Float32Array(rows.length * columns.length * 3);
      let at = 0;
      for (const row of rows) {
        for (const column of columns) {
          for (let channel = 0; channel < 3; channel++) input[at++] = data[(row * width + column) * 4 + channel] / 255;
        }
      }
      const shape = [1, rows.length, columns.length, 3];
      const output = await (await networks()).run("denoiser", [shape], [input], accelerator);
      for (let y = top; y < Math.min(top + side, height); y++) {
        for (let x = left; x < Math.min(left + side, width); x++) {
          const from = ((y - Math.max(0, top - halo)) * columns.length + x - Math.max(0, left - halo)) * 3;
          const found = isGrey ? Array(3).fill((output[from] + output[from + 1] + output[from + 2]) / 3) : null;
          for (let channel = 0; channel < 3; channel++) {
            const seen = input[from + channel], clean = found ? found[channel] : output[from + channel];
            result[(y * width + x) * 4 + channel] = level(Math.fround(seen + strength * (clean - seen)));
          }
        }
      }
    }
  }
  return { width, height, data: result };
}

/** Places along an axis that a tile is computed from, in whole strides; beyond its end a picture is mirrored. */
function around(start, stop, side, halo, stride) {
  const first = Math.max(0, start - halo), last = Math.min(side, stop + halo);
  const period = Math.max(1, 2 * side - 2);
  return Array.from({ length: Math.ceil((last - first) / stride) * stride }, (_, at) => {
    const place = (first + at) % period;
    return place < side ? place : period - place;
  });
}

/** The code of a digit, 28 × 28 numbers in [0, 1]. @param {Float32Array} digit @returns {Promise<Float32Array>} */
export async function code(digit) {
  return (await networks()).run("digits_encoder", [[1, 28, 28, 1]], [digit]);
}

/** The digit of a code. @param {Float32Array} numbers @returns {Promise<Float32Array>} */
export async function digit(numbers) {
  return (await networks()).run("digits_decoder", [[1, numbers.length]], [numbers]);
}

/** Images that a GAN draws from noise, each 28 × 28. @param {Float32Array[]} noise @returns {Promise<Float32Array[]>} */
export async function generate(noise) {
  const images = [];
  for (const numbers of noise) {
    images.push(await (await networks()).run("generator", [[1, numbers.length]], [numbers]));
  }
  return images;
}
