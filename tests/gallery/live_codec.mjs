// Opens each .zoo file of a folder as the page does, and writes it again from the symbols: node live_codec.mjs JS TABLES FILES
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [, , code, tablesFolder, folder] = process.argv;
const load = (name) => import(pathToFileURL(`${code}/${name}.js`));
const [{ arrays }, { read, written }, { PhotoCodec }, { CodecError }] = await Promise.all(
  ["tables", "container", "photo_codec", "bytes"].map(load),
);
const index = JSON.parse(readFileSync(`${tablesFolder}/tables.json`, "utf-8"));
const content = readFileSync(`${tablesFolder}/tables.bin`);
const tables = arrays(index, content.buffer.slice(content.byteOffset, content.byteOffset + content.length));
const report = {};
for (const file of readdirSync(folder).filter((name) => name.endsWith(".zoo"))) {
  try {
    const { header, pictures } = await read(new Uint8Array(readFileSync(`${folder}/${file}`)), file);
    const codec = new PhotoCodec(tables, header.quality);
    const strips = pictures.flatMap(({ strips, height, width, channels }) =>
      strips.map((words, at) => codec.unpack(words, Math.min(768, height - 768 * at), width, channels)),
    );
    const again = written(header, strips.map((found) => codec.pack(...found)));
    const symbols = strips.flat().map(({ values }) => Buffer.from(values.buffer));
    writeFileSync(`${folder}/${file}.symbols`, Buffer.concat(symbols));
    writeFileSync(`${folder}/${file}.again`, again);
    report[file] = { names: pictures.map(({ name }) => name), steps: [...codec.steps], restored: [...codec.restoredSteps] };
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    report[file] = { error: error.message };
  }
}
console.log(JSON.stringify(report));
