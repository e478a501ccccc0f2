// The page: an image comes in, its reading is shown, compared, chosen from, edited and copied.

import { latest, predict, render } from "./api.js";
import { Attention } from "./attention.js";
import { Crop, WHOLE } from "./crop.js";
import * as images from "./image.js";
import * as readings from "./predictions.js";

const PREVIEW_MS = 250;
const EXAMPLES = [
  ["The quadratic formula", "x = \\frac { - b \\pm \\sqrt { b ^ { 2 } - 4 a c } } { 2 a }"],
  ["A Gaussian integral", "\\int _ { - \\infty } ^ { \\infty } e ^ { - x ^ { 2 } } d x = \\sqrt { \\pi }"],
  ["The Basel problem", "\\sum _ { n = 1 } ^ { \\infty } \\frac { 1 } { n ^ { 2 } } = \\frac { \\pi ^ { 2 } } { 6 }"],
  ["A field equation", "R _ { \\mu \\nu } - \\frac { 1 } { 2 } R g _ { \\mu \\nu } = 8 \\pi G T _ { \\mu \\nu }"],
];

const NOTES = {
  crop: matchMedia("(pointer: coarse)").matches
    ? "To read a part of it, press Crop and draw a box with a finger."
    : "Drag over the image to read a part of it.",
  cropping: "Draw a box, or move it with the arrow keys, resize it with Shift, and press Enter.",
  own: "Choose a token to see where the model looked when it wrote it.",
  other: "The attention is that of the first reading.",
};

const at = (id) => document.getElementById(id);
const attention = new Attention({ seen: at("seen"), heat: at("heat"), chips: at("chips"), play: at("play") });
const crop = new Crop(at("stage"), at("box"), {
  chosen: (area) => readPart(area),
  changed: (active) => {
    at("crop").setAttribute("aria-pressed", active);
    at("crop-note").textContent = active ? NOTES.cropping : NOTES.crop;
  },
});
let canvas = null;
let timer = null;
let best = "";

const ask = latest(predict);
const draw = latest(render);

async function take(blob) {
  clearProblem();
  if (!blob) return;
  try {
    canvas = await images.open(blob);
  } catch (error) {
    showProblem(error);
    return;
  }
  showImage(at("image"), await images.png(canvas));
  await readPart(WHOLE);
}

async function readPart(area) {
  if (!canvas) return;
  clearProblem();
  at("whole").hidden = area === WHOLE;
  if (area === WHOLE) crop.stop();
  at("results").hidden = false;
  setState("reading", "Reading…");
  try {
    const found = await ask(await images.part(canvas, area));
    showReading(found);
    setState("done", `Read in ${Math.max(0.01, found.seconds).toFixed(2)} s`);
  } catch (error) {
    if (error.name === "AbortError") return;
    showProblem(error);
    setState("failed", "");
  }
}

function showReading(found) {
  best = found.latex;
  readings.show(at("readings"), found.candidates, (candidate, place) => {
    setLatex(candidate.latex);
    at("confidence").textContent = `confidence ${readings.percent(candidate.confidence)}`;
    showWhose(place === 0);
  });
  attention.show(found);
  at("attention-card").hidden = !found.attention;
  showWhose(true);
  const cut = found.reason === "cut" ? ", cut: longer than the model writes" : "";
  at("confidence").textContent = `confidence ${readings.percent(found.confidence)}${cut}`;
  setLatex(found.latex);
}

// Whether the attention belongs to the reading that is chosen.
function showWhose(own) {
  at("attention-card").classList.toggle("other", !own);
  at("attention-note").textContent = own ? NOTES.own : NOTES.other;
}

function setLatex(latex) {
  at("latex").value = latex;
  fit();
  preview();
}

async function preview() {
  clearTimeout(timer);
  const latex = at("latex").value;
  try {
    showImage(at("rendering"), await draw(latex));
    at("rendering").alt = latex;
    at("rendering").classList.remove("stale");
    at("rendering-problem").textContent = "";
  } catch (error) {
    if (error.name === "AbortError") return;
    at("rendering").classList.add("stale");
    at("rendering-problem").textContent = error.message;
  }
}

function edited() {
  fit();
  if (at("latex").value !== best) readings.unchoose(at("readings"));
  at("confidence").textContent = "edited";
  clearTimeout(timer);
  timer = setTimeout(preview, PREVIEW_MS);
}

// The text area as high as its text.
function fit() {
  at("latex").style.height = "auto";
  at("latex").style.height = `${at("latex").scrollHeight + 2}px`;
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Not a secure context, as over plain HTTP from another machine: the old way.
    const field = document.createElement("textarea");
    field.value = text;
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
  at("status").textContent = "Copied";
}

function showImage(image, blob) {
  const before = image.src;
  image.src = URL.createObjectURL(blob);
  image.hidden = false;
  if (before.startsWith("blob:")) URL.revokeObjectURL(before);
}

function showProblem(error) {
  at("problem").textContent = error.message;
  at("problem").hidden = false;
}

function clearProblem() {
  at("problem").hidden = true;
}

function setState(state, sentence) {
  document.body.dataset.state = state;
  at("status").textContent = sentence;
}

async function offerExamples() {
  for (const [name, latex] of EXAMPLES) {
    let blob;
    try {
      blob = await render(latex);
    } catch {
      return; // nothing can be drawn here: no examples
    }
    const button = document.createElement("button");
    const image = document.createElement("img");
    button.type = "button";
    button.className = "example";
    image.src = URL.createObjectURL(blob);
    image.alt = name;
    button.append(image);
    button.addEventListener("click", () => take(blob));
    at("examples").append(button);
    at("examples").hidden = false;
  }
}

for (const input of [at("file"), at("camera")]) {
  input.addEventListener("change", () => {
    take(input.files[0]);
    input.value = "";
  });
}
at("paste").hidden = !navigator.clipboard?.read;
at("paste").addEventListener("click", () => images.fromClipboard().then(take, showProblem));
document.addEventListener("paste", (event) => {
  const blob = images.among(event.clipboardData);
  if (!blob) return; // text, which is for the text area
  event.preventDefault();
  take(blob);
});
let depth = 0; // of drags entering and leaving elements
const hover = (change) => {
  depth = Math.max(0, depth + change);
  document.body.classList.toggle("dragging", depth > 0);
};
document.addEventListener("dragenter", () => hover(1));
document.addEventListener("dragleave", () => hover(-1));
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  hover(-depth);
  const blob = images.among(event.dataTransfer);
  if (blob) take(blob);
  else showProblem(new Error("There was no image in that. Drop a file, or copy the image and paste it here."));
});
at("crop").addEventListener("click", () => (crop.active ? crop.stop() : crop.start()));
at("whole").addEventListener("click", () => readPart(WHOLE));
at("latex").addEventListener("input", edited);
at("copy").addEventListener("click", () => copy(at("latex").value));
at("copy-display").addEventListener("click", () => copy(`$$${at("latex").value}$$`));
offerExamples();
