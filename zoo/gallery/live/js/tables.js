/** Arrays of a model: a JSON index of names, types, shapes and places, and one run of bytes. */

const TYPES = { int8: Int8Array, int16: Int16Array, int32: Int32Array, uint32: Uint32Array, float32: Float32Array, float64: Float64Array };

/**
 * @typedef {Object} Table
 * @property {number[]} shape
 * @property {Float64Array} values of whatever type they were stored in: each is exact in float64.
 */

/**
 * @param {Object<string, {type: string, shape: number[], offset: number}>} index
 * @param {ArrayBuffer} content
 * @returns {Object<string, Table>}
 */
export function arrays(index, content) {
  return Object.fromEntries(
    Object.entries(index).map(([name, { type, shape, offset }]) => {
      const count = shape.reduce((product, side) => product * side, 1);
      return [name, { shape, values: Float64Array.from(new TYPES[type](content, offset, count)) }];
    }),
  );
}

/** Rounds to the nearest, halves to the even one, as NumPy does. @param {number} value */
export function even(value) {
  const low = Math.floor(value), rest = value - low;
  return rest < 0.5 || (rest === 0.5 && low % 2 === 0) ? low : low + 1;
}
