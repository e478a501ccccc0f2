// The page: predicts the formula in an image; shows, compares, edits and copies the candidates.

import { latest, predict, render } from "./api.js";
import { Attention } from "./attention.js";
import { Crop, WHOLE } from "./crop.js";
import * as images from "./image.js";
import * as candidates from "./candidates.js";

const PREVIEW_MS = 250;
const EXAMPLES = [
  ["The quadratic formula", "x = \\frac { - b \\pm \\sqrt { b ^ { 2 } - 4 a c } } { 2 a }"],
  ["A Gaussian integral", "\\int _ { - \\infty } ^ { \\infty } e ^ { - x ^ { 2 } } d x = \\sqrt { \\pi }"],
  ["The Basel problem", "\\sum _ { n = 1 } ^ { \\infty } \\frac { 1 } { n ^ { 2 } } = \\frac { \\pi ^ { 2 } } { 6 }"],
  ["A field equation", "R _ { \\mu \\nu } - \\frac { 1 } { 2 } R g _ { \\mu \\nu } = 8 \\pi G T _ { \\mu \\nu }"],
];

const NOTES = {
  crop: matchMedia("(pointer: coarse)").matches
    ? "To predict a part of it, press Crop and draw a box with a finger."
    : "Drag over the image to predict a part of it.",
  cropping: "Draw a box, or move it with the arrow keys, resize it with Shift, and press Enter.",
  own: "Select a token to see the attention of the model when it predicted it.",
  other: "The attention belongs to the first candidate.",
};

const at = (id) => document.getElementById(id);
const attention = new Attention({ seen: at("seen"), heat: at("heat"), chips: at("chips"), play: at("play") });
const crop = new Crop(at("stage"), at("box"), {
  chosen: (area) => predictPart(area),
  changed: (active) => {
    at("crop").setAttribute("aria-pressed", active);
    at("crop-note").textContent = active ? NOTES.cropping : NOTES.crop;
  },
});
let canvas = null;
let timer = null;
let best = "";

const DOUBTS = {
  cut: ", cut: longer than the model can write",
  loop: ", probably wrong: the model repeats itself",
  unsure: ", probably not quite right: compare it with the image",
};

const latestPrediction = latest(predict);
const latestRendering = latest(render);

async function load(blob) {
  clearError();
  if (!blob) return;
  try {
    canvas = await images.open(blob);
  } catch (error) {
    showError(error);
    return;
  }
  showImage(at("image"), await images.png(canvas));
  await predictPart(WHOLE);
}

async function predictPart(area) {
  if (!canvas) return;
  clearError();
  at("whole").hidden = area === WHOLE;
  if (area === WHOLE) crop.stop();
  at("results").hidden = false;
  setState("predicting", "Predicting…");
  try {
    const prediction = await latestPrediction(await images.part(canvas, area));
    showPrediction(prediction);
    setState("done", `Predicted in ${Math.max(0.01, prediction.seconds).toFixed(2)} s`);
  } catch (error) {
    if (error.name === "AbortError") return;
    showError(error);
    setState("failed", "");
  }
}

function showPrediction(prediction) {
  best = prediction.latex;
  candidates.show(at("candidates"), prediction.candidates, (candidate, rank) => {
    setLatex(candidate.latex);
    at("confidence").textContent = `confidence ${candidates.percent(candidate.confidence)}`;
    markAttention(rank === 0);
  });
  attention.show(prediction);
  at("attention-card").hidden = !prediction.attention;
  markAttention(true);
  const doubt = DOUBTS[prediction.reason] ?? "";
  at("confidence").textContent = `confidence ${candidates.percent(prediction.confidence)}${doubt}`;
  setLatex(prediction.latex);
}

// Notes whether the attention belongs to the selected candidate.
function markAttention(isOwn) {
  at("attention-card").classList.toggle("other", !isOwn);
  at("attention-note").textContent = isOwn ? NOTES.own : NOTES.other;
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
    showImage(at("rendering"), await latestRendering(latex));
    at("rendering").alt = latex;
    at("rendering").classList.remove("stale");
    at("rendering-error").textContent = "";
  } catch (error) {
    if (error.name === "AbortError") return;
    at("rendering").classList.add("stale");
    at("rendering-error").textContent = error.message;
  }
}

function edited() {
  fit();
  if (at("latex").value !== best) candidates.deselect(at("candidates"));
  at("confidence").textContent = "edited";
  clearTimeout(timer);
  timer = setTimeout(preview, PREVIEW_MS);
}

// Makes the text area as high as its text.
function fit() {
  at("latex").style.height = "auto";
  at("latex").style.height = `${at("latex").scrollHeight + 2}px`;
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Not a secure context, as over plain HTTP from another machine: the deprecated command.
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
  const previous = image.src;
  image.src = URL.createObjectURL(blob);
  image.hidden = false;
  if (previous.startsWith("blob:")) URL.revokeObjectURL(previous);
}

function showError(error) {
  at("error").textContent = error.message;
  at("error").hidden = false;
}

function clearError() {
  at("error").hidden = true;
}

function setState(state, message) {
  document.body.dataset.state = state;
  at("status").textContent = message;
}

async function showExamples() {
  for (const [name, latex] of EXAMPLES) {
    let blob;
    try {
      blob = await render(latex);
    } catch {
      return; // no renderer here, so no examples
    }
    const button = document.createElement("button");
    const image = document.createElement("img");
    button.type = "button";
    button.className = "example";
    image.src = URL.createObjectURL(blob);
    image.alt = name;
    button.append(image);
    button.addEventListener("click", () => load(blob));
    at("examples").append(button);
    at("examples").hidden = false;
  }
}

for (const input of [at("file"), at("camera")]) {
  input.addEventListener("change", () => {
    load(input.files[0]);
    input.value = "";
  });
}
at("paste").hidden = !navigator.clipboard?.read;
at("paste").addEventListener("click", () => images.fromClipboard().then(load, showError));
document.addEventListener("paste", (event) => {
  const blob = images.first(event.clipboardData);
  if (!blob) return; // text, for the text area
  event.preventDefault();
  load(blob);
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
  const blob = images.first(event.dataTransfer);
  if (blob) load(blob);
  else showError(new Error("What was dropped contains no image. Drop an image file, or copy the image and paste it here."));
});
at("crop").addEventListener("click", () => (crop.active ? crop.stop() : crop.start()));
at("whole").addEventListener("click", () => predictPart(WHOLE));
at("latex").addEventListener("input", edited);
at("copy").addEventListener("click", () => copy(at("latex").value));
at("copy-display").addEventListener("click", () => copy(`$$${at("latex").value}$$`));
showExamples();
