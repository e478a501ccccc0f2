// Tensors of a file in the format safetensors, by name: {shape, data}.

const ARRAYS = { I16: Int16Array };

export function parseSafetensors(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = 8 + Number(view.getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, start)));
  delete header.__metadata__;
  return Object.fromEntries(
    Object.entries(header).map(([name, { dtype, shape, data_offsets: [first, end] }]) => {
      return [name, { shape, data: new ARRAYS[dtype](bytes.slice(start + first, start + end).buffer) }];
    }),
  );
}
