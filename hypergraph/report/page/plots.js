/** Planes of numbers: a mark per network; a brush marks the same networks everywhere. */
import { backdrop, byId, contextOf, colourOf, element, hideTip, price, ring, shown, tip, traceMark } from "./show.js";
import { state, update } from "./state.js";

/** @typedef {{x: string, y: string, title: string}} Axes Names of order parameters, or of loss and kl. */

const HEIGHT = 300;
const MARGINS = { left: 52, right: 12, top: 10, bottom: 40 };
const SPREAD = 10;

/**
 * The numbers of the run's networks by name.
 * @param {import("./data.js").NetworkRecord} network
 * @param {string} name
 * @returns {number | null}
 */
const valueOf = (network, name) => /** @type {any} */ (network)[name] ?? network.order_parameters[name] ?? null;

/** What takes the boxes of brushes away. @type {(() => void)[]} */
const clears = [];

/**
 * Draw the planes of a run. Returns what draws them again.
 * @param {import("./data.js").Run} run
 */
export function showPlots(run) {
  const axes = run.planes.map(([x, y]) => ({ x, y, title: `${plain(x)} and ${plain(y)}` }));
  const rate = plot(run, { x: "kl", y: "loss", title: "Loss against information" });
  const planes = axes.map((one) => plot(run, one));
  const plots = [rate, ...planes];
  clears.length = 0;
  byId("rate").replaceChildren(rate.card);
  byId("plots").replaceChildren(...planes.map(({ card }) => card));
  for (const one of plots) one.build();
  return (/** @type {boolean} */ anew) => plots.forEach((one) => one.draw(anew));
}

/** @param {string} name */
const plain = (name) => ({ kl: "information in nats", loss: "loss" })[name] ?? name.replaceAll("_", " ");

/**
 * A scale over the finite values; logarithmic where they are positive and span decades.
 * @param {number[]} values
 * @param {number[]} range
 */
export function scaleOf(values, range) {
  const [low, high] = d3.extent(values);
  if (low > 0 && high > SPREAD * low) return d3.scaleLog().domain([low / 1.15, high * 1.15]).range(range);
  const pad = (high - low || Math.abs(high) || 1) * 0.06;
  return d3.scaleLinear().domain([low - pad, high + pad]).range(range);
}

/**
 * @param {any} scale
 * @param {any} axis
 */
export function ticked(scale, axis) {
  if (!scale.base) return axis(scale).ticks(5);
  const [low, high] = scale.domain();
  const decades = Math.log10(high / low);
  const ticks = scale.ticks().filter((/** @type {number} */ tick) => {
    const power = Math.log10(tick);
    const rounded = Math.round(power);
    const whole = Math.abs(power - rounded) < 1e-9;
    return whole ? decades < 7 || rounded % Math.ceil(decades / 5) === 0 : decades < 1.6 && /^[25]/.test(tick.toExponential());
  });
  return axis(scale).tickValues(ticks).tickFormat((/** @type {number} */ tick) => (decades < 4 && tick >= 1e-3 && tick < 1e4 ? `${+tick.toPrecision(2)}` : tick.toExponential(0).replace("e+", "e")));
}

/**
 * @param {import("./data.js").Run} run
 * @param {Axes} axes
 */
function plot(run, axes) {
  const area = element("div", {
    className: "area", tabIndex: 0, role: "application", "aria-roledescription": "plane of networks", "aria-label": axes.title,
    "aria-description": "Arrow keys show the next network of the same member or price; m marks it. Drag to mark networks.",
    style: { height: `${HEIGHT}px` },
  });
  const card = element("section", { className: "card plot" }, element("h2", {}, axes.title), area);
  const canvas = element("canvas", { "aria-hidden": "true" });
  /** @type {{index: number, x: number, y: number}[]} */ let points = [];
  let width = 0;
  /** @type {ReturnType<typeof backdrop> | null} */ let picture = null;

  const build = () => {
    width = area.clientWidth || 320; // of a page that is not laid out
    const known = run.networks.flatMap((network, index) => {
      const [x, y] = [valueOf(network, axes.x), valueOf(network, axes.y)];
      return x === null || y === null ? [] : [{ index, x, y }];
    });
    Object.assign(canvas.style, { width: `${width}px`, height: `${HEIGHT}px` });
    const svg = d3.create("svg").attr("width", width).attr("height", HEIGHT).attr("aria-hidden", "true");
    area.replaceChildren(canvas, svg.node());
    if (!known.length) return;
    const x = scaleOf(known.map((one) => one.x), [MARGINS.left, width - MARGINS.right]);
    const y = scaleOf(known.map((one) => one.y), [HEIGHT - MARGINS.bottom, MARGINS.top]);
    points = known.map((one) => ({ index: one.index, x: x(one.x), y: y(one.y) }));
    frame(svg, x, y);
    const brush = d3.brush().touchable(false)
      .extent([[MARGINS.left, MARGINS.top], [width - MARGINS.right, HEIGHT - MARGINS.bottom]])
      .on("start", hideTip)
      .on("brush", (/** @type {any} */ event) => event.selection && mark(event.selection))
      .on("end", (/** @type {any} */ event) => {
        if (!event.selection && event.sourceEvent) click(event.sourceEvent);
      });
    const group = svg.append("g").attr("class", "brush").call(brush);
    clears.push(() => group.call(brush.move, null));
    picture = backdrop(width, HEIGHT, paint);
    draw(true);
  };

  /** @param {[[number, number], [number, number]]} box */
  const mark = ([[left, top], [right, bottom]]) => {
    const inside = points.filter(({ x, y }) => x >= left && x <= right && y >= top && y <= bottom);
    update({ marked: new Set(inside.map(({ index }) => index)) });
  };
  const nearest = (/** @type {MouseEvent} */ event) => {
    const box = canvas.getBoundingClientRect();
    const apart = (/** @type {{x: number, y: number}} */ one) => Math.hypot(one.x - event.clientX + box.left, one.y - event.clientY + box.top);
    const best = points[d3.minIndex(points, apart)];
    return best && apart(best) < 14 ? best.index : null;
  };
  const click = (/** @type {MouseEvent} */ event) => {
    const index = nearest(event);
    if (index === null) update({ marked: null });
    else update({ member: run.networks[index].member, beta: run.networks[index].beta, step: null });
  };
  area.addEventListener("mousemove", (/** @type {MouseEvent} */ event) => {
    const index = event.buttons ? null : nearest(event);
    if (index === null) return hideTip();
    tip(sentence(run, index), event);
  });
  area.addEventListener("mouseleave", hideTip);
  area.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => keys(run, event));

  /**
   * @param {any} svg
   * @param {any} x
   * @param {any} y
   */
  const frame = (svg, x, y) => {
    const bottom = HEIGHT - MARGINS.bottom;
    svg.append("g").attr("class", "axis").attr("transform", `translate(0,${bottom})`).call(ticked(x, d3.axisBottom));
    svg.append("g").attr("class", "axis").attr("transform", `translate(${MARGINS.left},0)`).call(ticked(y, d3.axisLeft));
    svg.append("text").attr("class", "name").attr("text-anchor", "end").attr("x", width - MARGINS.right).attr("y", HEIGHT - 6).text(plain(axes.x));
    svg.append("text").attr("class", "name").attr("text-anchor", "end").attr("transform", `translate(11,${MARGINS.top}) rotate(-90)`).text(plain(axes.y));
    const lines = [[axes.x, x], [axes.y, y]].filter(([name, scale]) => {
      const at = run.boundaries[name];
      return at !== undefined && at >= scale.domain()[0] && at <= scale.domain()[1];
    });
    for (const [name, scale] of lines) {
      const at = scale(run.boundaries[name]);
      const ends = name === axes.x ? [at, MARGINS.top, at, bottom] : [MARGINS.left, at, width - MARGINS.right, at];
      const line = svg.append("line").attr("class", "boundary");
      ["x1", "y1", "x2", "y2"].forEach((end, n) => line.attr(end, ends[n]));
    }
  };

  const paint = (/** @type {CanvasRenderingContext2D} */ context) => {
    const faint = points.filter(({ index }) => state.marked && !state.marked.has(index));
    const clear = points.filter(({ index }) => !state.marked || state.marked.has(index));
    context.strokeStyle = colourOf("card");
    context.lineWidth = 0.8;
    for (const [group, alpha] of /** @type {[typeof points, number][]} */ ([[faint, 0.15], [clear, 0.95]])) {
      context.globalAlpha = alpha;
      for (const { index, x, y } of group) {
        const { label } = run.networks[index];
        context.fillStyle = label === null ? colourOf("quiet") : run.labels[label].colour;
        traceMark(context, label ?? 0, x, y, 4);
        context.fill();
        context.stroke();
      }
    }
    context.globalAlpha = 1;
  };
  const draw = (/** @type {boolean} */ anew) => {
    if (!picture) return;
    if (anew) picture.repaint();
    const context = contextOf(canvas, width, HEIGHT);
    picture.copyTo(context);
    const here = points.find(({ index }) => state.step === null && run.networks[index].member === state.member && run.networks[index].beta === state.beta);
    if (!here) return;
    context.beginPath();
    context.arc(here.x, here.y, 8, 0, 2 * Math.PI);
    ring(context);
  };
  return { card, build, draw };
}

export function clearBrushes() {
  for (const clear of clears) clear();
  update({ marked: null });
}

/**
 * Arrow keys go from network to network, by member and by price.
 * @param {import("./data.js").Run} run
 * @param {KeyboardEvent} event
 */
function keys(run, event) {
  const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
  if (move) {
    event.preventDefault();
    const within = (/** @type {number} */ value, /** @type {number} */ count) => Math.max(0, Math.min(count - 1, value));
    update({ member: within(state.member + move[0], run.config.members), beta: within(state.beta + move[1], run.betas.length), step: null });
  } else if (event.key === "m") {
    const index = run.networks.findIndex((one) => one.member === state.member && one.beta === state.beta);
    const marked = new Set(state.marked ?? []);
    if (!marked.delete(index)) marked.add(index);
    update({ marked: marked.size ? marked : null });
  } else if (event.key === "Escape") clearBrushes();
}

/**
 * A network in words.
 * @param {import("./data.js").Run} run
 * @param {number} index
 */
export function sentence(run, index) {
  const { member, beta, label, loss, kl } = run.networks[index];
  const name = label === null ? "" : `: ${run.labels[label].name}`;
  return `member ${member}, β ${price(run.betas[beta])}${name}\nloss ${shown(loss)}, ${shown(kl)} nats`;
}
