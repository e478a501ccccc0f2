// The candidates, each rendered, as a group of radio buttons; what differs from the first is marked.

const TOKEN = /\\(?:begin|end)\s*\{[^}]*\}|\\[A-Za-z]+|\\.|\d+|\S/g;
const SPACING = /^(?:~|\\[,;:!> ]|\\q?quad)$/;
const SURE = 0.9;
const NEGLIGIBLE = 0.005; // 0 %

// Renders the candidates and shows those that look different from all better ones, by more than spacing; `onShow` gets
// their number. Where the first is very likely right, those of no confidence are left out.
export async function show(group, all, { render, onSelect, onShow }) {
  group.replaceChildren();
  const least = all[0].confidence >= SURE ? NEGLIGIBLE : 0;
  const candidates = all.filter((candidate, rank) => rank === 0 || candidate.confidence >= least);
  const images = await Promise.all(candidates.map((candidate) => rendering(candidate.latex, render)));
  const seen = new Set();
  const options = [];
  candidates.forEach((candidate, rank) => {
    const image = images[rank];
    const looks = [withoutSpacing(candidate.latex), image?.key].filter(Boolean);
    if (looks.some((look) => seen.has(look))) return;
    for (const look of looks) seen.add(look);
    options.push(option(candidate, rank, image, candidates[0].latex, onSelect));
  });
  group.replaceChildren(...options);
  onShow(options.length);
}

// Checks the candidate with this LaTeX, if there is one.
export function select(group, candidates, latex) {
  for (const button of group.querySelectorAll("input")) button.checked = candidates[button.value].latex === latex;
}

function withoutSpacing(latex) {
  return latex.match(TOKEN)?.filter((token) => !SPACING.test(token)).join(" ");
}

// The image of a formula and a key that is equal for equal images; null where `render` throws.
async function rendering(latex, render) {
  try {
    const blob = await render(latex);
    const key = String(new Uint8Array(await blob.arrayBuffer()));
    return { blob, key };
  } catch {
    return null;
  }
}

function option(candidate, rank, image, best, onSelect) {
  const label = document.createElement("label");
  label.className = "candidate";
  const button = document.createElement("input");
  button.type = "radio";
  button.name = "candidate";
  button.value = rank;
  button.checked = rank === 0;
  button.addEventListener("change", () => onSelect(candidate, rank));
  const formula = document.createElement("span");
  formula.className = "formula";
  if (image) formula.append(picture(image.blob));
  formula.append(code(candidate.latex, best));
  label.append(button, formula);
  return label;
}

function picture(blob) {
  const image = document.createElement("img");
  image.src = URL.createObjectURL(blob);
  image.alt = ""; // the LaTeX follows
  image.className = "rendered";
  image.addEventListener("load", () => URL.revokeObjectURL(image.src));
  return image;
}

function code(latex, best) {
  const element = document.createElement("code");
  let end = 0;
  for (const [from, to] of differences(latex, best)) {
    const mark = document.createElement("mark");
    mark.textContent = latex.slice(from, to);
    element.append(latex.slice(end, from), mark);
    end = to;
  }
  element.append(latex.slice(end));
  return element;
}

// Ranges of `latex` whose tokens are not in a longest common subsequence with the tokens of `other`.
export function differences(latex, other) {
  const tokens = [...latex.matchAll(TOKEN)];
  const others = [...other.matchAll(TOKEN)].map(([token]) => token);
  const lengths = Array.from({ length: tokens.length + 1 }, () => new Uint16Array(others.length + 1));
  for (let i = tokens.length - 1; i >= 0; i--) {
    for (let j = others.length - 1; j >= 0; j--) {
      const skipped = Math.max(lengths[i + 1][j], lengths[i][j + 1]);
      lengths[i][j] = tokens[i][0] === others[j] ? lengths[i + 1][j + 1] + 1 : skipped;
    }
  }
  const ranges = [];
  for (let i = 0, j = 0; i < tokens.length; ) {
    if (j < others.length && tokens[i][0] === others[j]) [i, j] = [i + 1, j + 1];
    else if (j < others.length && lengths[i][j + 1] >= lengths[i + 1][j]) j += 1;
    else {
      const from = tokens[i].index;
      ranges.push([from, from + tokens[i][0].length]);
      i += 1;
    }
  }
  return ranges;
}
