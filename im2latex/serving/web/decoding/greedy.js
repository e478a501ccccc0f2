// Greedy search for one formula, as im2latex.decoding.greedy.

export const [PAD, BOS, EOS] = [0, 1, 2];

// Chooses the best token at each step: ids, the logarithm of their joint probability, and whether the formula ended.
// `step` computes the log probabilities after a token; `constraints` restrict them in order.
export async function greedy(step, maxTokens, constraints) {
  const tokens = [];
  let logProbability = 0;
  let last = BOS;
  for (let position = 0; position <= maxTokens; position++) {
    const scores = await step(last);
    scores[PAD] = scores[BOS] = -Infinity;
    for (const constraint of constraints) {
      if (position) constraint.advance(last);
      constraint.restrict(scores, maxTokens - 1 - position);
    }
    const best = scores.reduce((most, score, entry) => (score > scores[most] ? entry : most), 0);
    logProbability = Math.fround(logProbability + scores[position < maxTokens ? best : EOS]);
    if (best === EOS) return { tokens, logProbability, finished: true };
    if (position < maxTokens) tokens.push(best);
    last = best;
  }
  return { tokens, logProbability, finished: false };
}
