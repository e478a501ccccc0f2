// Constraint against loops of one formula, as im2latex.decoding.repetition.

const MAX_PERIOD = 6;
const MAX_REPEATS = 8;
const STOPPED = new RegExp(`((?:\\S+ ){1,${MAX_PERIOD}}?)\\1{${MAX_REPEATS - 2},}`);

// Whether tokens hold a loop that lacks the last repeat.
export function hasStoppedLoop(tokens) {
  return STOPPED.test(`${tokens.join(" ")} `);
}

export class RepetitionConstraint {
  // The entries `exempt` may repeat.
  constructor(exempt) {
    this.exempt = exempt;
    this.history = new Array(MAX_PERIOD).fill(-1); // the latest first
    this.equal = new Array(MAX_PERIOD).fill(0); // for each period: how many of the latest equal the one before it
  }

  // Sets the scores of entries to -Infinity that would complete a loop, unless no others are left.
  restrict(scores) {
    const excluded = this.history.filter((entry, place) => {
      return entry >= 0 && this.equal[place] >= (place + 1) * (MAX_REPEATS - 1) - 1 && !this.exempt.includes(entry);
    });
    if (!scores.some((score, entry) => score > -Infinity && !excluded.includes(entry))) return;
    for (const entry of excluded) scores[entry] = -Infinity;
  }

  // Continues with an entry.
  advance(entry) {
    this.equal = this.equal.map((count, place) => (this.history[place] === entry ? count + 1 : 0));
    this.history = [entry, ...this.history.slice(0, -1)];
  }
}
