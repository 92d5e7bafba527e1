/** Families of networks as a tree, with exemplars, shares and programs; and runs beside each other. */
import { loadMember } from "./data.js";
import { drawLook, lookOf, shapeOf } from "./network.js";
import { byId, contextOf, element, price, shown } from "./show.js";
import { update, visit } from "./state.js";

/**
 * Draw the families of a run. Returns what draws them again.
 * @param {import("./data.js").Run} run
 */
export function showFamilies(run) {
  byId("families").hidden = !run.families;
  if (!run.families) return () => {};
  const { tree, rows } = run.families;
  const order = [...leavesOf(tree), ...rows.map((row) => row.name)].filter((name, n, all) => all.indexOf(name) === n);
  const sorted = order.flatMap((name) => rows.filter((row) => row.name === name));
  const redraws = sorted.map((row) => family(run, row));
  const list = element("div", { role: "list", "aria-label": "Families" }, ...redraws.map(({ item }) => item));
  const drawing = d3.create("svg").attr("aria-hidden", "true");
  byId("tree").replaceChildren(element("div", { className: "tree" }, drawing.node(), list));
  drawTree(drawing, tree, list, sorted);
  return () => {
    drawTree(drawing, tree, list, sorted);
    for (const { draw } of redraws) draw();
  };
}

/**
 * The names of the families in the order of the tree.
 * @param {any} branch
 * @returns {string[]}
 */
const leavesOf = (branch) => (branch === null ? [] : typeof branch === "string" ? [branch] : [...leavesOf(branch[1]), ...leavesOf(branch[2])]);

/**
 * Brackets to the left of the list: the further left, the farther apart.
 * @param {any} drawing
 * @param {any} tree
 * @param {HTMLElement} list
 * @param {import("./data.js").Family[]} rows
 */
function drawTree(drawing, tree, list, rows) {
  drawing.selectAll("*").remove();
  if (tree === null || typeof tree === "string") return;
  const box = drawing.node().getBoundingClientRect();
  const middles = [...list.children].map((child) => child.getBoundingClientRect()).map(({ top, height }) => top + height / 2 - box.top);
  const x = d3.scaleLinear().domain([0, tree[0]]).range([box.width - 8, 34]);
  /** @param {any} branch @returns {[number, number] | null} */
  const place = (branch) => {
    if (typeof branch === "string") {
      const row = rows.findIndex(({ name }) => name === branch);
      return row < 0 ? null : [x(0), middles[row]]; // no network may be left in a family
    }
    const [first, second] = [place(branch[1]), place(branch[2])];
    if (!first || !second) return first ?? second;
    const at = x(branch[0]);
    drawing.append("path").attr("d", `M${first[0]},${first[1]}H${at}V${second[1]}H${second[0]}`).attr("fill", "none").attr("stroke", "currentColor");
    drawing.append("text").attr("class", "name").attr("x", at - 3).attr("y", (first[1] + second[1]) / 2).attr("text-anchor", "end").text(branch[0].toFixed(2));
    return [at, (first[1] + second[1]) / 2];
  };
  place(tree);
}

/**
 * A family: a button with its exemplar, its share and its program.
 * @param {import("./data.js").Run} run
 * @param {import("./data.js").Family} row
 */
function family(run, row) {
  const share = row.networks.length / run.networks.length;
  const members = new Set(row.networks.map((index) => run.networks[index].member)).size;
  const losses = row.networks.map((index) => run.networks[index].loss).filter((loss) => loss !== null);
  const text = element("div", {},
    element("strong", {}, row.name), " ",
    element("button", { onclick: () => update({ marked: new Set(row.networks) }) }, `Mark ${row.networks.length}`),
    element("p", {},
      element("span", { className: "share", style: { width: `${Math.max(2, 160 * share)}px`, background: row.colour } }),
      `${Math.round(100 * share)} % of the networks, from ${members} of ${run.config.members} members; mean loss ${shown(d3.mean(losses))}`));
  if (row.program) text.append(...programOf(row.program));
  const exemplar = row.exemplar === null ? null : run.networks[row.exemplar];
  const canvas = element("canvas", { "aria-hidden": "true" });
  const picture = exemplar
    ? element("button", {
        onclick: () => visit(exemplar),
        "aria-label": `Show the exemplar of ${row.name}: member ${exemplar.member}, β ${price(run.betas[exemplar.beta])}`,
      }, canvas)
    : element("span", {});
  const draw = () => (exemplar ? thumbnail(run, exemplar, canvas) : undefined);
  draw();
  return { item: element("div", { className: "family", role: "listitem" }, picture, text), draw };
}

/**
 * @param {import("./data.js").Run} run
 * @param {import("./data.js").NetworkRecord} network
 * @param {HTMLCanvasElement} canvas
 */
async function thumbnail(run, network, canvas) {
  const drawing = run.drawings.find(({ member }) => member === network.member);
  const frame = drawing ? drawing.betas.indexOf(network.beta) : -1;
  if (!drawing || frame < 0) return;
  const layout = Object.keys(drawing.layouts)[0];
  if (!layout) return;
  const { end } = await loadMember(run, drawing, layout);
  const shape = shapeOf(run.spec);
  drawLook(contextOf(canvas, 90, 90), shape, lookOf(shape, end[frame]), 90, 90, null, false);
}

/**
 * A program as text, with buttons that copy it as text, LaTeX and Python.
 * @param {import("./data.js").Program} found
 */
function programOf(found) {
  if (!found.program) return [element("p", { className: "hint" }, `No short program was found; the weights take ${Math.round(found.raw_bits).toLocaleString("en-US")} bits.`)];
  const { text, latex, python } = found.program;
  const numbers = `The exemplar ${found.kind} this program: R² ${shown(found.r2)}, ${Math.round(found.bits)} of ${Math.round(found.raw_bits)} bits, loss ${shown(found.loss_before)} → ${shown(found.loss_after)}`;
  const copies = Object.entries({ text, LaTeX: latex, Python: python }).map(([name, content]) =>
    element("button", { className: "copy", onclick: (/** @type {any} */ event) => copy(event.target, content) }, `Copy as ${name}`));
  return [element("pre", { tabIndex: 0 }, text), element("p", { className: "hint" }, numbers), ...copies];
}

/**
 * Copy a text, and say so on the button.
 * @param {HTMLButtonElement} button
 * @param {string} text
 */
export async function copy(button, text) {
  const name = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = element("textarea", { value: text });
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = name), 1200);
}

/** @param {import("./data.js").Run[]} runs */
export function showComparison(runs) {
  byId("compare").hidden = runs.length < 2;
  if (runs.length < 2) return;
  const heads = ["run", "network", "members", "steps", "seed", "wiring", "solved", "lowest loss", "what the networks run"];
  const rows = runs.map((run, index) => {
    const { recipe, members, seed } = run.config;
    const losses = run.networks.map(({ loss }) => loss).filter((loss) => loss !== null);
    const solved = losses.filter((loss) => loss < run.solved_loss).length;
    const labels = run.labels.map((label, number) => ({ ...label, count: run.networks.filter((one) => one.label === number).length }));
    const found = labels.filter(({ count }) => count);
    const stack = element("div", { className: "stack", "aria-hidden": "true" }, ...found.map(({ colour, count }) =>
      element("span", { style: { background: colour, width: `${(100 * count) / run.networks.length}%` } })));
    const text = found.map(({ name, count }) => `${name} ${Math.round((100 * count) / run.networks.length)} %`).join(", ");
    const cells = [`${index + 1}. ${run.title}`, run.spec.sizes.join(","), members, recipe?.steps ?? "shipped", seed, recipe ? recipe.wiring ?? "drawn" : "–", `${solved} of ${run.networks.length}`, shown(d3.min(losses))];
    return element("tr", {}, ...cells.map((cell) => element("td", {}, String(cell))), element("td", {}, stack, text));
  });
  const table = element("table", {}, element("thead", {}, element("tr", {}, ...heads.map((head) => element("th", { scope: "col" }, head)))), element("tbody", {}, ...rows));
  byId("comparison").replaceChildren(element("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": "Comparison" }, table));
}
