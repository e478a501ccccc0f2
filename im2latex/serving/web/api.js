// What the page asks of the server, computed in the browser: this file replaces api.js of the served page.

import temml from "../packages/temml/temml.mjs";

const worker = new Worker(new URL("../reader/worker.js", import.meta.url), { type: "module" });
const waiting = new Map();
let last = 0;

worker.addEventListener("message", ({ data: { number, result, error } }) => {
  const { resolve, reject } = waiting.get(number) ?? {};
  waiting.delete(number);
  if (error) reject?.(Object.assign(new Error(error.message), { reason: error.reason }));
  else resolve?.(result);
});
worker.addEventListener("error", () => {
  for (const { reject } of waiting.values()) reject(new Error("The model does not start. Load the page again."));
  waiting.clear();
});

export function predict(blob, { attention = false }, signal) {
  return new Promise((resolve, reject) => {
    const number = ++last;
    waiting.set(number, { resolve, reject });
    signal?.addEventListener("abort", () => {
      waiting.delete(number);
      reject(new DOMException("A later image replaces it.", "AbortError"));
    });
    worker.postMessage({ number, blob, attention });
  });
}

export async function pdfPage() {
  throw new Error("This page reads no PDF. Paste a part of it as an image.");
}

export async function render() {
  throw new Error("This page renders no images.");
}

// The formula as MathML, the only format that the page cannot write itself.
export async function convertFormat(latex) {
  try {
    return temml.renderToString(latex, { displayMode: true, xml: true, throwOnError: true });
  } catch (error) {
    throw new Error(`The formula cannot be rendered: ${error.message.split(" at position ")[0]}`);
  }
}

export async function health() {
  return { rendering: false };
}
