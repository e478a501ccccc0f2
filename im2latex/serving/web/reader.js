// Reading of an image with one formula: preprocessing, search, confidence.

import { attentionMaps } from "./attention_maps.js";
import { EOS, greedy } from "./decoding/greedy.js";
import { GrammarConstraint } from "./decoding/grammar_constraint.js";
import { RepetitionConstraint, hasStoppedLoop } from "./decoding/repetition.js";
import { Engine } from "./engine.js";
import { analyzeLayout } from "./images/layout.js";
import { padToBucket, preprocess } from "./images/preprocess.js";
import { pretty } from "./latex/pretty.js";
import { joined } from "./latex/spelling.js";
import { parseSafetensors } from "./safetensors.js";

const UNSURE_BELOW = 0.5;
const NO_FORMULA_BELOW = 0.02;
const NO_LAYOUT = { reason: null, boxes: [] };

export class Reader {
  // `ort` is the module of onnxruntime-web; `files` loads a file of the model as bytes.
  static async load(ort, files) {
    const reader = new Reader();
    const [config, tables] = await Promise.all([files("config.json"), files("grammar.safetensors")]);
    reader.config = JSON.parse(new TextDecoder().decode(config));
    reader.tables = parseSafetensors(tables);
    reader.engine = await Engine.load(ort, files);
    await reader.predict(bars()); // compiles the code, which takes longer than to read an image
    return reader;
  }

  // Reads pixels {height, width, data} in RGBA; the result is that of the API, and `page`, the input of the model.
  async predict(pixels, { attention = false } = {}) {
    const { vocabulary, shapes, input, spelling, max_tokens: maxTokens, max_depth: maxDepth } = this.config;
    const { drawn, toOriginal } = preprocess(pixels, input);
    const page = padToBucket(shapes, drawn);
    const state = await this.engine.start(page);
    const constraints = [
      new GrammarConstraint(this.tables, maxDepth),
      new RepetitionConstraint([EOS, vocabulary.indexOf("}")]),
    ];
    const found = await greedy((token) => state.step(token), maxTokens, constraints);
    const spans = this.spans(found.tokens);
    const tokens = spans.map(({ token }) => token);
    const latex = pretty(tokens, spelling);
    const confidence = this.confidence(found.logProbability, found.tokens.length + 1);
    const isCut = !found.finished || found.tokens.length >= maxTokens;
    const reason = isCut ? "cut" : confidence >= UNSURE_BELOW ? null : hasStoppedLoop(tokens) ? "loop" : "unsure";
    const candidates = [{ latex, confidence, reason, tokens }];
    const layout = reason ? this.layout(drawn, confidence) : NO_LAYOUT;
    const boxes = layout.boxes.map(toOriginal);
    const maps = attention ? attentionMaps(state.attention, page, spans) : null;
    return { latex, confidence, reason: layout.reason ?? reason, tokens, candidates, boxes, attention: maps, page };
  }

  // What the image of a doubtful formula may show instead.
  layout(drawn, confidence) {
    const layout = analyzeLayout(drawn, this.config.input.font_size);
    return layout.reason === "no_formula" && confidence >= NO_FORMULA_BELOW ? NO_LAYOUT : layout;
  }

  // The LaTeX tokens of entries of the vocabulary, each with its first entry and the one behind its last.
  spans(ids) {
    const symbols = ids.flatMap((id, place) => this.config.vocabulary[id].split(" ").map((symbol) => ({ symbol, place })));
    return joined(symbols.map(({ symbol }) => symbol)).map(({ token, start, end }) => {
      return { token, start: symbols[start].place, end: symbols[end - 1].place + 1 };
    });
  }

  // The calibrated probability that the formula is right; without coefficients the mean probability of a token.
  confidence(logProbability, length) {
    const { coefficients } = this.config;
    if (!coefficients) return Math.exp(logProbability / length);
    const features = { log_probability: logProbability, mean_log_probability: logProbability / length, log_share: 0 };
    const odds = Object.entries(coefficients.weights).reduce(
      (sum, [name, weight]) => sum + weight * features[name],
      coefficients.intercept,
    );
    return 1 / (1 + Math.exp(-Math.min(Math.max(odds, -30), 30)));
  }
}

// An image of a few black bars.
function bars() {
  const [height, width] = [40, 120];
  const data = new Uint8ClampedArray(4 * height * width).fill(255);
  for (let y = 10; y < 30; y++) {
    for (let x = 10; x < 110; x++) if (x % 20 < 3 || y === 20) data.fill(0, 4 * (y * width + x), 4 * (y * width + x) + 3);
  }
  return { height, width, data };
}
