// Tokens that symbols of the vocabulary spell, as im2latex.latex.spelling.

const [FIRST_MARK, LAST_MARK] = ["«", "»"];
const CONTROL_WORD = /^\\[A-Za-z]+$/;

// The tokens {token, start, end}: each with the first of its symbols and the one behind its last.
export function joined(symbols) {
  const tokens = [];
  let word = [];
  let start = 0;
  const finish = (end) => {
    const token = written(word);
    if (token) tokens.push({ token, start, end });
    word = [];
  };
  symbols.forEach((symbol, place) => {
    const isFirst = symbol.startsWith(FIRST_MARK);
    const isLast = symbol.length > 1 && symbol.endsWith(LAST_MARK);
    if (isFirst) finish(place);
    if (!word.length) start = place;
    word.push(symbol.slice(isFirst ? 1 : 0, isLast ? -1 : undefined));
    if (isLast || !(isFirst || word.length > 1)) finish(place + 1);
  });
  finish(symbols.length);
  return tokens;
}

// Writes a token, with {} between a control word and a letter.
function written(symbols) {
  return symbols.reduce((text, symbol, place) => {
    const needsGroup = /^[A-Za-z]/.test(symbol) && CONTROL_WORD.test(symbols[place - 1] ?? "");
    return text + (needsGroup ? "{}" : "") + symbol;
  }, "");
}
