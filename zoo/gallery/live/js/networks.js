/** Networks of the zoo on LiteRT.js: in WebAssembly, or on WebGPU where the caller asks for it. */

import { getWebGpuDevice, loadAndCompile, loadLiteRt, supportsFeature, Tensor } from "../litert/index.js";

const MOST_OPEN = 6; // networks of some size that are kept

/**
 * A file, unpacked where it arrives as gzip; some servers do so themselves.
 * @param {string|URL} url
 * @returns {Promise<ArrayBuffer>}
 */
export async function fetched(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} cannot be fetched: the server says ${response.status}.`);
  const data = await response.arrayBuffer();
  const [first, second] = new Uint8Array(data, 0, Math.min(2, data.byteLength));
  if (first !== 0x1f || second !== 0x8b) return data;
  return new Response(new Blob([data]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

/** Networks by their names in the index of the page. */
export class Networks {
  #files = new Map();
  #open = new Map();
  #runtime = null;

  /** @param {URL} models folder. @param {Object<string, {inputs: number[][], heights: number[]}>} index */
  constructor(models, index) {
    Object.assign(this, { models, index });
  }

  /** Whether there is a graphics processor that WebGPU reaches. */
  async hasGpu() {
    await this.#started();
    return Boolean(getWebGpuDevice());
  }

  /**
   * The first output of a network of one example.
   * @param {string} name
   * @param {number[][]} shapes of the inputs, ``[1, height, width, channels]`` or ``[1, numbers]``.
   * @param {Float32Array[]} inputs
   * @param {"wasm"|"webgpu"} [accelerator]
   * @returns {Promise<Float32Array>}
   */
  async run(name, shapes, inputs, accelerator = "wasm") {
    await this.#started();
    const network = await this.#opened(name, shapes[0], accelerator);
    const tensors = inputs.map((values, at) => new Tensor(values, shapes[at]));
    let outputs = [];
    try {
      outputs = await network.run(tensors);
      return Float32Array.from(await outputs[0].data());
    } finally {
      for (const tensor of [...tensors, ...outputs]) if (!tensor.deleted) tensor.delete();
    }
  }

  #started() {
    this.#runtime ??= (async () => {
      const folder = new URL("../litert/", import.meta.url);
      const variant = (await supportsFeature("relaxedSimd")) ? "litert_wasm_internal" : "litert_wasm_compat_internal";
      self.Module = { wasmBinary: await fetched(new URL(`${variant}.wasm.gz`, folder)) };
      await loadLiteRt(new URL(`${variant}.js`, folder).href);
    })().catch((error) => {
      this.#runtime = null; // so that the next call tries again
      throw error;
    });
    return this.#runtime;
  }

  async #opened(name, shape, accelerator) {
    const key = [name, accelerator, ...shape].join(" ");
    let network = this.#open.get(key);
    if (network) this.#open.delete(key); // and put behind the others
    else network = await loadAndCompile(resized(await this.#file(name), this.index[name], shape), { accelerator });
    this.#open.set(key, network);
    for (const [oldest, found] of this.#open) {
      if (this.#open.size <= MOST_OPEN) break;
      this.#open.delete(oldest);
      found.delete();
    }
    return network;
  }

  async #file(name) {
    if (!this.#files.has(name)) {
      this.#files.set(name, new Uint8Array(await fetched(new URL(`${name}.tflite.gz`, this.models))));
    }
    return this.#files.get(name);
  }
}

/**
 * A network's file for an input of other sides: LiteRT.js cannot resize, so the shapes that the file states change.
 * @param {Uint8Array} file
 * @param {{inputs: number[][], heights: number[]}} about where the heights stand, each with its width behind.
 * @param {number[]} shape of the first input.
 */
export function resized(file, { inputs: [own], heights }, shape) {
  if (shape.every((side, axis) => side === own[axis])) return file;
  const copy = file.slice(), view = new DataView(copy.buffer);
  for (const at of heights) {
    for (const axis of [1, 2]) {
      const place = at + 4 * (axis - 1);
      view.setInt32(place, (view.getInt32(place, true) / own[axis]) * shape[axis], true);
    }
  }
  return copy;
}
