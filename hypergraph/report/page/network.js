/** The drawing of a network on a canvas; between two networks, weights and neurons glide. */
import { contextOf, colourOf, shown } from "./show.js";

/** @typedef {{source: Uint16Array, target: Uint16Array, blocks: [number, number][], layers: number[], starts: number[]}} Shape
 *   The neurons that each weight joins, the weights of each connection, the layer of each neuron, and its first. */

const NEGLIGIBLE = 0.04;
const CROWD = 2;
const SIDE = 360;
const DIAMETERS = [2.5, 9];

/**
 * @param {import("./data.js").Spec} spec
 * @returns {Shape}
 */
export function shapeOf(spec) {
  const starts = [0];
  for (const size of spec.sizes) starts.push(starts[starts.length - 1] + size);
  /** @type {number[]} */ const source = [];
  /** @type {number[]} */ const target = [];
  /** @type {[number, number][]} */ const blocks = [];
  for (const [s, t] of spec.connections) {
    const first = source.length;
    for (let row = 0; row < spec.sizes[t]; row++) {
      for (let column = 0; column < spec.sizes[s]; column++) {
        source.push(starts[s] + column);
        target.push(starts[t] + row);
      }
    }
    blocks.push([first, source.length]);
  }
  const layers = spec.sizes.flatMap((size, layer) => Array(size).fill(layer));
  return { source: Uint16Array.from(source), target: Uint16Array.from(target), blocks, layers, starts };
}

/**
 * Weights divided by the norm of their connection, relative to the largest: a factor may move through a hidden neuron.
 * @param {Shape} shape
 * @param {Float32Array} weights
 */
export function strengths(shape, weights) {
  const values = Float32Array.from(weights);
  let largest = 0;
  for (const [start, stop] of shape.blocks) {
    let sum = 0;
    for (let e = start; e < stop; e++) sum += values[e] * values[e];
    const norm = Math.sqrt(sum) || 1;
    for (let e = start; e < stop; e++) {
      values[e] /= norm;
      largest = Math.max(largest, Math.abs(values[e]));
    }
  }
  if (largest) for (let e = 0; e < values.length; e++) values[e] /= largest;
  return values;
}

/**
 * The diameter of neurons on a drawing whose longer side is 2: small enough that all but the closest do not touch.
 * @param {Float32Array} places
 */
function diameterOf(places) {
  const neurons = places.length / 2;
  const nearest = new Float32Array(neurons).fill(Infinity);
  for (let a = 0; a < neurons; a++) {
    for (let b = 0; b < a; b++) {
      const apart = Math.hypot(places[2 * a] - places[2 * b], places[2 * a + 1] - places[2 * b + 1]);
      if (apart < nearest[a]) nearest[a] = apart;
      if (apart < nearest[b]) nearest[b] = apart;
    }
  }
  nearest.sort();
  const unit = 2 / SIDE;
  return Math.max(DIAMETERS[0] * unit, Math.min(DIAMETERS[1] * unit, 0.6 * nearest[Math.floor(0.1 * (neurons - 1))]));
}

/** @typedef {{strengths: Float32Array, places: Float32Array, diameter: number}} Look */

/**
 * @param {Shape} shape
 * @param {import("./data.js").Network} network
 * @returns {Look}
 */
export function lookOf(shape, network) {
  const places = fitted(network.places);
  return { strengths: strengths(shape, network.weights), places, diameter: diameterOf(places) };
}

/**
 * Places moved and scaled so that the longer side reaches from -1 to 1.
 * @param {Float32Array} places
 */
function fitted(places) {
  const [low, high] = [0, 1].map((axis) => d3.extent(places.filter((_, n) => n % 2 === axis))).reduce(
    ([lows, highs], [low, high]) => [[...lows, low], [...highs, high]], /** @type {number[][]} */ ([[], []]));
  const half = Math.max(high[0] - low[0], high[1] - low[1]) / 2 || 1;
  return places.map((place, n) => (place - (low[n % 2] + high[n % 2]) / 2) / half);
}

/**
 * A look between two, `share` of the way.
 * @param {Look} from
 * @param {Look} to
 * @param {number} share
 * @returns {Look}
 */
function between(from, to, share) {
  const mix = (/** @type {Float32Array} */ a, /** @type {Float32Array} */ b) => b.map((value, n) => a[n] + (value - a[n]) * share);
  return {
    strengths: mix(from.strengths, to.strengths),
    places: mix(from.places, to.places),
    diameter: from.diameter + (to.diameter - from.diameter) * share,
  };
}

/** A canvas that shows a network. */
export class NetworkView {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {(neuron: number | null) => void} onNeuron called with the neuron that is pointed at
   */
  constructor(canvas, onNeuron) {
    this.canvas = canvas;
    /** @type {Shape | null} */ this.shape = null;
    /** @type {Look | null} */ this.look = null;
    /** @type {number | null} */ this.neuron = null;
    this.glide = 0;
    this.onNeuron = onNeuron;
    canvas.addEventListener("mousemove", (event) => this.point(this.nearest(event)));
    canvas.addEventListener("click", (event) => this.point(this.nearest(event)));
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("mouseleave", () => this.point(null));
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const move = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape") this.point(null);
    if (!move || !this.shape) return;
    event.preventDefault();
    const count = this.shape.layers.length;
    this.point(((this.neuron ?? (move > 0 ? -1 : 0)) + move + count) % count);
  }

  /** @param {number | null} neuron */
  point(neuron) {
    if (neuron === this.neuron) return;
    this.neuron = neuron;
    this.draw();
    this.onNeuron(neuron);
  }

  /**
   * Show a network, at once or gliding there from the one before.
   * @param {Shape} shape
   * @param {import("./data.js").Network} network
   * @param {number} milliseconds
   */
  show(shape, network, milliseconds) {
    cancelAnimationFrame(this.glide);
    const to = lookOf(shape, network);
    const from = this.shape === shape ? this.look : null;
    if (this.shape !== shape) this.neuron = null;
    this.shape = shape;
    if (!from || !milliseconds) {
      this.look = to;
      this.draw();
      return;
    }
    const start = performance.now();
    const frame = (/** @type {number} */ now) => {
      const share = Math.min(1, Math.max(0, (now - start) / milliseconds));
      this.look = share === 1 ? to : between(from, to, d3.easeCubicInOut(share));
      this.draw();
      if (share < 1) this.glide = requestAnimationFrame(frame);
    };
    this.glide = requestAnimationFrame(frame);
  }

  draw() {
    if (!this.shape || !this.look) return;
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const context = contextOf(this.canvas, width, height);
    drawLook(context, this.shape, this.look, width, height, this.neuron, true);
  }

  /** @param {MouseEvent} event */
  nearest(event) {
    if (!this.look) return null;
    const box = this.canvas.getBoundingClientRect();
    const { x, y } = frameOf(box.width, box.height);
    const places = this.look.places;
    let best = null;
    let least = 20;
    for (let n = 0; n < places.length / 2; n++) {
      const apart = Math.hypot(x(places[2 * n]) - event.clientX + box.left, y(places[2 * n + 1]) - event.clientY + box.top);
      if (apart < least) [best, least] = [n, apart];
    }
    return best;
  }
}

/**
 * From places to pixels.
 * @param {number} width
 * @param {number} height
 */
function frameOf(width, height) {
  const half = Math.min(width, height) / 2 - Math.min(18, width / 10);
  return {
    half,
    x: (/** @type {number} */ place) => width / 2 + place * half,
    y: (/** @type {number} */ place) => height / 2 - place * half,
  };
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Shape} shape
 * @param {Look} look
 * @param {number} width
 * @param {number} height
 * @param {number | null} neuron whose weights stand out
 * @param {boolean} named whether inputs have names
 */
export function drawLook(context, shape, look, width, height, neuron, named) {
  const { half, x, y } = frameOf(width, height);
  drawWeights(context, shape, look, x, y, half, neuron);
  const last = shape.layers[shape.layers.length - 1];
  const colours = { input: colourOf("input"), hidden: colourOf("hidden"), output: colourOf("output") };
  context.strokeStyle = colourOf("halo");
  const radius = (look.diameter * half) / 2;
  context.lineWidth = Math.max(0.5, radius / 6);
  shape.layers.forEach((layer, n) => {
    const kind = layer === 0 ? "input" : layer === last ? "output" : "hidden";
    context.fillStyle = colours[kind];
    context.beginPath();
    context.arc(x(look.places[2 * n]), y(look.places[2 * n + 1]), radius * (kind === "output" ? 1.4 : 1), 0, 2 * Math.PI);
    context.fill();
    context.stroke();
  });
  if (neuron !== null) {
    context.strokeStyle = colourOf("ring");
    context.lineWidth = 2;
    context.beginPath();
    context.arc(x(look.places[2 * neuron]), y(look.places[2 * neuron + 1]), radius * 1.4 + 3, 0, 2 * Math.PI);
    context.stroke();
  }
  if (!named || shape.starts[1] > 32) return;
  context.fillStyle = colourOf("ink");
  context.font = "10px system-ui, sans-serif";
  context.textAlign = "center";
  for (let n = 0; n < shape.starts[1]; n++) {
    context.fillText(`x${n}`, x(look.places[2 * n]), y(look.places[2 * n + 1]) - radius - 3);
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Shape} shape
 * @param {Look} look
 * @param {(place: number) => number} x
 * @param {(place: number) => number} y
 * @param {number} half
 * @param {number | null} neuron
 */
function drawWeights(context, shape, look, x, y, half, neuron) {
  const { strengths: values, places } = look;
  const sizes = values.map(Math.abs);
  let total = 0;
  /** @type {number[]} */ const order = [];
  for (let e = 0; e < values.length; e++) {
    if (sizes[e] <= NEGLIGIBLE) continue;
    total += sizes[e];
    order.push(e);
  }
  order.sort((a, b) => sizes[a] - sizes[b]);
  const thickness = look.diameter * half * Math.min(1, (CROWD * shape.layers.length) / Math.max(1, total));
  const colours = [colourOf("positive"), colourOf("negative")];
  for (const e of order) {
    const [from, to] = [shape.source[e], shape.target[e]];
    const aside = neuron !== null && from !== neuron && to !== neuron;
    const alpha = 0.06 + 0.84 * sizes[e];
    context.globalAlpha = neuron === null ? alpha : aside ? 0.12 * alpha : 0.35 + 0.65 * alpha;
    context.strokeStyle = colours[values[e] > 0 ? 0 : 1];
    context.lineWidth = Math.max(thickness * (0.03 + 0.3 * sizes[e]), aside ? 0 : 0.4);
    context.beginPath();
    context.moveTo(x(places[2 * from]), y(places[2 * from + 1]));
    context.lineTo(x(places[2 * to]), y(places[2 * to + 1]));
    context.stroke();
  }
  context.globalAlpha = 1;
}

/**
 * The name of a neuron, such as x3, hidden 17 or output.
 * @param {Shape} shape
 * @param {number} neuron
 */
export function nameOf(shape, neuron) {
  const layer = shape.layers[neuron];
  const place = neuron - shape.starts[layer];
  const last = shape.layers[shape.layers.length - 1];
  if (layer === 0) return `input x${place}`;
  if (layer === last) return shape.starts[layer + 1] - shape.starts[layer] === 1 ? "output y" : `output y${place}`;
  return last === 2 ? `hidden ${place}` : `hidden ${place} of layer ${layer}`;
}

/**
 * What a neuron reads and feeds, strongest first, its bias, and its part in words.
 * @param {Shape} shape
 * @param {import("./data.js").Network} network
 * @param {number} neuron
 */
export function describe(shape, network, neuron) {
  /** @type {{name: string, weight: number}[]} */ const reads = [];
  /** @type {{name: string, weight: number}[]} */ const feeds = [];
  network.weights.forEach((weight, e) => {
    if (shape.target[e] === neuron) reads.push({ name: nameOf(shape, shape.source[e]), weight });
    if (shape.source[e] === neuron) feeds.push({ name: nameOf(shape, shape.target[e]), weight });
  });
  for (const list of [reads, feeds]) list.sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight));
  const first = shape.starts[1];
  const bias = neuron >= first && network.biases.length ? network.biases[neuron - first] : null;
  return { name: nameOf(shape, neuron), reads, feeds, bias, part: partOf(reads, feeds) };
}

/**
 * @param {{name: string, weight: number}[]} reads
 * @param {{name: string, weight: number}[]} feeds
 */
function partOf(reads, feeds) {
  const words = [];
  if (reads.length > 1) {
    const total = reads.reduce((sum, { weight }) => sum + weight * weight, 0);
    const share = total ? (reads[0].weight * reads[0].weight) / total : 0;
    const even = total ? 1 / reads.reduce((sum, { weight }) => sum + (weight * weight / total) ** 2, 0) : 0;
    words.push(
      share > 0.5
        ? `reads mostly ${reads[0].name}, ${reads[0].weight > 0 ? "with its sign" : "negated"} (${Math.round(100 * share)} % of its squared weights)`
        : `reads about ${Math.round(even)} of ${reads.length}`,
    );
  }
  if (feeds.length === 1) words.push(`${feeds[0].weight > 0 ? "adds to" : "takes from"} the ${feeds[0].name} (${shown(feeds[0].weight)})`);
  return words.join("; ");
}
