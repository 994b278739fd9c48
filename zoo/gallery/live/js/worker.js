// Runs engine.js beside the page, so that the page never stands still. A classic worker, as LiteRT.js loads by importScripts.
const engine = import("./engine.js");

onmessage = async ({ data: { id, call, parameters } }) => {
  try {
    postMessage({ id, result: await (await engine)[call](...parameters) });
  } catch (error) {
    postMessage({ id, error: String(error?.message ?? error) });
  }
};
