// Words in the paste-ready spelling, as im2latex.latex.text_words.

const NOT_BEHIND = ["\\text{", "\\mathrm{", "\\raise", "\\lower"];
const TEXT_TOKEN = /^\\text\{([A-Za-z0-9]+)\}$/;
const WORD = /^[A-Za-z0-9]+(?:~[A-Za-z0-9]+)*$/;
const TEXT = /^(?=.*[A-Za-z]{2})[A-Za-z0-9~]+$/;
const LONG_WORD = /^[a-z]{3,}$/;
const BOUNDARIES = ["&", ",", ";", "\\\\", "\\quad", "\\qquad", "\\begin{", "\\end{"];
const CORRECTED = "fgvwyVWY";
const WIDE_SPACE = "\\space{}";
const SIMPLE_TEXT = /^(\\[A-Za-z]+)\{(.*)\}$/;
const PIECE = /\\space\{\}|\\[A-Za-z]+|\\.|./g;
const USUAL = /^[A-Za-z0-9,$]$/;
const SENTENCE = /^[a-z0-9)][.?!:]$/;

// Words that are text, from `at` on, as one \text, and the position behind them; no text where there are none.
export function readWords(tokens, ends, at, end, before) {
  const none = { words: "", behind: at };
  const isStart = ["~", "\\text{", "\\mathrm"].some((start) => tokens[at].startsWith(start));
  if (!isStart || NOT_BEHIND.some((start) => before.startsWith(start))) return none;
  let text = "";
  let place = at;
  let font = "";
  while (place < end) {
    const unit = readUnit(tokens, ends, place, end);
    if (!unit) break;
    const isSpace = unit.word === "~";
    if ((text && text.endsWith("~") === isSpace) || (unit.font === font && font === "\\mathrm")) break;
    text += unit.word;
    place = unit.behind;
    font = unit.font || font;
  }
  if (text.endsWith("~") && place < end && readUnit(tokens, ends, place, end)) {
    text = text.slice(0, -1); // the space is between these words and others that stay as they are
    place -= 1;
  }
  const isMeasure = font === "\\mathrm" && !text.slice(1).includes("~") && /[0-9]$/.test(before);
  const isText = text.includes("~") ? TEXT.test(text) : LONG_WORD.test(text) && isAlone(tokens, at, place, end);
  if (isMeasure || !isText) return none;
  return { words: `\\text{${text.replaceAll("~", " ")}}`, behind: place };
}

// Whether words are a whole cell or formula, or the part between commas or wide spaces.
function isAlone(tokens, start, stop, end) {
  const around = [start ? tokens[start - 1] : "&", stop < end ? tokens[stop] : "&"];
  return around.every((token) => BOUNDARIES.some((boundary) => token.startsWith(boundary)));
}

// A word space, \text{if} or \mathrm { a n d }: its letters, its command, and the position behind it.
function readUnit(tokens, ends, at, end) {
  const token = tokens[at];
  if (token === "~") return { word: "~", font: "", behind: at + 1 };
  let unit;
  const found = TEXT_TOKEN.exec(token);
  const close = ends.get(at + 1) ?? end;
  if (found) unit = { word: found[1], font: "\\text", behind: at + 1 };
  else if (token === "\\mathrm" && close < end) {
    unit = { word: tokens.slice(at + 2, close).join(""), font: token, behind: close + 1 };
    if (unit.word.split("~").some((part) => part && CORRECTED.includes(part.at(-1)))) return null;
  } else return null;
  const hasScript = unit.behind < end && ["^", "_"].includes(tokens[unit.behind]);
  return hasScript || !WORD.test(unit.word) ? null : unit;
}

// Writes ~ and \space{} in a text token as spaces where the normalizer reads them so.
export function spacedText(token, commands) {
  const found = SIMPLE_TEXT.exec(token);
  if (!found || commands[found[1]] !== "t") return token;
  const pieces = found[2].match(PIECE) ?? [];
  let depth = 0;
  let isMath = false;
  pieces.forEach((piece, place) => {
    const before = pieces.slice(Math.max(place - 2, 0), place);
    const behind = pieces[place + 1];
    depth += (piece === "{") - (piece === "}");
    if (piece === "$" && !depth) isMath = !isMath;
    if (isMath || depth || behind === "~" || behind === WIDE_SPACE) return;
    const isUsual = piece === "~" && (!before.length || USUAL.test(before.at(-1)));
    if (isUsual || (piece === WIDE_SPACE && SENTENCE.test(before.join("")))) pieces[place] = " ";
  });
  return `${found[1]}{${pieces.join("")}}`;
}
