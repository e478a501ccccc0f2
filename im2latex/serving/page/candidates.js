// The candidates, each rendered, as a group of radio buttons.

import { render } from "./api.js";

export function show(group, candidates, onSelect) {
  group.replaceChildren(...candidates.map((candidate, rank) => option(candidate, rank, onSelect)));
}

export function deselect(group) {
  for (const button of group.querySelectorAll("input")) button.checked = false;
}

function option(candidate, rank, onSelect) {
  const label = document.createElement("label");
  label.className = "candidate";
  const button = document.createElement("input");
  button.type = "radio";
  button.name = "candidate";
  button.checked = rank === 0;
  button.addEventListener("change", () => onSelect(candidate, rank));
  const formula = document.createElement("span");
  formula.className = "formula";
  const code = document.createElement("code");
  code.textContent = candidate.latex;
  formula.append(code);
  const share = document.createElement("span");
  share.className = "share";
  share.textContent = percent(candidate.confidence);
  const bar = document.createElement("meter");
  bar.max = 1;
  bar.value = candidate.confidence;
  bar.setAttribute("aria-label", "confidence");
  label.append(button, formula, share, bar);
  showRendering(candidate.latex, formula, code);
  return label;
}

async function showRendering(latex, formula, code) {
  try {
    const image = document.createElement("img");
    image.src = URL.createObjectURL(await render(latex));
    image.alt = latex;
    image.className = "rendered";
    image.addEventListener("load", () => URL.revokeObjectURL(image.src));
    code.replaceWith(image);
  } catch {
    formula.title = "This candidate cannot be rendered";
  }
}

export function percent(probability) {
  return `${Math.round(100 * probability)} %`;
}
