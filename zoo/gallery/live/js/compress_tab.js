/** The tab that compresses photographs and opens .zoo files. */

import { draw, element, engine, latest, pixels, sources } from "./page.js";

const numbers = new Intl.NumberFormat("en");
let original = null; // {picture, name}
let fileAddress = null;

const accelerator = () => (element("gpu").checked ? "webgpu" : "wasm");
const say = (text) => (element("compress-status").textContent = text);

/** PSNR in decibels of two pictures of one size. */
function psnr({ data }, other) {
  let sum = 0;
  for (let at = 0; at < data.length; at++) if (at % 4 < 3) sum += (data[at] - other.data[at]) ** 2;
  return 10 * Math.log10((255 ** 2 * data.length * 0.75) / Math.max(sum, 1e-9));
}

/** The file of a format of this browser whose PSNR comes closest; null where the browser cannot write it. */
async function closest(type, picture, wanted) {
  const canvas = new OffscreenCanvas(picture.width, picture.height);
  canvas.getContext("2d").putImageData(new ImageData(picture.data, picture.width, picture.height), 0, 0);
  let best = null, low = 0, high = 100;
  while (low <= high) {
    const quality = (low + high) >> 1;
    const blob = await canvas.convertToBlob({ type, quality: quality / 100 });
    if (blob.type !== type) return null;
    const found = { bytes: blob.size, psnr: psnr(picture, await pixels(blob, type)) };
    if (!best || Math.abs(found.psnr - wanted) < Math.abs(best.psnr - wanted)) best = found;
    if (found.psnr < wanted) low = quality + 1;
    else high = quality - 1;
  }
  return best;
}

function row(format, { bytes, psnr: decibels }, { width, height }) {
  const line = element("rows").insertRow();
  const bits = (8 * bytes) / (width * height);
  for (const text of [format, numbers.format(bytes), bits.toFixed(3), `${decibels.toFixed(2)} dB`]) {
    line.insertCell().textContent = text;
  }
  return line;
}

/** Says why WebAssembly computes. @param {string} reason */
function withoutGpu(reason) {
  Object.assign(element("gpu"), { checked: false, disabled: true });
  element("gpu-note").textContent = `— ${reason}`;
}

async function restoredOn(call, ...parameters) {
  const chosen = accelerator();
  try {
    return await engine(call, ...parameters, chosen);
  } catch (error) {
    if (chosen === "wasm") throw error;
    withoutGpu(`it failed, so WebAssembly computes: ${error.message}`);
    return engine(call, ...parameters, "wasm");
  }
}

const compressed = latest("compress-status", async () => {
  const { picture, name } = original, quality = element("quality").valueAsNumber;
  say("Compressing … the first picture waits for the networks.");
  const { file, restored, seconds } = await restoredOn("compress", picture, quality, name);
  draw(element("original"), picture);
  draw(element("restored"), restored);
  element("original-figure").hidden = element("compress-result").hidden = false;
  const own = { bytes: file.length, psnr: psnr(picture, restored) };
  const times = (picture.width * picture.height * 3) / own.bytes;
  element("restored-caption").textContent = `Restored from ${numbers.format(own.bytes)} bytes, 1/${times.toFixed(0)} of the pixels`;
  element("rows").replaceChildren();
  row(".zoo", own, picture).className = "us";
  offer(file, name);
  const total = Object.values(seconds).reduce((sum, part) => sum + part, 0);
  const parts = Object.entries(seconds).map(([part, time]) => `${part} ${time.toFixed(2)} s`);
  element("seconds").textContent = `${total.toFixed(2)} s here: ${parts.join(", ")}.`;
  element("comparison").hidden = false;
  for (const [label, type] of [["JPEG", "image/jpeg"], ["WebP", "image/webp"]]) {
    const found = await closest(type, picture, own.psnr);
    if (found) row(label, found, picture);
  }
  say(`${name}: ${picture.width} × ${picture.height} pixels at quality ${quality}.`);
});

function offer(file, name) {
  if (fileAddress) URL.revokeObjectURL(fileAddress);
  fileAddress = URL.createObjectURL(new Blob([file]));
  Object.assign(element("download"), { href: fileAddress, download: `${name}.zoo` });
}

const taken = latest("compress-status", async (file, fileName) => {
  if (fileName.endsWith(".zoo")) {
    say(`Opening ${fileName} …`);
    const data = new Uint8Array(await file.arrayBuffer());
    const { restored, names, quality } = await restoredOn("open", data, fileName, 0);
    draw(element("restored"), restored);
    element("compress-result").hidden = false;
    original = null;
    element("original-figure").hidden = element("comparison").hidden = true;
    element("restored-caption").textContent = `${names[0]}, ${restored.width} × ${restored.height} pixels`;
    const others = names.length > 1 ? ` It holds ${names.length} pictures; the first is shown.` : "";
    return void say(`${fileName}: ${numbers.format(data.length)} bytes, quality ${quality}.${others}`);
  }
  original = { picture: await pixels(file, fileName), name: fileName.replace(/\.[^.]*$/, "") };
  await compressed();
});

export function startCompress() {
  sources("compress", taken);
  const slider = element("quality");
  slider.addEventListener("input", () => (element("quality-shown").textContent = slider.value));
  slider.addEventListener("change", () => original && compressed());
  element("gpu").addEventListener("change", async () => {
    if (!(await engine("hasGpu"))) withoutGpu("no graphics processor can be reached: WebAssembly computes");
    else if (original) compressed();
  });
  if (!navigator.gpu) withoutGpu("this browser has no WebGPU: WebAssembly computes");
}
