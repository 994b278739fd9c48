// Put into the live page by its test: drives it as a reader would, and posts to the server what it shows.
const post = (name, body) => fetch(`/posted/${name}`, { method: "POST", body });
const found = (id) => document.getElementById(id);
async function until(id, pattern) {
  for (;;) {
    if (pattern.test(found(id).textContent)) return found(id).textContent;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
const fetchedFile = async (path) => new File([await (await fetch(path)).blob()], path.slice(1));
function give(tab, file) {
  const input = document.querySelector(`[data-source=${tab}] input`), transfer = new DataTransfer();
  transfer.items.add(file);
  input.files = transfer.files;
  input.dispatchEvent(new Event("change"));
}
const drawn = (id) => {
  const canvas = found(id);
  return canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
};

addEventListener("error", (event) => post("error", event.message));
addEventListener("unhandledrejection", (event) => post("error", String(event.reason)));
addEventListener("load", async () => {
  while (!document.body.dataset.ready) await new Promise((resolve) => setTimeout(resolve, 50));
  await post("opened", "");
  for (const path of ["/photo.png", "/photo.png", "/tall.png"]) { // the second time, networks are at hand
    found("compress-status").textContent = "";
    give("compress", await fetchedFile(path));
    await until("compress-status", /pixels at quality/);
    const name = path.slice(1, -4);
    await post(`${name}.zoo`, await (await fetch(found("download").href)).blob());
    await post(`${name}.rgba`, drawn("restored"));
    await post(`${name}.seconds`, found("seconds").textContent);
    await post(`${name}.rows`, found("rows").innerText);
  }
  give("compress", await fetchedFile("/grey.zoo"));
  await until("compress-status", /quality 5\.5/);
  await post("grey.rgba", drawn("restored"));
  for (const path of ["/text.png", "/damaged.zoo", "/text.zoo", "/huge.png"]) {
    found("compress-status").textContent = "";
    give("compress", await fetchedFile(path));
    await until("compress-status", /^(?!Opening|Compressing).*\./);
    await post(`${path.slice(1)}.said`, found("compress-status").textContent);
  }
  found("compress-status").textContent = "";
  document.querySelector("[data-source=compress] .camera").click();
  await until("compress-status", /\./);
  await post("camera.said", found("compress-status").textContent);
  await post("gpu.said", found("gpu-choice").textContent);
  found("tab-denoise").click();
  give("denoise", await fetchedFile("/odd.png"));
  await until("denoise-status", /pixels in/);
  await post("odd.rgba", drawn("clean"));
  const { engine, pixels } = await import("./js/page.js");
  const photo = await pixels(await fetchedFile("/photo.png"), "photo.png");
  await post("unnamed.zoo", (await engine("compress", photo, 2.75, "", "wasm")).file);
  const code = Float32Array.from({ length: 10 }, (_, at) => at / 5 - 1);
  await post("digit.f32", await engine("digit", code));
  await post("code.f32", await engine("code", Float32Array.from({ length: 784 }, (_, at) => (at % 28) / 28)));
  await post("generated.f32", (await engine("generate", [Float32Array.from({ length: 64 }, (_, at) => at / 32 - 1)]))[0]);
  await post("done", "");
});
