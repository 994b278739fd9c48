/** The page: its tabs, its worker, and where pictures come from. */

import { startCompress } from "./compress_tab.js";
import { startDenoise } from "./denoise_tab.js";
import { startDigits } from "./digits_tab.js";
import { checkSize } from "./photo_codec.js";

/** @param {string} id @returns {any} */
export const element = (id) => document.getElementById(id);

const worker = new Worker(new URL("worker.js", import.meta.url));
const waiting = new Map();
let calls = 0;
worker.onmessage = ({ data: { id, result, error } }) => {
  const { resolve, reject } = waiting.get(id);
  waiting.delete(id);
  if (error === undefined) resolve(result);
  else reject(new Error(error));
};
worker.onerror = (event) => {
  for (const { reject } of waiting.values()) reject(new Error(event.message || "The page's worker cannot be loaded."));
  waiting.clear();
};

/** A function of engine.js, in the worker. @param {string} call @param {...any} parameters @returns {Promise<any>} */
export function engine(call, ...parameters) {
  return new Promise((resolve, reject) => {
    waiting.set(++calls, { resolve, reject });
    worker.postMessage({ id: calls, call, parameters });
  });
}

/**
 * Runs one thing at a time: of those asked for meanwhile, the last. What fails is said in the status line.
 * @param {string} status id of the line.
 * @param {(...parameters: any[]) => Promise<void>} work
 */
export function latest(status, work) {
  let busy = false, next = null;
  return async function run(...parameters) {
    if (busy) return void (next = parameters);
    busy = true;
    try {
      await work(...parameters);
    } catch (error) {
      element(status).textContent = error.message;
    }
    busy = false;
    if (next) {
      const asked = next;
      next = null;
      return run(...asked);
    }
  };
}

/** @param {HTMLCanvasElement} canvas @param {{width: number, height: number, data: Uint8ClampedArray}} picture */
export function draw(canvas, { width, height, data }) {
  Object.assign(canvas, { width, height });
  canvas.getContext("2d").putImageData(new ImageData(data, width, height), 0, 0);
}

/** The pixels of a file, a blob or a video. @throws {Error} in words for the reader. */
export async function pixels(source, name) {
  let image;
  try {
    image = await createImageBitmap(source, { colorSpaceConversion: "none" });
  } catch {
    throw new Error(`${name} is no picture that this browser can open: expected a photograph, such as JPEG or PNG.`);
  }
  const { width, height } = image;
  checkSize(image, name);
  const context = new OffscreenCanvas(width, height).getContext("2d", { alpha: false });
  context.drawImage(image, 0, 0);
  image.close();
  return { width, height, data: context.getImageData(0, 0, width, height).data };
}

/**
 * Where a tab's pictures come from: a file that is dropped or chosen, the camera, or the example.
 * @param {string} name of the tab.
 * @param {(file: Blob|HTMLVideoElement, name: string) => void} take
 */
export function sources(name, take) {
  const place = document.querySelector(`[data-source=${name}]`);
  const [drop, input, film, video] = [".drop", "input", ".film", "video"].map((found) => place.querySelector(found));
  const given = (files) => files.length && take(files[0], files[0].name);
  input.addEventListener("change", () => given(input.files));
  for (const [type, over] of [["dragover", true], ["dragleave", false], ["drop", false]]) {
    drop.addEventListener(type, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", over);
      if (type === "drop") given(event.dataTransfer.files);
    });
  }
  place.querySelector(".example").addEventListener("click", async () => {
    take(await (await fetch(new URL("../example.png", import.meta.url))).blob(), "example.png");
  });
  place.querySelector(".camera").addEventListener("click", async () => {
    try {
      if (!navigator.mediaDevices) throw new Error("the browser gives one to pages by https or on localhost only");
      video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
      film.hidden = false;
      await video.play();
    } catch (error) {
      element(`${name}-status`).textContent = `No camera: ${error.message}.`;
    }
  });
  place.querySelector(".take").addEventListener("click", () => {
    take(video, "camera.png");
    for (const track of video.srcObject.getTracks()) setTimeout(() => track.stop(), 500);
    film.hidden = true;
  });
}

function startTabs() {
  const tabs = [...document.querySelectorAll("[role=tab]")];
  const choose = (chosen) => {
    for (const tab of tabs) {
      tab.setAttribute("aria-selected", tab === chosen);
      tab.tabIndex = tab === chosen ? 0 : -1;
      element(tab.getAttribute("aria-controls")).hidden = tab !== chosen;
    }
  };
  tabs.forEach((tab, at) => {
    tab.addEventListener("click", () => choose(tab));
    tab.addEventListener("keydown", ({ key }) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
      if (!step) return;
      const next = tabs[(at + step + tabs.length) % tabs.length];
      choose(next);
      next.focus();
    });
  });
}

startTabs();
startCompress();
startDenoise();
startDigits();
document.body.dataset.ready = "yes";
