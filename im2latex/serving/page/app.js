// The page: converts the formula in an image; shows, compares, edits and copies the result.

import { convertFormat, health, predict, render } from "./api.js";
import { Attention } from "./attention.js";
import { Crop, WHOLE } from "./crop.js";
import { History } from "./history.js";
import { latest } from "./latest.js";
import { HINTS, confidence, doubt, isCroppable } from "./messages.js";
import { parseMathml } from "./mathml.js";
import { Pages, isPdf } from "./pages.js";
import * as candidates from "./candidates.js";
import * as images from "./image.js";

const PREVIEW_MS = 250;
const COPIED_MS = 2000;
const FOUND_MARGIN_PX = 6;
const EXAMPLES = [
  ["The quadratic formula", "x = \\frac { - b \\pm \\sqrt { b ^ { 2 } - 4 a c } } { 2 a }"],
  ["A Gaussian integral", "\\int _ { - \\infty } ^ { \\infty } e ^ { - x ^ { 2 } } d x = \\sqrt { \\pi }"],
  ["The Basel problem", "\\sum _ { n = 1 } ^ { \\infty } \\frac { 1 } { n ^ { 2 } } = \\frac { \\pi ^ { 2 } } { 6 }"],
  ["A field equation", "R _ { \\mu \\nu } - \\frac { 1 } { 2 } R g _ { \\mu \\nu } = 8 \\pi G T _ { \\mu \\nu }"],
];

const WRAPPED = {
  latex: (latex) => latex,
  inline: (latex) => `$${latex}$`,
  display: (latex) => `\\[ ${latex} \\]`,
  equation: (latex) => `\\begin{equation} ${latex} \\end{equation}`,
};

const at = (id) => document.getElementById(id);
const attention = new Attention({ seen: at("seen"), heat: at("heat"), chips: at("chips"), play: at("play") });
const crop = new Crop(at("stage"), at("box"), {
  chosen: (area) => convert(area),
  changed: (active) => {
    at("crop").setAttribute("aria-expanded", active);
    at("crop-actions").hidden = !active;
    at("crop-note").textContent = active ? HINTS.cropping : HINTS.crop;
  },
});
const history = new History(at("history"), {
  onSelect: restore,
  changed: (length) => (at("history-card").hidden = length < 2),
});
const pages = new Pages(
  {
    form: at("pages"),
    previous: at("previous-page"),
    number: at("page-number"),
    count: at("page-count"),
    next: at("next-page"),
  },
  { onPage: showPage, onError: fail },
);
const latestPrediction = latest(predict);
const latestPreview = latest(showPreview);
const server = health();
let canvas = null; // the whole image
let previewTimer = null;
let copiedTimer = null;

async function load(blob) {
  if (!blob) return;
  reset();
  pages.close();
  canvas = null;
  if (await isPdf(blob)) {
    setState("opening", "Opening the PDF…");
    await pages.open(blob);
    return;
  }
  try {
    canvas = await images.open(blob);
  } catch (error) {
    fail(error);
    return;
  }
  await showInput();
  await convert(WHOLE);
}

// A page of a PDF: nothing is converted before a part is chosen.
async function showPage(page) {
  reset();
  canvas = page;
  await showInput();
  at("whole").hidden = true;
  setState("choosing", "Choose one formula of the page.");
  crop.start();
}

async function showInput() {
  crop.mark(WHOLE);
  showImage(at("image"), await images.png(canvas));
}

async function convert(area) {
  if (!canvas) return;
  reset();
  const whole = canvas;
  crop.mark(area);
  at("whole").hidden = area === WHOLE;
  setState("predicting", "Converting…");
  try {
    const part = area === WHOLE ? whole : images.part(whole, area);
    const prediction = await predictInTime(await images.png(part));
    const entry = { canvas: whole, area, part, prediction, latex: prediction.latex };
    history.add(entry);
    show(entry);
    const time = Math.max(0.01, prediction.seconds).toFixed(2);
    setState("done", `Converted in ${time} s: ${confidence(prediction.confidence)}`);
  } catch (error) {
    if (error.name !== "AbortError") fail(error);
  }
}

// Searches less where the server has no time for more.
async function predictInTime(blob) {
  const options = { attention: at("attention-card").open };
  try {
    return await latestPrediction(blob, options);
  } catch (error) {
    if (!error.isTimeout) throw error;
    at("status").textContent = "This takes long. Trying a faster search…";
    return { ...(await latestPrediction(blob, { ...options, effort: "fast" })), effort: "fast" };
  }
}

// Shows an earlier formula again.
async function restore(entry) {
  reset();
  pages.close();
  canvas = entry.canvas;
  await showInput();
  crop.mark(entry.area);
  at("whole").hidden = entry.area === WHOLE;
  history.setCurrent(entry);
  show(entry);
  setState("done", "An earlier formula of this visit");
}

// Removes what belongs to the previous image.
function reset() {
  latestPrediction.abort();
  latestPreview.abort();
  clearTimeout(previewTimer);
  at("error").hidden = true;
  at("doubt").hidden = true;
  at("candidates-card").hidden = true;
  at("confidence").textContent = "";
  at("rendering-error").textContent = "";
  at("latex").value = "";
  fit();
  hideImage(at("rendering"));
  at("mathml").hidden = true;
  at("found").replaceChildren();
  attention.clear();
  history.setCurrent(null);
}

function show(entry) {
  const { prediction } = entry;
  at("confidence").textContent = confidence(prediction.confidence);
  showMessage(at("doubt"), doubt(prediction.reason), prediction.reason);
  showFound(entry);
  setLatex(entry.latex);
  showAttention(entry);
  const options = {
    render: async (latex) => ((await server).rendering ? render(latex) : Promise.reject()),
    onSelect: (candidate, rank) => {
      history.edit(candidate.latex);
      setLatex(candidate.latex);
      at("confidence").textContent = rank === 0 ? confidence(candidate.confidence) : "alternative";
      markAttention(rank === 0);
    },
    onShow: (number) => {
      at("candidates-card").hidden = number < 2 || history.current !== entry || document.body.dataset.state !== "done";
      if (entry.latex !== prediction.latex) candidates.select(at("candidates"), prediction.candidates, entry.latex);
    },
  };
  candidates.show(at("candidates"), prediction.candidates, options);
}

// A button over each of several formulas that the server found in the image.
function showFound({ area, part, prediction }) {
  const boxes = prediction.boxes ?? [];
  const width = (area.right - area.left) / part.width;
  const height = (area.bottom - area.top) / part.height;
  const buttons = boxes.map(([top, bottom, left, right], place) => {
    const found = {
      left: Math.max(area.left, area.left + (left - FOUND_MARGIN_PX) * width),
      top: Math.max(area.top, area.top + (top - FOUND_MARGIN_PX) * height),
      right: Math.min(area.right, area.left + (right + FOUND_MARGIN_PX) * width),
      bottom: Math.min(area.bottom, area.top + (bottom + FOUND_MARGIN_PX) * height),
    };
    const button = document.createElement("button");
    button.type = "button";
    button.className = "found";
    button.setAttribute("aria-label", `Convert formula ${place + 1} of ${boxes.length}`);
    button.style.left = `${100 * found.left}%`;
    button.style.top = `${100 * found.top}%`;
    button.style.width = `${100 * (found.right - found.left)}%`;
    button.style.height = `${100 * (found.bottom - found.top)}%`;
    button.addEventListener("click", () => convert(found));
    return button;
  });
  at("found").replaceChildren(...buttons);
  if (boxes.length) at("doubt").firstChild.after(` ${HINTS.found}`);
}

// The attention maps are requested once they are wanted.
async function showAttention(entry) {
  if (!at("attention-card").open || !entry) return;
  at("attention-note").textContent = "Loading…";
  try {
    if (!entry.prediction.attention) {
      const { image, tokens, attention } = await predict(await images.png(entry.part), { attention: true, effort: entry.prediction.effort });
      Object.assign(entry.prediction, { image, tokens, attention });
    }
    if (entry !== history.current) return;
    attention.show(entry.prediction);
    markAttention(entry.latex === entry.prediction.latex);
  } catch (error) {
    at("attention-note").textContent = error.message;
  }
}

// Notes whether the attention belongs to the selected candidate.
function markAttention(isOwn) {
  at("attention-card").classList.toggle("other", !isOwn);
  at("attention-note").textContent = isOwn ? HINTS.attention : HINTS.otherAttention;
}

function setLatex(latex) {
  at("latex").value = latex;
  fit();
  preview();
}

async function preview() {
  clearTimeout(previewTimer);
  const latex = at("latex").value;
  try {
    await latestPreview(latex);
    at("rendering").classList.remove("stale");
    at("rendering-error").textContent = "";
  } catch (error) {
    if (error.name === "AbortError") return;
    at("rendering").classList.add("stale");
    at("rendering-error").textContent = error.message;
  }
}

// Shows the image of a formula by TeX, or its MathML where the server has no TeX.
async function showPreview(latex, signal) {
  const hasTex = (await server).rendering;
  if (hasTex) {
    showImage(at("rendering"), await render(latex, signal));
    at("rendering").alt = `Rendering of ${latex}`;
  } else at("mathml").replaceChildren(parseMathml(await convertFormat(latex, "mathml", signal)));
  at("mathml").hidden = hasTex;
}

function edited() {
  fit();
  const latex = at("latex").value;
  history.edit(latex);
  candidates.select(at("candidates"), history.current?.prediction.candidates ?? [], latex);
  at("confidence").textContent = "edited";
  clearTimeout(previewTimer);
  previewTimer = setTimeout(preview, PREVIEW_MS);
}

// Makes the text area as high as its text.
function fit() {
  at("latex").style.height = "auto";
  at("latex").style.height = `${at("latex").scrollHeight + 2}px`;
}

async function copy() {
  const button = at("copy");
  const format = at("format").value;
  let text = at("latex").value;
  try {
    text = WRAPPED[format] ? WRAPPED[format](text) : await convertFormat(text, format);
  } catch (error) {
    at("copied").textContent = error.message;
    return;
  }
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
    button.focus();
  }
  endCopied();
  button.classList.add("copied");
  at("copied").textContent = "Copied";
  copiedTimer = setTimeout(endCopied, COPIED_MS);
}

function endCopied() {
  clearTimeout(copiedTimer);
  at("copied").textContent = "";
  for (const button of document.querySelectorAll(".copied")) button.classList.remove("copied");
}

function showImage(image, blob) {
  const previous = image.src;
  image.src = URL.createObjectURL(blob);
  image.hidden = false;
  if (previous.startsWith("blob:")) URL.revokeObjectURL(previous);
}

function hideImage(image) {
  if (image.src.startsWith("blob:")) URL.revokeObjectURL(image.src);
  image.removeAttribute("src");
  image.hidden = true;
}

// Shows an error in place of a result; without an image, in place of everything.
function fail(error) {
  reset();
  showMessage(at("error"), error.message, error.reason);
  setState("failed", "");
}

// Shows a sentence; where a part of the image would do, with a button to choose it.
function showMessage(element, message, reason) {
  element.hidden = !message;
  element.textContent = message;
  if (!isCroppable(reason)) return;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet";
  button.textContent = "Crop the image";
  button.addEventListener("click", () => crop.start());
  element.append(" ", button);
}

function setState(state, message) {
  document.body.dataset.state = state;
  at("status").textContent = message;
  at("results").hidden = !canvas;
  at("image-card").classList.toggle("wide", state === "choosing" || state === "failed");
  for (const id of ["latex", "copy", "format"]) at(id).disabled = state !== "done";
  endCopied();
  fit();
  // What had the focus may be gone, as an example is; the next step of most users is to copy.
  if (state === "done" && document.activeElement === document.body) at("copy").focus({ preventScroll: true });
}

async function showExamples() {
  if (!(await server).rendering) return;
  for (const [name, latex] of EXAMPLES) {
    const blob = await render(latex);
    const button = document.createElement("button");
    const image = document.createElement("img");
    button.type = "button";
    button.className = "example";
    image.src = URL.createObjectURL(blob);
    image.alt = name;
    await image.decode(); // an empty button has no meaning
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
at("paste").addEventListener("click", () => images.fromClipboard().then(load, fail));
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
  else fail(new Error("What was dropped contains no image. Drop an image file, or copy the image and paste it here."));
});
at("crop").addEventListener("click", () => (crop.active ? crop.stop() : crop.start()));
at("crop-confirm").addEventListener("click", () => crop.confirm());
at("crop-cancel").addEventListener("click", () => {
  crop.stop();
  at("crop").focus();
});
at("whole").addEventListener("click", () => convert(WHOLE));
at("latex").addEventListener("input", edited);
at("copy").addEventListener("click", copy);
at("attention-card").addEventListener("toggle", () => showAttention(history.current));
showExamples();
