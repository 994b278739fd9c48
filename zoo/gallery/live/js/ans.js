/**
 * Asymmetric numeral systems as in constriction: words of 32 bits, probabilities of 24. The state of 64 bits is two
 * halves, `high · 2^32 + low`; every number below stays under 2^53 and is exact.
 */

import { CodecError } from "./bytes.js";

const WORD = 2 ** 32;

/** A stack of symbols: what is put on last is taken off first. */
export class Encoder {
  #words = new Uint32Array(1024);
  #count = 0;
  #high = 0;
  #low = 0;

  /** @param {number} start of the symbol's range, of 2^24. @param {number} size of the range, at least 1. */
  put(start, size) {
    if (this.#high >= size * 256) {
      this.#push(this.#low);
      this.#low = this.#high;
      this.#high = 0;
    }
    // A long division of the state by `size`, in digits of 32, 16 and 16 bits.
    const first = Math.floor(this.#high / size);
    let rest = (this.#high % size) * 65536 + (this.#low >>> 16);
    const second = Math.floor(rest / size);
    rest = (rest % size) * 65536 + (this.#low & 0xffff);
    const quotient = first * WORD + second * 65536 + Math.floor(rest / size);
    this.#high = Math.floor(quotient / 256);
    this.#low = (quotient % 256) * 2 ** 24 + (rest % size) + start;
  }

  /** @returns {Uint32Array} the words of all that was put. */
  finish() {
    for (let state = [this.#low, this.#high]; state[0] || state[1]; state = [state[1], 0]) this.#push(state[0]);
    return this.#words.slice(0, this.#count);
  }

  #push(word) {
    if (this.#count === this.#words.length) {
      const grown = new Uint32Array(2 * this.#count);
      grown.set(this.#words);
      this.#words = grown;
    }
    this.#words[this.#count++] = word;
  }
}

/** Takes symbols off. */
export class Decoder {
  #words;
  #left;
  #high = 0;
  #low = 0;

  /** @param {Uint32Array} words @throws {CodecError} if the last is 0, which no encoder writes. */
  constructor(words) {
    if (words.length && !words[words.length - 1]) throw new CodecError("its words are no stream: the last one is 0");
    this.#words = words;
    this.#left = words.length;
    for (let shifts = 0; shifts < 2 && !this.#high && this.#left; shifts++) this.#pull();
  }

  get isEmpty() {
    return !this.#left && !this.#high && !this.#low;
  }

  /**
   * The next symbol.
   * @param {Uint32Array} cumulative where the range of each begins, of 2^24, and 2^24 at the end.
   * @returns {number}
   */
  take(cumulative) {
    const place = this.#low % 2 ** 24;
    let symbol = 0, beyond = cumulative.length - 1;
    while (beyond - symbol > 1) {
      const middle = (symbol + beyond) >> 1;
      if (cumulative[middle] <= place) symbol = middle;
      else beyond = middle;
    }
    this.#advance(place - cumulative[symbol], cumulative[symbol + 1] - cumulative[symbol]);
    return symbol;
  }

  /** A digit of 16 bits, each as probable as any other. */
  digit() {
    const place = this.#low % 2 ** 24;
    this.#advance(place & 0xff, 256);
    return place >> 8;
  }

  #advance(rest, size) {
    // size · floor(state / 2^24), of 40 bits, in two digits of 20.
    const upper = Math.floor(this.#high / 4096);
    const lower = (this.#high % 4096) * 256 + (this.#low >>> 24);
    const product = size * upper;
    const low = (product % 4096) * 2 ** 20 + size * lower + rest;
    this.#high = Math.floor(product / 4096) + Math.floor(low / WORD);
    this.#low = low % WORD;
    if (!this.#high && this.#left) this.#pull();
  }

  #pull() {
    this.#high = this.#low;
    this.#low = this.#words[--this.#left];
  }
}
