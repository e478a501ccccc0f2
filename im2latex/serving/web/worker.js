// The worker that reads images, so that the page stays responsive. It loads the model when it starts.

import * as ort from "../packages/onnxruntime-web/ort.wasm.bundle.min.mjs";
import { Reader } from "./reader.js";

ort.env.wasm.wasmPaths = {
  wasm: new URL("../packages/onnxruntime-web/ort-wasm-simd-threaded.wasm", import.meta.url).href,
};
const reader = Reader.load(ort, load);
reader.catch(() => {}); // each image reports it
let queue = reader;

addEventListener("message", ({ data }) => {
  queue = queue.catch(() => {}).then(() => answer(data));
});

async function load(name) {
  const response = await fetch(new URL(`../model/${name}`, import.meta.url));
  if (!response.ok) throw new Error(`The file ${name} of the model is missing. Copy the whole exported folder.`);
  return new Uint8Array(await response.arrayBuffer());
}

async function answer({ number, blob, attention }) {
  try {
    const start = performance.now();
    const prediction = await (await reader).predict(await decode(blob), { attention });
    const image = attention ? await dataUrl(prediction.page) : null;
    const seconds = (performance.now() - start) / 1000;
    postMessage({ number, result: { ...prediction, page: null, image, seconds } });
  } catch ({ message, reason }) {
    postMessage({ number, error: { message, reason } });
  }
}

// Pixels in RGBA, as they are in the file.
async function decode(blob) {
  const bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  const pen = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d", { willReadFrequently: true });
  pen.drawImage(bitmap, 0, 0);
  return pen.getImageData(0, 0, bitmap.width, bitmap.height);
}

async function dataUrl({ height, width, data }) {
  const pixels = new ImageData(width, height);
  data.forEach((gray, place) => pixels.data.set([gray, gray, gray, 255], 4 * place));
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  return new FileReaderSync().readAsDataURL(await canvas.convertToBlob());
}
