// The exported network, computed by ONNX Runtime as WebAssembly.

export class Engine {
  // `ort` is the module of onnxruntime-web; `files` loads a file of the model as bytes.
  static async load(ort, files) {
    const engine = new Engine();
    const weights = await files("model.safetensors");
    const load = async (name) => {
      const options = { executionProviders: ["wasm"], externalData: [{ path: "model.safetensors", data: weights }] };
      return ort.InferenceSession.create(await files(name), options);
    };
    engine.ort = ort;
    engine.encoder = await load("encoder.onnx");
    engine.decoder = await load("decoder.onnx");
    engine.past = engine.decoder.inputNames.filter((name) => name.startsWith("past_"));
    const { shape } = engine.decoder.inputMetadata.find(({ name }) => name === engine.past[0]);
    engine.heads = shape[1];
    engine.width = shape[3];
    return engine;
  }

  // Encodes a page of gray values and returns the state before the first token.
  async start(page) {
    const images = new this.ort.Tensor("uint8", page.data, [1, page.height, page.width]);
    return new DecodingState(this, await this.encoder.run({ images }));
  }
}

class DecodingState {
  constructor(engine, memory) {
    this.engine = engine;
    this.memory = memory;
    const empty = new engine.ort.Tensor("float32", new Float32Array(0), [1, engine.heads, 0, engine.width]);
    this.past = Object.fromEntries(engine.past.map((name) => [name, empty]));
    this.attention = []; // for each token, its weights on the positions of the grid, column by column
  }

  // Appends a token and returns the log probabilities of the next one.
  async step(token) {
    const { ort, past, decoder } = this.engine;
    const tokens = new ort.Tensor("int64", BigInt64Array.of(BigInt(token)), [1, 1]);
    const rows = new ort.Tensor("int64", BigInt64Array.of(0n), [1]);
    const found = await decoder.run({ tokens, rows, ...this.past, ...this.memory });
    this.past = Object.fromEntries(past.map((name) => [name, found[name.replace("past", "new")]]));
    this.attention.push(found.attention.data);
    return found.log_probabilities.data;
  }
}
