/** The data of the page: unpacked from text, and the networks as numbers. */

/**
 * @typedef {{member: number, beta: number, loss: number | null, kl: number | null, decoder_loss: number | null,
 *   label: number | null, confidence: number | null, order_parameters: Object<string, number | null>, file: string}}
 *   NetworkRecord The price and the label are numbers of the run's prices and labels.
 * @typedef {{sizes: number[], activation: string | string[], bias: boolean, connections: number[][]}} Spec
 * @typedef {{steps: number[], betas: number[], weights: number, scales: number}} Training
 * @typedef {{member: number, betas: number[], files: {blob: number, sizes: number[]}, layouts: Object<string, number>,
 *   training: Training | null}} Drawing
 * @typedef {{label: (number | null)[], loss: (number | null)[], kl: (number | null)[], member: number}} Phases
 * @typedef {{kind: string, program: {text: string, latex: string, python: string} | null, bits: number, raw_bits: number,
 *   r2: number, loss_before: number | null, loss_after: number | null,
 *   roles: {term: string, neurons: number[][]}[]}} Program
 * @typedef {{name: string, colour: string, networks: number[], exemplar: number | null, program: Program | null}} Family
 * @typedef {{title: string, config: any, spec: Spec, betas: number[],
 *   labels: {name: string, colour: string}[], solved_loss: number, networks: NetworkRecord[], failures: string[],
 *   notes: string[], drawings: Drawing[], planes: string[][], boundaries: Object<string, number>,
 *   phases: {steps: number[], members: Phases[]} | null, families: {tree: any, rows: Family[]} | null}} Run
 * @typedef {{weights: Float32Array, biases: Float32Array, places: Float32Array}} Network
 *   All weights in the order of the connections, [target, source] each; all biases; x and y of every neuron.
 * @typedef {{end: Network[], training: (step: number, beta: number) => Promise<Network>, files: Uint8Array[]}} Loaded
 */

/**
 * The bytes that a text stands for: base64 of gzip.
 * @param {string} text
 * @returns {Promise<Uint8Array>}
 */
export async function unpack(text) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(plain).arrayBuffer());
}

/**
 * The text of an element of the page.
 * @param {string} id
 */
export function textOf(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id)).textContent ?? "";
}

/** @returns {Promise<Run[]>} */
export async function readRuns() {
  return JSON.parse(new TextDecoder().decode(await unpack(textOf("data"))));
}

/**
 * Integers from their differences: frames of `width` numbers of 1 or 2 bytes, low bytes first.
 * @param {Uint8Array} bytes
 * @param {number} width
 * @param {1 | 2} size
 */
export function sumFrames(bytes, width, size) {
  const count = bytes.length / size;
  const values = size === 1 ? new Int8Array(count) : new Int16Array(count);
  for (let i = 0; i < count; i++) {
    const change = size === 1 ? bytes[i] : bytes[i] | (bytes[count + i] << 8);
    values[i] = change + (i < width ? 0 : values[i - width]);
  }
  return values;
}

/**
 * The name and the shape of each tensor of a spec, weights by connection and then biases by layer.
 * @param {Spec} spec
 * @returns {{name: string, size: number}[]}
 */
export function tensorsOf(spec) {
  const name = (/** @type {number[]} */ [s, t]) => (t === s + 1 ? `${2 * s}` : `skip_${s}_${t}`);
  const weights = spec.connections.map((pair) => ({
    name: `${name(pair)}.weight`,
    size: spec.sizes[pair[0]] * spec.sizes[pair[1]],
  }));
  const biases = spec.bias ? spec.sizes.slice(1).map((size, n) => ({ name: `${2 * n}.bias`, size })) : [];
  return [...weights, ...biases];
}

/**
 * The tensors of a safetensors file, one after another as `tensorsOf` names them.
 * @param {Uint8Array} file
 * @param {Spec} spec
 */
export function readTensors(file, spec) {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const length = Number(view.getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + length)));
  const parts = tensorsOf(spec).map(({ name }) => {
    const [start, end] = header[name].data_offsets;
    return new Float32Array(file.slice(8 + length + start, 8 + length + end).buffer);
  });
  const values = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    values.set(part, at);
    at += part.length;
  }
  return values;
}

/** @type {Map<Drawing, Map<string, Promise<Loaded>>>} */
const loaded = new Map();

/**
 * The networks of one member, and where its neurons are in a layout; unpacked once.
 * @param {Run} run
 * @param {Drawing} drawing
 * @param {string} layout
 * @returns {Promise<Loaded>}
 */
export function loadMember(run, drawing, layout) {
  const known = loaded.get(drawing) ?? new Map();
  loaded.set(drawing, known);
  if (!known.has(layout)) known.set(layout, unpackMember(run, drawing, layout));
  return /** @type {Promise<Loaded>} */ (known.get(layout));
}

/**
 * @param {Run} run
 * @param {Drawing} drawing
 * @param {string} layout
 * @returns {Promise<Loaded>}
 */
async function unpackMember(run, drawing, layout) {
  const neurons = run.spec.sizes.reduce((sum, size) => sum + size, 0);
  const places = await loadPlaces(drawing, layout, neurons);
  const whole = await unpack(textOf(`blob-${drawing.files.blob}`));
  const files = [];
  for (let at = 0, n = 0; n < drawing.files.sizes.length; at += drawing.files.sizes[n++]) {
    files.push(whole.subarray(at, at + drawing.files.sizes[n]));
  }
  const split = weightCount(run.spec);
  const end = files.map((file, frame) => {
    const values = readTensors(file, run.spec);
    return { weights: values.subarray(0, split), biases: values.subarray(split), places: places(frame) };
  });
  /** @type {ReturnType<typeof loadRounded> | null} */ let rounded = null;
  const training = async (/** @type {number} */ step, /** @type {number} */ beta) => {
    const known = /** @type {Training} */ (drawing.training);
    const frame = step * known.betas.length + beta;
    rounded ??= loadRounded(run.spec, known);
    const values = (await rounded)(frame);
    const at = places(files.length + frame);
    return { weights: values.subarray(0, split), biases: values.subarray(split), places: at };
  };
  return { end, training, files };
}

/** @param {Spec} spec */
export function weightCount(spec) {
  return spec.connections.reduce((sum, [s, t]) => sum + spec.sizes[s] * spec.sizes[t], 0);
}

/**
 * The places of a frame, from -1 to 1; all in the middle where there are none.
 * @param {Drawing} drawing
 * @param {string} layout
 * @param {number} neurons
 * @returns {Promise<(frame: number) => Float32Array>}
 */
async function loadPlaces(drawing, layout, neurons) {
  if (!(layout in drawing.layouts)) return () => new Float32Array(2 * neurons);
  const width = 2 * neurons;
  const whole = sumFrames(await unpack(textOf(`blob-${drawing.layouts[layout]}`)), width, 2);
  return (frame) => Float32Array.from(whole.subarray(frame * width, (frame + 1) * width), (place) => place / 32767);
}

/**
 * @param {Spec} spec
 * @param {Training} training
 * @returns {Promise<(frame: number) => Float32Array>}
 */
async function loadRounded(spec, training) {
  const tensors = tensorsOf(spec);
  const width = tensors.reduce((sum, { size }) => sum + size, 0);
  const whole = sumFrames(await unpack(textOf(`blob-${training.weights}`)), width, 1);
  const scales = new Float32Array((await unpack(textOf(`blob-${training.scales}`))).buffer);
  return (frame) => {
    const values = new Float32Array(width);
    let at = 0;
    tensors.forEach(({ size }, n) => {
      const scale = scales[frame * tensors.length + n];
      for (const stop = at + size; at < stop; at++) values[at] = whole[frame * width + at] * scale;
    });
    return values;
  };
}
