// Grammar-constrained decoding of one formula: a pushdown automaton over the vocabulary, as tables.
//
// The tables are those of im2latex.decoding.grammar_tables. `allows` and `advance` compute what
// im2latex.decoding.grammar_constraint does for a batch.

const IMPOSSIBLE = 10_000;
const EMPTY = 0; // the empty word

export class GrammarConstraint {
  // `tables` are tensors {shape, data} by name; `maxDepth` is the deepest nesting that the parser allows.
  constructor(tables, maxDepth) {
    this.tables = Object.fromEntries(Object.entries(tables).map(([name, { data }]) => [name, data]));
    this.words = tables.change.shape[1];
    this.longest = tables.push.shape[2];
    this.maxDepth = maxDepth;
    this.stack = [...tables.start.data];
    this.cost = tables.cost.data[0];
  }

  // Sets the scores of entries to -Infinity that may not come next, where at most `remaining` may follow.
  restrict(scores, remaining) {
    const { change, rest, ids } = this.tables;
    const most = Math.min(remaining, this.maxDepth);
    for (let entry = 0; entry < scores.length; entry++) {
      let word = ids[entry];
      let cost = this.cost + (word === EMPTY ? IMPOSSIBLE : 0);
      for (let level = this.stack.length - 1; word !== EMPTY; level--) {
        const at = this.stack[Math.max(level, 0)] * this.words + word;
        cost += change[at];
        word = rest[at];
      }
      if (cost > most) scores[entry] = -Infinity;
    }
  }

  // Continues with an entry.
  advance(entry) {
    const { push, count, change, rest, ids } = this.tables;
    for (let word = ids[entry]; word !== EMPTY; ) {
      const at = this.stack.pop() * this.words + word;
      for (let place = 0; place < count[at]; place++) this.stack.push(push[at * this.longest + place]);
      this.cost += change[at];
      word = rest[at];
    }
  }
}
