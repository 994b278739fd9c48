/** The tab of digits: a drawing to a code, a code to a digit, and digits from noise. */

import { element, engine, latest } from "./page.js";

const SIDE = 28, NUMBERS = 10, NOISE = 64, REACH = 3;
const code = new Float32Array(NUMBERS);

/** Grey levels in [0, 1] onto a canvas. */
function show(canvas, levels, left = 0, top = 0) {
  const data = new Uint8ClampedArray(SIDE * SIDE * 4).fill(255);
  levels.forEach((level, at) => data.fill(Math.round(level * 255), at * 4, at * 4 + 3));
  canvas.getContext("2d").putImageData(new ImageData(data, SIDE, SIDE), left, top);
}

/** The drawing as MNIST has its digits: 20 pixels at most on a side, the centre of mass in the middle. */
function drawn(pad) {
  const context = pad.getContext("2d", { willReadFrequently: true });
  const { data, width, height } = context.getImageData(0, 0, pad.width, pad.height);
  let [left, top, right, bottom, mass, x, y] = [width, height, -1, -1, 0, 0, 0];
  for (let at = 0; at < width * height; at++) {
    const level = data[at * 4], [column, row] = [at % width, Math.floor(at / width)];
    if (!level) continue;
    [left, top, right, bottom] = [Math.min(left, column), Math.min(top, row), Math.max(right, column), Math.max(bottom, row)];
    mass += level;
    x += level * column;
    y += level * row;
  }
  if (!mass) return null;
  const scale = 20 / Math.max(right - left + 1, bottom - top + 1);
  const small = new OffscreenCanvas(SIDE, SIDE).getContext("2d", { willReadFrequently: true });
  small.imageSmoothingQuality = "high";
  const [w, h] = [right - left + 1, bottom - top + 1];
  small.drawImage(pad, left, top, w, h, SIDE / 2 - (x / mass - left) * scale, SIDE / 2 - (y / mass - top) * scale, w * scale, h * scale);
  const pixels = small.getImageData(0, 0, SIDE, SIDE).data;
  return Float32Array.from({ length: SIDE * SIDE }, (_, at) => (pixels[at * 4] * pixels[at * 4 + 3]) / 255 ** 2);
}

const decoded = latest("digits-status", async () => show(element("decoded"), await engine("digit", code.slice())));

const encoded = latest("digits-status", async () => {
  const digit = drawn(element("pad"));
  if (!digit) return;
  code.set(await engine("code", digit));
  code.forEach((_, at) => shown(at));
  await decoded();
});

const generated = latest("digits-status", async () => {
  const normal = () => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
  element("digits-status").textContent = "Generating …";
  const noise = Array.from({ length: 16 }, () => Float32Array.from({ length: NOISE }, normal));
  const images = await engine("generate", noise);
  images.forEach((image, at) => show(element("generated"), image, (at % 8) * SIDE, Math.floor(at / 8) * SIDE));
  element("generated").hidden = false;
  element("digits-status").textContent = "";
});

function shown(at) {
  const [slider, output] = element("code").children[at].querySelectorAll("input, output");
  slider.value = code[at];
  output.textContent = code[at].toFixed(2);
}

function startCode() {
  code.forEach((_, at) => {
    const label = document.createElement("label"), slider = document.createElement("input");
    Object.assign(slider, { type: "range", min: -REACH, max: REACH, step: 0.05 });
    label.append(`z${at + 1}`, slider, document.createElement("output"));
    element("code").append(label);
    shown(at);
    slider.addEventListener("input", () => {
      code[at] = slider.valueAsNumber;
      shown(at);
      decoded();
    });
  });
}

function startPad() {
  const pad = element("pad"), context = pad.getContext("2d", { willReadFrequently: true });
  const wipe = () => {
    context.fillStyle = "#000";
    context.fillRect(0, 0, pad.width, pad.height);
  };
  const place = (event) => [(event.offsetX * pad.width) / pad.clientWidth, (event.offsetY * pad.height) / pad.clientHeight];
  wipe();
  Object.assign(context, { strokeStyle: "#fff", lineWidth: 22, lineCap: "round", lineJoin: "round" });
  pad.addEventListener("pointerdown", (event) => {
    pad.setPointerCapture(event.pointerId);
    context.beginPath();
    context.moveTo(...place(event));
  });
  pad.addEventListener("pointermove", (event) => {
    if (!event.buttons) return;
    context.lineTo(...place(event));
    context.stroke();
  });
  pad.addEventListener("pointerup", encoded);
  element("wipe").addEventListener("click", wipe);
}

export function startDigits() {
  startCode();
  startPad();
  element("generate").addEventListener("click", generated);
  element("tab-digits").addEventListener("click", decoded);
}
