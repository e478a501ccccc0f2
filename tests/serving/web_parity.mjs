// Runs functions of the page without server in Node.js: node web_parity.mjs MODULES CASES.
//
// MODULES is the folder of the modules, CASES a file of JSON; the results are printed as JSON.

import { readFileSync } from "node:fs";

const [modules, cases] = process.argv.slice(2);
const { pages, formulas, symbols, config } = JSON.parse(readFileSync(cases));
const load = (name) => import(`${modules}/${name}`);
const { preprocess, padToBucket } = await load("images/preprocess.js");
const { analyzeLayout } = await load("images/layout.js");
const { pretty } = await load("latex/pretty.js");
const { joined } = await load("latex/spelling.js");

const found = pages.map(({ height, width, data }) => {
  const pixels = { height, width, data: Uint8ClampedArray.from(Buffer.from(data, "base64")) };
  try {
    const { drawn, toOriginal } = preprocess(pixels, config.input);
    const page = padToBucket(config.shapes, drawn);
    const { reason: layout, boxes } = analyzeLayout(drawn, config.input.font_size);
    const shown = { layout, boxes: boxes.map(toOriginal) };
    return { ...shown, height: page.height, width: page.width, data: Buffer.from(page.data).toString("base64") };
  } catch ({ reason, message }) {
    return { reason: reason ?? message };
  }
});
const spellings = formulas.map((tokens) => pretty(tokens, config.spelling));
const words = symbols.map((one) => joined(one).map(({ token }) => token));
console.log(JSON.stringify({ pages: found, spellings, words }));
