// Paste-ready spelling of a formula: its tokens as a person would type them, as im2latex.latex.pretty.
//
// The tables of commands and their classes come from there, too: `pretty.tables`.

import { readWords, spacedText } from "./text_words.js";

const NAME = /^\\(?:[A-Za-z]+\*?|.)/s;
const BARE = /^[A-Za-z0-9*+-]$/;
const RULE = /^(?:width|height|depth)[-+.0-9]/;
const LETTER = /^[A-Za-z]/;
const LETTER_OR_DIGIT = /^[A-Za-z0-9]/;
const CONTROL_WORD_END = /(?<!\\)(?:\\\\)*\\[A-Za-z]+$/;
const CONTROL_SPACE = "\\nobreakspace";
const SCRIPT = 2; // math style
const BEFORE_OPERATOR = ["ORDINARY", "CLOSE"];
const NO_SECOND_OPERAND = ["RELATION", "CLOSE", "PUNCTUATION", "SEPARATOR"];
const SPACED = ["RELATION", "BINARY", "WIDE_SPACE"];
const OPERANDS = ["ORDINARY", "OPERATOR", "FUNCTION"];

const endsInControlWord = (text) => CONTROL_WORD_END.test(text);
const atomOf = (text, kind = "ORDINARY") => ({ text, kind, isOpen: false });

export function pretty(tokens, tables) {
  const hasWords = !tokens.some((token) => tables.text_switches.includes(token));
  const context = { style: 0, isCompact: false, hasWords, hasPrimes: true };
  const text = new Writer(tokens, tables).row(tokens.length, context);
  return text.endsWith("\\ ") ? `${text.slice(0, -2)}${CONTROL_SPACE}` : text;
}

// The context in a math style; there are no words in scripts.
function inStyle(context, style) {
  return { ...context, style, hasWords: context.hasWords && style !== SCRIPT };
}

// Maps the position of each { to that of the } that closes it.
function matchingBraces(tokens) {
  const found = new Map();
  const opened = [];
  tokens.forEach((token, place) => {
    if (token === "{") opened.push(place);
    else if (token === "}" && opened.length) found.set(opened.pop(), place);
  });
  return found;
}

class Writer {
  constructor(tokens, tables) {
    Object.assign(this, { tokens, tables, at: 0, ends: matchingBraces(tokens) });
  }

  // Writes the tokens up to `end`, a row or the rows of a table.
  row(end, context) {
    const { tokens, tables } = this;
    const atoms = [];
    const around = [];
    while (this.at < end) {
      const token = tokens[this.at];
      if (context.hasWords) {
        const { words, behind } = readWords(tokens, this.ends, this.at, end, atoms.at(-1)?.text ?? "");
        this.at = behind;
        if (words) {
          atoms.push(atomOf(words));
          continue;
        }
      }
      this.at += 1;
      if (token === "^" || token === "_") this.#script(token, end, atoms, context);
      else if (tables.limits.includes(token) && atoms.length) atoms.at(-1).text += token;
      else if (token === "{") atoms.push(atomOf(this.#group(end, context)));
      else if (token.startsWith("\\begin{")) {
        const name = token.slice(7).split("}")[0];
        atoms.push(atomOf(token + this.#environmentArguments(name, end), "SEPARATOR"));
        around.push(context);
        context = inStyle(context, tables.cell_styles[name] ?? 0);
      } else if (token.startsWith("\\end{")) {
        context = around.pop() ?? context;
        atoms.push(atomOf(token, "SEPARATOR"));
      } else {
        if (token in tables.style_switches) context = inStyle(context, tables.style_switches[token]);
        atoms.push(this.#atom(token, end, context));
      }
    }
    return joined(atoms, context.isCompact);
  }

  #next(end) {
    return this.at < end ? this.tokens[this.at] : "";
  }

  // Reads a script and appends it to the last atom.
  #script(mark, end, atoms, context) {
    if (!atoms.length) atoms.push(atomOf(""));
    const atom = atoms.at(-1);
    const close = this.ends.get(this.at) ?? end;
    if (close >= end) {
      atom.text += mark;
      return;
    }
    this.at += 1;
    if (mark === "^" && context.hasPrimes) {
      const primes = this.at;
      while (this.tokens[this.at] === "\\prime") this.at += 1;
      atom.text += "'".repeat(this.at - primes);
      if (primes < this.at && this.at === close) {
        this.at += 1;
        return;
      }
    }
    if (close === this.at + 1 && BARE.test(this.tokens[this.at])) {
      atom.text += mark + this.tokens[this.at];
      atom.isOpen = true;
    } else {
      const inside = this.row(close, { ...inStyle(context, SCRIPT), isCompact: true });
      atom.text += `${mark}{${inside}}`;
      atom.isOpen = false;
    }
    this.at = close + 1;
  }

  // Reads the rest of a group; one that is not closed ends with the row.
  #group(end, context) {
    const close = this.ends.get(this.at - 1) ?? end;
    const inside = this.row(Math.min(close, end), context);
    if (close >= end) return `{${inside}`;
    this.at = close + 1;
    return `{${inside}}`;
  }

  // Reads a group that is not mathematics.
  #rawGroup(end) {
    const close = Math.min(this.ends.get(this.at) ?? end, end - 1);
    let text = "";
    for (const token of this.tokens.slice(this.at, close + 1)) {
      const needsSpace = RULE.test(token) || (LETTER.test(token) && endsInControlWord(text));
      text += needsSpace ? ` ${token}` : token;
    }
    this.at = close + 1;
    return text;
  }

  #environmentArguments(name, end) {
    let text = "";
    for (const kind of this.tables.environments[name] ?? "") {
      if ("crl".includes(kind) && this.#next(end) === "{") text += this.#rawGroup(end);
    }
    return text;
  }

  // Reads the arguments of a symbol or command.
  #atom(token, end, context) {
    const { tables } = this;
    if (token === CONTROL_SPACE) return atomOf("\\ ", "THIN_SPACE");
    const found = NAME.exec(token);
    if (token.startsWith("\\\\") || (!found && token.length > 1)) return atomOf(token, "SEPARATOR");
    const name = found ? found[0] : token;
    const kinds = tables.commands[name] || (tables.commands[name.replace(/\*+$/, "")] ?? "");
    if (kinds.endsWith("t") && token.includes("{")) return atomOf(spacedText(token, tables.commands));
    const atom = atomOf(token, tables.classes[name] ?? "ORDINARY");
    if (tables.prefixes.includes(name) && this.at < end) atom.text += this.#bare(atom.text);
    if (kinds) this.#arguments(atom, name, kinds, end, context);
    return atom;
  }

  #arguments(atom, name, kinds, end, context) {
    const { tables } = this;
    let rows = [...kinds].filter((kind) => "mohfu".includes(kind)).length;
    context = {
      ...context,
      hasWords: context.hasWords && !tables.no_words.includes(name),
      hasPrimes: context.hasPrimes && !tables.plain_codes.includes(name),
    };
    for (const kind of kinds) {
      const following = this.#next(end);
      if ("mohfu".includes(kind)) {
        const inner = inStyle(context, this.#argumentStyle(name, rows, context.style));
        rows -= 1;
        if (kind === "o" && following === "[") atom.text += this.#option(end, inner);
        else if (kind !== "o" && following === "{") {
          if (tables.stacked.includes(name) && !rows && this.ends.get(this.at) === this.at + 2) {
            atom.kind = tables.classes[this.tokens[this.at + 1]] ?? atom.kind;
          }
          this.at += 1;
          atom.text += this.#group(end, inner);
        } else if ("fu".includes(kind) && following !== "" && following !== "}") atom.text += this.#bare(atom.text);
      } else if ("lct".includes(kind) && following === "{") atom.text += this.#rawGroup(end);
      else if (kind === "d" && following) atom.text += this.#bare(atom.text);
      else if (("ngi".includes(kind) && !["", "{", "}"].includes(following)) || (kind === "k" && RULE.test(following))) {
        atom.text += ` ${this.#bare("")}`;
        atom.kind = "SEPARATOR";
      }
    }
  }

  // The math style of an argument, its place counted from the last one, 1.
  #argumentStyle(name, place, style) {
    if (this.tables.smaller_arguments.includes(name)) return Math.min(style + 1, SCRIPT);
    return (this.tables.argument_styles[name] ?? []).at(-place) ?? style;
  }

  // Reads one token behind a text, apart from it where it would become part of a name.
  #bare(before) {
    const token = this.tokens[this.at];
    this.at += 1;
    return LETTER.test(token) && endsInControlWord(before) ? ` ${token}` : token;
  }

  // Reads an optional argument; a bracket that is not closed is a symbol.
  #option(end, context) {
    let depth = 0;
    for (let close = this.at; close < end; close++) {
      const token = this.tokens[close];
      depth += (token === "{") - (token === "}");
      if (depth !== 0 || token !== "]") continue;
      this.at += 1;
      const inside = this.row(close, { ...context, isCompact: true });
      this.at = close + 1;
      return `[${inside}]`;
    }
    return "";
  }
}

// Joins the atoms of a row with the spaces between them.
function joined(atoms, isCompact) {
  let text = "";
  let operand = "SEPARATOR"; // class of the last atom that is no space
  let left = null;
  atoms.forEach((atom, place) => {
    if (atom.kind === "BINARY") {
      const right = atoms.slice(place + 1).find(({ kind }) => kind !== "THIN_SPACE")?.kind ?? "SEPARATOR";
      if (!BEFORE_OPERATOR.includes(operand) || NO_SECOND_OPERAND.includes(right)) atom.kind = "ORDINARY";
    }
    if (left && needsSpace(text, left, atom, isCompact)) text += " ";
    text += atom.text;
    if (atom.kind !== "THIN_SPACE" && atom.kind !== "WIDE_SPACE") operand = atom.kind;
    left = atom;
  });
  return text;
}

function needsSpace(text, left, right, isCompact) {
  if (!right.text || text.endsWith("\\ ")) return false;
  if (left.kind === "SEPARATOR" || right.kind === "SEPARATOR" || left.kind === "SWITCH") return true;
  if (LETTER_OR_DIGIT.test(right.text) && (left.isOpen || endsInControlWord(text))) return true;
  if (isCompact) return false;
  if (left.kind === "RELATION" && right.kind === "RELATION") return right.text[0] === "\\" || left.text[0] === "\\";
  if (SPACED.includes(left.kind) || SPACED.includes(right.kind)) {
    return left.kind !== "THIN_SPACE" && right.kind !== "THIN_SPACE";
  }
  if (left.kind === "PUNCTUATION") {
    return !["THIN_SPACE", "CLOSE", "PUNCTUATION"].includes(right.kind) && !right.text.startsWith("\\text{ ");
  }
  if (left.kind === "OPERATOR") return OPERANDS.includes(right.kind) || right.kind === "OPEN";
  return left.kind === "FUNCTION" && OPERANDS.includes(right.kind);
}
