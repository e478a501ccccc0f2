// The best readings, each drawn, as a group of radio buttons.

import { render } from "./api.js";

export function show(group, candidates, chosen) {
  group.replaceChildren(...candidates.map((candidate, place) => option(candidate, place, chosen)));
}

export function unchoose(group) {
  for (const button of group.querySelectorAll("input")) button.checked = false;
}

function option(candidate, place, chosen) {
  const label = document.createElement("label");
  label.className = "reading";
  const button = document.createElement("input");
  button.type = "radio";
  button.name = "reading";
  button.checked = place === 0;
  button.addEventListener("change", () => chosen(candidate, place));
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
  draw(candidate.latex, formula, code);
  return label;
}

async function draw(latex, formula, code) {
  try {
    const image = document.createElement("img");
    image.src = URL.createObjectURL(await render(latex));
    image.alt = latex;
    image.className = "drawn";
    image.addEventListener("load", () => URL.revokeObjectURL(image.src));
    code.replaceWith(image);
  } catch {
    formula.title = "This reading cannot be drawn";
  }
}

export function percent(share) {
  return `${Math.round(100 * share)} %`;
}
