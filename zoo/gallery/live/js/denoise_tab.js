/** The tab that takes noise out of photographs. */

import { draw, element, engine, latest, pixels, sources } from "./page.js";

const NOISE = 25; // standard deviation, in levels
let picture = null;

/** A picture with noise, the same each time. */
function noisy({ width, height, data }) {
  let state = 1;
  const uniform = () => ((state = (Math.imul(state, 1664525) + 1013904223) >>> 0) + 1) / 4294967297;
  const normal = () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
  return { width, height, data: data.map((value, at) => (at % 4 === 3 ? value : value + NOISE * normal())) };
}

const denoised = latest("denoise-status", async () => {
  const seen = element("noise").checked ? noisy(picture) : picture;
  draw(element("noisy"), seen);
  element("denoise-status").textContent = "Denoising … the first picture waits for the network.";
  const start = performance.now();
  draw(element("clean"), await engine("denoise", seen, element("strength").valueAsNumber, "wasm"));
  element("denoise-result").hidden = false;
  const seconds = (performance.now() - start) / 1000;
  element("denoise-status").textContent = `${seen.width} × ${seen.height} pixels in ${seconds.toFixed(1)} s.`;
});

export function startDenoise() {
  sources(
    "denoise",
    latest("denoise-status", async (file, name) => {
      picture = await pixels(file, name);
      await denoised();
    }),
  );
  const slider = element("strength");
  slider.addEventListener("input", () => (element("strength-shown").textContent = slider.value));
  for (const control of [slider, element("noise")]) control.addEventListener("change", () => picture && denoised());
}
