/** Phase diagrams: the algorithm of each network, by price and by member or training step. */
import { backdrop, byId, contextOf, colourOf, count, element, hideTip, price, ring, shown, tip } from "./show.js";
import { listen, state, update } from "./state.js";

/**
 * @typedef {{label: number | null, loss: number | null, kl: number | null, network: number | null}} Cell
 * @typedef {{member: (column: number) => number, step: (column: number) => number | null, edges: number[],
 *   cell: (column: number, beta: number) => Cell | null, name: (column: number) => string}} Grid
 *   `edges` are the borders of the columns, from 0 to 1.
 */

const TICKS = [1e-12, 1e-8, 1e-4, 1];
const MARGIN = 36;

/**
 * Draw the diagrams of a run: one of all members at the end, and one of each through training.
 * @param {import("./data.js").Run} run
 */
export function showPhases(run) {
  const box = byId("phases");
  const members = run.config.members;
  const few = members <= 4;
  const height = few ? 290 : 118;
  const first = Math.max(60, Math.min(box.clientWidth - MARGIN, members * (run.phases ? (few ? 20 : 12) : 90)));
  const across = few ? members : Math.max(3, Math.min(6, Math.floor(box.clientWidth / 96)));
  const whole = few && box.clientWidth > 500 ? box.clientWidth - first - MARGIN - 10 : box.clientWidth;
  const width = Math.max(62, Math.floor(whole / across) - 11);
  const panels = [panel(run, endGrid(run), "the end, by member", first, height, true)];
  if (run.phases) {
    for (const one of run.phases.members) {
      panels.push(panel(run, trainingGrid(run, one), `member ${one.member}`, width, height, false));
    }
    const last = run.config.recipe?.steps ?? 0;
    byId("phases-hint").textContent =
      `Which algorithm each member generates: price of information β from free (below) to dear (above), training from ` +
      `left to right up to step ${count(last)}. Click a cell, or use the arrow keys, to see that network.`;
  }
  box.replaceChildren(...panels.map(({ figure }) => figure));
  const draw = (/** @type {boolean} */ anew) => panels.forEach((one) => one.draw(anew));
  draw(true);
  return draw;
}

/**
 * @param {import("./data.js").Run} run
 * @returns {Grid}
 */
function endGrid(run) {
  const found = new Map(run.networks.map((network, index) => [`${network.member} ${network.beta}`, index]));
  const members = run.config.members;
  return {
    member: (column) => column,
    step: () => null,
    edges: Array.from({ length: members + 1 }, (_, n) => n / members),
    cell: (column, beta) => {
      const network = found.get(`${column} ${beta}`);
      return network === undefined ? null : { ...run.networks[network], network };
    },
    name: (column) => `member ${column}`,
  };
}

/**
 * Checkpoints are closer together at first, so the axis is that of the square root.
 * @param {import("./data.js").Run} run
 * @param {import("./data.js").Phases} one
 * @returns {Grid}
 */
function trainingGrid(run, one) {
  const steps = run.phases?.steps ?? [];
  const last = run.config.recipe.steps;
  const end = endGrid(run);
  return {
    member: () => one.member,
    step: (column) => (column < steps.length ? column : null),
    edges: [0, ...steps, last].map((step) => Math.sqrt(step / last)),
    cell: (column, beta) => {
      if (column === steps.length) return end.cell(one.member, beta);
      const at = column * run.betas.length + beta;
      return { label: one.label[at], loss: one.loss[at], kl: one.kl[at], network: null };
    },
    name: (column) => `member ${one.member}, step ${count(column < steps.length ? steps[column] : last)}`,
  };
}

/**
 * What a cell says, in words.
 * @param {import("./data.js").Run} run
 * @param {Cell | null} cell
 */
function words(run, cell) {
  if (!cell) return "no network";
  const label = cell.label === null ? "no label" : run.labels[cell.label].name;
  return `${label}, loss ${shown(cell.loss)}, ${shown(cell.kl)} nats`;
}

/**
 * A diagram: a canvas that listens to pointer and keys.
 * @param {import("./data.js").Run} run
 * @param {Grid} grid
 * @param {string} caption
 * @param {number} width
 * @param {number} height
 * @param {boolean} ticks
 */
function panel(run, grid, caption, width, height, ticks) {
  const left = ticks ? MARGIN : 1;
  const canvas = element("canvas", {
    tabIndex: 0, role: "application", "aria-roledescription": "phase diagram", "aria-describedby": "phases-hint",
    "aria-label": caption, style: { width: `${width + left + 2}px`, height: `${height + 4}px`, cursor: "pointer" },
  });
  const columns = grid.edges.length - 1;
  const rows = run.betas.length;
  const x = (/** @type {number} */ edge) => left + grid.edges[edge] * width;
  const y = (/** @type {number} */ edge) => 2 + height - (edge / rows) * height;
  const picture = backdrop(width + left + 2, height + 4, (context) => {
    for (let column = 0; column < columns; column++) {
      for (let beta = 0; beta < rows; beta++) {
        const cell = grid.cell(column, beta);
        if (!cell) continue;
        const marked = !state.marked || (cell.network !== null && state.marked.has(cell.network));
        context.globalAlpha = marked ? 1 : 0.22;
        const [start, top] = [Math.round(x(column)), Math.round(y(beta + 1))];
        const box = [start, top, Math.round(x(column + 1)) - start, Math.round(y(beta)) - top];
        context.fillStyle = cell.label === null ? colourOf("rule") : run.labels[cell.label].colour;
        context.fillRect(box[0], box[1], box[2], box[3]);
        texture(context, cell.label ?? 0, box);
      }
    }
    context.globalAlpha = 1;
    if (ticks) drawTicks(context, run.betas, y);
  });
  let ringed = true;
  const draw = (/** @type {boolean} */ anew) => {
    if (anew) picture.repaint();
    const at = chosen();
    if (!anew && !ringed && at === null) return;
    ringed = at !== null;
    const context = contextOf(canvas, width + left + 2, height + 4);
    picture.copyTo(context);
    if (at !== null) {
      context.beginPath();
      context.rect(x(at) + 0.5, y(state.beta + 1) + 0.5, x(at + 1) - x(at) - 1, y(state.beta) - y(state.beta + 1) - 1);
      ring(context);
    }
  };
  const chosen = () => {
    for (let column = 0; column < columns; column++) {
      if (grid.member(column) === state.member && grid.step(column) === state.step) return column;
    }
    return null;
  };
  const choose = (/** @type {number} */ column, /** @type {number} */ beta) =>
    update({ member: grid.member(column), step: grid.step(column), beta });
  const under = (/** @type {MouseEvent} */ event) => {
    const place = canvas.getBoundingClientRect();
    const across = (event.clientX - place.left - left) / width;
    const up = (2 + height - (event.clientY - place.top)) / height;
    const column = grid.edges.findIndex((edge, n) => across >= edge && across < grid.edges[n + 1]);
    const beta = Math.floor(up * rows);
    return column < 0 || beta < 0 || beta >= rows ? null : [column, beta];
  };
  canvas.addEventListener("click", (/** @type {MouseEvent} */ event) => {
    const cell = under(event);
    if (cell) choose(cell[0], cell[1]);
  });
  canvas.addEventListener("mousemove", (/** @type {MouseEvent} */ event) => {
    const cell = under(event);
    if (!cell) return hideTip();
    const [column, beta] = cell;
    tip(`${grid.name(column)}, β ${price(run.betas[beta])}\n${words(run, grid.cell(column, beta))}`, event);
  });
  canvas.addEventListener("mouseleave", hideTip);
  canvas.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    const move = moves[/** @type {keyof typeof moves} */ (event.key)];
    if (!move) return;
    event.preventDefault();
    const column = Math.max(0, Math.min(columns - 1, (chosen() ?? columns - 1 - move[0]) + move[0]));
    choose(column, Math.max(0, Math.min(rows - 1, state.beta + move[1])));
  });
  return { figure: element("figure", {}, canvas, element("figcaption", { style: { width: `${width + left}px` } }, caption)), draw };
}

/**
 * Tell labels apart without colour: plain, lines, dots, other lines.
 * @param {CanvasRenderingContext2D} context
 * @param {number} label
 * @param {number[]} box
 */
function texture(context, label, [x, y, width, height]) {
  const kind = label % 4;
  if (!kind) return;
  context.strokeStyle = context.fillStyle = "rgba(255, 255, 255, 0.55)";
  context.lineWidth = 0.9;
  if (kind === 2) {
    const radius = Math.min(1.1, height / 5);
    for (let at = x + width / 2 - Math.floor(width / 16) * 8; at < x + width - radius; at += 8) {
      context.beginPath();
      context.arc(at, y + height / 2, radius, 0, 2 * Math.PI);
      context.fill();
    }
    return;
  }
  context.save();
  context.beginPath();
  context.rect(x, y, width, height);
  context.clip();
  const lean = kind === 1 ? height : -height;
  context.beginPath();
  for (let at = x - height; at < x + width + height; at += 7) {
    context.moveTo(at, y + height);
    context.lineTo(at + lean, y);
  }
  context.stroke();
  context.restore();
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {number[]} betas
 * @param {(edge: number) => number} y
 */
function drawTicks(context, betas, y) {
  context.fillStyle = colourOf("quiet");
  context.font = "11px system-ui, sans-serif";
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const tick of TICKS) {
    const row = betas.findIndex((beta) => Math.abs(Math.log10(beta / tick)) < 0.05);
    if (row >= 0) context.fillText(tick === 1 ? "β = 1" : `1e${Math.log10(tick)}`, MARGIN - 4, y(row + 0.5));
  }
}
