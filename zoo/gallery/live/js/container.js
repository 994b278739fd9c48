/**
 * The container of photographs in strips, version 3 of zoo/codec/FORMAT.md: its header, and its checksummed chunks.
 * Nothing here knows a model: a chunk is a run of 32-bit words.
 */

import { CodecError, Cursor, crc32, deflated, joined, text, varint, word } from "./bytes.js";

const MAGIC = Uint8Array.of(0x89, 0x5a, 0x4f, 0x4f, 0x0d, 0x0a, 0x1a, 0x0a);
const VERSION = 3;
const [NAMED, CODED, PROBED, QUALITY] = [1, 2, 4, 8];
const MOST_NAMES = 2 ** 24, MOST_PROFILES = 2 ** 22; // bytes
const MOST_SAMPLES = 2 ** 30; // of a strip
/** Steps to one of a model's qualities. */
export const QUALITY_STEPS = 64;

/**
 * @typedef {Object} Section A run of pictures of one shape.
 * @property {number} count
 * @property {number} height
 * @property {number} width
 * @property {number} channels
 *
 * @typedef {Object} Header
 * @property {string} model name of the model that wrote the file.
 * @property {string} fingerprint 16 hexadecimal digits, of the model's tables.
 * @property {number} tileHeight rows of a strip.
 * @property {number} quality in 64ths.
 * @property {Section[]} sections
 * @property {{count: number, name: string}[]} names of the inputs; none where they were not kept.
 *
 * @typedef {Object} Picture
 * @property {string} name
 * @property {number} height
 * @property {number} width
 * @property {number} channels
 * @property {Uint32Array[]} strips words of each, from the top.
 */

/**
 * A file of one picture.
 * @param {Header} header
 * @param {Uint32Array[]} chunks words of each strip.
 * @returns {Uint8Array}
 */
export function written(header, chunks) {
  const [flags, names] = header.names.length ? [QUALITY | NAMED, [packedNames(header.names)]] : [QUALITY, []];
  const body = joined(
    text(header.model), header.fingerprint.match(/../g).map((digits) => parseInt(digits, 16)), text("image"),
    varint(header.tileHeight), varint(0), varint(1), [4, flags], varint(header.quality), varint(0),
    varint(header.sections.length),
    ...header.sections.flatMap((s) => [s.count, s.height, s.width, s.channels, 8, 0].map(varint)), ...names,
  );
  const start = joined(MAGIC, [VERSION], varint(body.length), body);
  const seed = crc32(start);
  const parts = chunks.map((words, index) => {
    const data = new Uint8Array(Uint32Array.from(words).buffer);
    return joined(varint(words.length), data, word(chunkCrc(seed, index, chunks.length, data)));
  });
  return joined(start, word(seed), ...parts);
}

/**
 * What a file holds, each byte checked.
 * @param {Uint8Array} data
 * @param {string} name of the file, for messages.
 * @returns {Promise<{header: Header, pictures: Picture[]}>} the header is the first container's.
 * @throws {CodecError} if it is damaged, or holds something else than photographs in strips.
 */
export async function read(data, name) {
  if (!data.length) throw new CodecError(`${name} is empty: expected a .zoo file.`);
  const pictures = [];
  let at = 0, first = null;
  while (at < data.length) {
    const cursor = new Cursor(data.subarray(at), name, at);
    const { header, seed } = await readHeader(cursor, at > 0);
    first ??= header;
    if (header.model !== first.model || header.fingerprint !== first.fingerprint) {
      throw new CodecError(`${name} holds containers of different models.`);
    }
    pictures.push(...readPictures(cursor, header, seed));
    at += cursor.at;
  }
  return { header: first, pictures };
}

async function readHeader(cursor, appended) {
  const { data, name } = cursor;
  const magic = cursor.take(Math.min(MAGIC.length, cursor.left), "signature");
  if (magic.length < MAGIC.length || magic.some((byte, at) => byte !== MAGIC[at])) {
    if (appended) throw cursor.fault("bytes follow the last chunk: expected the end, or an appended container");
    throw new CodecError(`${name} is not a .zoo file: its first ${MAGIC.length} bytes differ.`);
  }
  const version = cursor.byte("version");
  if (version === 1 || version === 2) {
    throw new CodecError(`${name} is of version ${version}, not photographs in strips: use \`zoo decompress\`.`);
  }
  if (version !== VERSION) throw cursor.fault(`it has version ${version}, this page reads version ${VERSION}`);
  const length = cursor.varint("header length");
  const base = cursor.base + cursor.at;
  const body = cursor.take(length, "header");
  const seed = crc32(data.subarray(0, cursor.at));
  if (cursor.word("header CRC") !== seed) throw cursor.fault("the header's CRC-32 does not match: the file is corrupt");
  return { header: await fields(new Cursor(body, name, base)), seed };
}

/** @param {Cursor} cursor @returns {Promise<Header>} */
async function fields(cursor) {
  const model = cursor.text("model name");
  const fingerprint = [...cursor.take(8, "fingerprint")].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const medium = cursor.text("medium");
  const tileHeight = cursor.varint("tile height", 1, 4096), tileWidth = cursor.varint("tile width", 0, 4096);
  const perChunk = cursor.varint("tiles per chunk", 1, 1 << 16);
  cursor.between(cursor.byte("axes"), "axes", 2, 4);
  const flags = cursor.between(cursor.byte("flags"), "flags", 0, NAMED | CODED | PROBED | QUALITY);
  if (medium !== "image" || tileWidth || perChunk !== 1 || !(flags & QUALITY) || flags & (CODED | PROBED)) {
    throw new CodecError(`${cursor.name} was written by ${model}, which this page lacks: use \`zoo decompress\`.`);
  }
  const quality = cursor.varint("quality", QUALITY_STEPS, 1 << 16);
  let room = MOST_PROFILES;
  const profiles = cursor.varint("number of profiles", 0, Math.floor(cursor.left / 3));
  for (let at = 0; at < profiles; at++) room -= (await cursor.inflated("profile", room)).length;
  const sections = readSections(cursor, tileHeight, profiles);
  const total = sections.reduce((sum, section) => sum + section.count, 0);
  const names = flags & NAMED ? await readNames(cursor, total) : [];
  if (cursor.left) throw cursor.fault(`${cursor.left} bytes of the header are left over`);
  return { model, fingerprint, tileHeight, quality, sections, names };
}

function readSections(cursor, tileHeight, profiles) {
  const sections = [];
  const most = Math.max(1, Math.floor(cursor.left / 6));
  for (let left = cursor.varint("number of sections", 1, most); left; left--) {
    const [count, height, width] = ["pictures", "height", "width"].map((what) => cursor.varint(what, 1, 2 ** 31));
    const channels = cursor.varint("channels", 1, 1 << 16);
    if (Math.min(height, tileHeight) * width * channels > MOST_SAMPLES) throw cursor.fault("a picture is too large");
    if (cursor.varint("depth") !== 8) throw cursor.fault("levels have other than 8 bits");
    cursor.varint("number of the profile", 0, profiles);
    sections.push({ count, height, width, channels });
  }
  return sections;
}

/** @param {Cursor} cursor @param {number} pictures @returns {Promise<{count: number, name: string}[]>} */
async function readNames(cursor, pictures) {
  const inner = new Cursor(await cursor.inflated("names", MOST_NAMES), "names of the container");
  const names = [];
  while (inner.left) names.push({ count: inner.varint("pictures of an input", 1), name: inner.text("name of an input") });
  const named = names.reduce((sum, entry) => sum + entry.count, 0);
  if (named !== pictures) throw cursor.fault(`the names are for another number of pictures than ${pictures}`);
  return names;
}

function packedNames(names) {
  return deflated(joined(...names.flatMap(({ count, name }) => [varint(count), text(name)])));
}

function readPictures(cursor, header, seed) {
  const stripsOf = (section) => Math.ceil(section.height / header.tileHeight);
  const total = header.sections.reduce((sum, section) => sum + section.count * stripsOf(section), 0);
  if (total * 5 > cursor.left) {
    throw cursor.fault(`${cursor.left} bytes are left: too few for the ${total} chunks that the header announces`);
  }
  const pictures = [];
  let index = 0;
  for (const { count, ...shape } of header.sections) {
    for (let picture = 0; picture < count; picture++) {
      const strips = [];
      for (let left = stripsOf(shape); left; left--, index++) strips.push(readChunk(cursor, seed, index, total));
      pictures.push({ ...shape, strips, name: "" });
    }
  }
  const inputs = header.names.length ? header.names : [{ count: pictures.length, name: "picture" }];
  const labels = inputs.flatMap(({ count, name }) =>
    Array.from({ length: count }, (_, at) => (count > 1 ? `${name}_${`${at}`.padStart(`${count - 1}`.length, "0")}` : name)),
  );
  pictures.forEach((picture, at) => (picture.name = labels[at]));
  return pictures;
}

function readChunk(cursor, seed, index, total) {
  const where = `chunk ${index + 1} of ${total} at byte ${cursor.base + cursor.at}`;
  const count = cursor.varint(`${where}: its length`);
  const data = cursor.take(4 * count, where);
  if (cursor.word(`${where}: its CRC`) !== chunkCrc(seed, index, total, data)) {
    throw cursor.fault(`${where} is corrupt: its CRC-32 does not match`);
  }
  return new Uint32Array(data.slice().buffer);
}

function chunkCrc(seed, index, total, data) {
  return crc32(data, crc32(joined(word(index, 8), word(total, 8)), seed));
}
