/**
 * The page: it reads the data, and joins state and views.
 *
 * data.js unpacks, state.js holds what is shown, show.js has small things; phases.js, network.js, plots.js and
 * families.js draw. The page is one file: these modules are joined into one script, without their imports.
 */
import { loadMember, readRuns } from "./data.js";
import { clearBrushes, sentence, showPlots } from "./plots.js";
import { copy, showComparison, showFamilies } from "./families.js";
import { describe, NetworkView, shapeOf } from "./network.js";
import { showPhases } from "./phases.js";
import { byId, contextOf, count, element, forgetColours, price, shown, traceMark } from "./show.js";
import { listen, state, update, visit } from "./state.js";

const GLIDE = 350;
const still = window.matchMedia("(prefers-reduced-motion: reduce)");

/** @type {import("./data.js").Run[]} */ let runs = [];
/** @type {import("./network.js").Shape} */ let shape;
/** @type {((anew: boolean) => void)[]} */ let redraws = [];
/** @type {import("./data.js").Network | null} */ let network = null;

const run = () => runs[state.run];
const drawing = () => run().drawings.find(({ member }) => member === state.member);
const record = () => run().networks.find((one) => one.member === state.member && one.beta === state.beta);
const view = new NetworkView(byId("canvas"), showNeuron);

/** The networks of the chosen member in the chosen layout. */
const load = () => loadMember(run(), /** @type {import("./data.js").Drawing} */ (drawing()), state.layout);

/** The number of the frame nearest to the chosen price, and whether its price is the chosen one. */
function frameIn(/** @type {number[]} */ betas) {
  const frame = d3.minIndex(betas, (/** @type {number} */ beta) => Math.abs(beta - state.beta));
  return { frame, exact: betas[frame] === state.beta };
}

/** What is chosen, to see whether it still is after data were unpacked. */
const wish = () => JSON.stringify([state.run, state.member, state.beta, state.step, state.layout]);

/** Show the chosen network, if the page has it. */
async function showNetwork() {
  const known = drawing();
  const wanted = wish();
  if (!known || !known.betas.length) {
    byId("shown").textContent = `Member ${state.member} has no network that could be drawn; see below why.`;
    return;
  }
  const { end, training } = await load();
  const inTraining = state.step !== null && known.training;
  const { frame, exact } = frameIn(inTraining && known.training ? known.training.betas : known.betas);
  const found = inTraining ? await training(/** @type {number} */ (state.step), frame) : end[frame];
  if (wanted !== wish()) return;
  network = found;
  if (state.layout) view.show(shape, network, still.matches ? 0 : GLIDE);
  caption(inTraining ? "training" : "end", exact);
  showNeuron(view.neuron);
}

/**
 * Say which network is shown, and how to have it as a file.
 * @param {"training" | "end"} when
 * @param {boolean} exact
 */
function caption(when, exact) {
  const beta = run().betas[state.beta];
  const step = state.step === null ? null : run().phases?.steps[state.step] ?? drawing()?.training?.steps[state.step];
  const cell = state.step === null ? record() : cellInTraining();
  const label = cell && cell.label !== null ? run().labels[cell.label].name : "no label";
  const near = !state.layout ? " (not drawn: see below why)" : exact ? "" : " (drawn at the nearest price that the page holds)";
  const at = step === null || step === undefined ? "" : `, step ${count(step)}`;
  const words = `member ${state.member}, β ${price(beta)}${at}: ${label}, loss ${shown(cell?.loss)}, ${shown(cell?.kl)} nats${near}`;
  byId("shown").textContent = words[0].toUpperCase() + words.slice(1);
  byId("canvas").setAttribute("aria-label", `Drawing of the network ${run().spec.sizes.join(", ")} of ${words}`);
  byId("rounding").textContent = when === "end"
    ? "These are the exact weights of the run's file."
    : "Weights in training are rounded: each is right to 1/254 of the largest weight of its layer.";
  const file = `${label.replace(/[^\w-]+/g, "-")}-member${state.member}-beta${price(beta)}.safetensors`;
  byId("save").disabled = when !== "end" || !exact;
  const command = ["hypergraph", "generate", ".", "--member", state.member, "--beta", beta, "--seed", run().config.seed];
  if (step !== null && step !== undefined) command.push("--step", step);
  byId("command").textContent = [...command, "--out", quoted(file)].join(" ");
}

/** @param {string} text */
const quoted = (text) => (/^[\w./,=+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

/** The label, loss and KL of the chosen network in training. */
function cellInTraining() {
  const one = run().phases?.members.find(({ member }) => member === state.member);
  const at = /** @type {number} */ (state.step) * run().betas.length + state.beta;
  return one ? { label: one.label[at], loss: one.loss[at], kl: one.kl[at] } : null;
}

/** @param {number | null} neuron */
function showNeuron(neuron) {
  const box = byId("neuron");
  if (neuron === null || !network) {
    box.replaceChildren(...facts());
    return;
  }
  const found = describe(shape, network, neuron);
  const parts = [element("h3", {}, found.name)];
  if (found.part) parts.push(element("p", {}, found.part));
  const layer = shape.layers[neuron];
  const place = neuron - shape.starts[layer];
  const role = program()?.roles.find(({ neurons }) => neurons.some(([one, other]) => one === layer && other === place));
  if (role) parts.push(element("p", {}, "in the program: ", element("strong", {}, role.term)));
  if (found.bias !== null) parts.push(element("p", {}, `bias ${shown(found.bias)}`));
  for (const [title, list] of /** @type {[string, typeof found.reads][]} */ ([["reads", found.reads], ["feeds", found.feeds]])) {
    if (!list.length) continue;
    const largest = Math.abs(list[0].weight) || 1;
    const rows = list.slice(0, 24).map(({ name, weight }) => element("tr", {},
      element("td", {}, name.replace("input ", "")), element("td", {}, shown(weight)),
      element("td", {}, element("span", { className: `bar ${weight > 0 ? "positive" : "negative"}`, style: { width: `${(50 * Math.abs(weight)) / largest}px` } }))));
    const more = list.length > 24 ? [element("p", { className: "quiet" }, `and ${list.length - 24} weaker`)] : [];
    parts.push(element("h3", {}, title), element("table", {}, element("tbody", {}, ...rows)), ...more);
  }
  box.replaceChildren(...parts);
}

/** What was found about the shown network where it is the exemplar of a family. */
function program() {
  const index = state.step === null ? run().networks.findIndex((one) => one === record()) : -1;
  return run().families?.rows.find(({ exemplar }) => exemplar === index)?.program ?? null;
}

/** What is known of the whole network, where no neuron is chosen. */
function facts() {
  const one = state.step === null ? record() : undefined;
  if (!one) return [element("p", { className: "quiet" }, "Order parameters are known at the end of the training.")];
  const rows = Object.entries({ "loss without encoder": one.decoder_loss, "confidence in the label": one.confidence, ...one.order_parameters });
  const text = program()?.program?.text;
  const written = text ? [element("h3", {}, "program"), element("p", {}, text)] : [];
  return [...written, element("h3", {}, "measured"), element("table", {}, element("tbody", {}, ...rows.map(([name, value]) =>
    element("tr", {}, element("td", {}, name.replaceAll("_", " ")), element("td", {}, shown(value))))))];
}

/** Fill the controls for the chosen run and member. */
function fillControls() {
  const members = run().drawings.map(({ member }) => element("option", { value: member }, `${member}`));
  byId("member").replaceChildren(...members);
  const layouts = Object.keys(drawing()?.layouts ?? {});
  byId("layout").replaceChildren(...layouts.map((name) => element("option", { value: name }, name)));
  byId("beta").max = run().betas.length - 1;
}

/** Bring the controls to the state. */
function syncControls() {
  byId("member").value = state.member;
  byId("layout").value = state.layout;
  byId("beta").value = state.beta;
  byId("beta-text").textContent = price(run().betas[state.beta]);
  byId("beta").setAttribute("aria-valuetext", `beta ${price(run().betas[state.beta])}`);
  const steps = drawing()?.training?.steps ?? [];
  byId("step").max = steps.length;
  byId("step").disabled = byId("play-step").disabled = !steps.length;
  byId("step").value = state.step ?? steps.length;
  const text = state.step === null ? (steps.length ? `end, ${count(run().config.recipe.steps)}` : "only the end") : count(steps[state.step]);
  byId("step-text").textContent = text;
  byId("step").setAttribute("aria-valuetext", `step ${text}`);
  const marked = state.marked?.size ?? 0;
  byId("marking").hidden = !state.marked;
  byId("marked").textContent = `${marked} of ${run().networks.length} networks are marked`;
  for (const button of byId("legend").children) button.setAttribute("aria-pressed", String(Boolean(state.marked) && button.networks().every((/** @type {number} */ one) => state.marked?.has(one)) && marked === button.networks().length));
}

/** The algorithms, each a button that marks its networks. */
function fillLegend() {
  const buttons = run().labels.flatMap(({ name, colour }, label) => {
    const networks = run().networks.flatMap((one, index) => (one.label === label ? [index] : []));
    const losses = networks.map((index) => run().networks[index].loss);
    if (!networks.length && !run().phases?.members.some((one) => one.label.includes(label))) return [];
    const canvas = element("canvas", { "aria-hidden": "true" });
    const context = contextOf(canvas, 16, 16);
    context.fillStyle = colour;
    traceMark(context, label, 8, 8, 6);
    context.fill();
    const found = `${networks.length} of ${run().networks.length}, best loss ${shown(d3.min(losses))}`;
    const button = element("button", { "aria-pressed": "false", disabled: !networks.length }, canvas, `${name}: ${networks.length ? found : "only in training"}`);
    button.networks = () => networks;
    button.addEventListener("click", () => update({ marked: button.getAttribute("aria-pressed") === "true" ? null : new Set(networks) }));
    return [button];
  });
  byId("legend").replaceChildren(...buttons);
}

function fillNotes() {
  const lines = [...run().failures, ...run().notes];
  byId("notes").replaceChildren(...(lines.length ? lines : ["No member failed, and everything is shown."]).map((line) => element("li", {}, line)));
}

function fillTable() {
  const box = byId("table").querySelector(".scroll");
  if (!byId("table").open) return;
  const names = [...new Set(run().networks.flatMap((one) => Object.keys(one.order_parameters)))];
  const heads = ["member", "β", "algorithm", "loss", "KL (nats)", "loss without encoder", ...names.map((name) => name.replaceAll("_", " "))];
  const rows = run().networks.flatMap((one, index) => {
    if (state.marked && !state.marked.has(index)) return [];
    const label = one.label === null ? "–" : run().labels[one.label].name;
    const cells = [one.member, price(run().betas[one.beta]), label, shown(one.loss), shown(one.kl), shown(one.decoder_loss), ...names.map((name) => shown(one.order_parameters[name]))];
    const show = element("button", { onclick: () => visit(one), "aria-label": `Show ${sentence(run(), index)}` }, "show");
    return [element("tr", {}, ...cells.map((cell) => element("td", {}, String(cell))), element("td", {}, show))];
  });
  const head = element("tr", {}, ...heads.map((name) => element("th", { scope: "col" }, name)), element("th", { scope: "col" }, "network"));
  box.replaceChildren(element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows)));
}

/** Save bytes as a file. */
function save(/** @type {BlobPart} */ bytes, /** @type {string} */ name) {
  const url = URL.createObjectURL(new Blob([bytes], { type: "application/octet-stream" }));
  element("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

async function saveNetwork() {
  const { files } = await load();
  const { frame } = frameIn(/** @type {import("./data.js").Drawing} */ (drawing()).betas);
  save(/** @type {any} */ (files[frame]), `member${state.member}-beta${price(run().betas[state.beta])}.safetensors`);
}

/** Let a slider run; at its end it begins again. */
function play(/** @type {"beta" | "step"} */ name) {
  const button = byId(`play-${name}`);
  let timer = 0;
  button.addEventListener("click", () => {
    const playing = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(playing));
    button.textContent = playing ? "pause" : "play";
    byId("shown").setAttribute("aria-live", playing ? "off" : "polite");
    clearInterval(timer);
    if (playing) timer = window.setInterval(() => advance(byId(name)), GLIDE + 30);
  });
}

/** @param {HTMLInputElement} slider */
function advance(slider) {
  slider.value = String((Number(slider.value) + 1) % (Number(slider.max) + 1));
  slider.dispatchEvent(new Event("input"));
}

/** Show another run: everything is built anew. */
function showRun() {
  shape = shapeOf(run().spec);
  const first = run().drawings[0];
  const best = d3.minIndex(run().networks, (/** @type {import("./data.js").NetworkRecord} */ one) => one.loss ?? Infinity);
  const chosen = run().networks[best];
  const member = chosen?.member ?? first?.member ?? 0;
  Object.assign(state, { member, beta: chosen?.beta ?? 0, step: null, layout: Object.keys(first?.layouts ?? {})[0] ?? "", marked: null });
  fillControls();
  fillLegend();
  fillNotes();
  redraws = [showPhases(run()), showPlots(run()), showFamilies(run())];
  syncControls();
  fillTable();
  return showNetwork();
}

/** @param {Set<keyof import("./state.js").State>} changed */
function follow(changed) {
  if (changed.has("run")) return void showRun();
  if (changed.has("member") && !drawing()?.training && state.step !== null) state.step = null;
  syncControls();
  redraws[0](changed.has("marked"));
  redraws[1](changed.has("marked"));
  if (changed.has("marked")) fillTable();
  if (changed.size > 1 || !changed.has("marked")) showNetwork();
}

function connect() {
  byId("beta").addEventListener("input", () => update({ beta: Number(byId("beta").value) }));
  byId("step").addEventListener("input", () => {
    const step = Number(byId("step").value);
    update({ step: step < Number(byId("step").max) ? step : null });
  });
  byId("member").addEventListener("change", () => update({ member: Number(byId("member").value) }));
  byId("layout").addEventListener("change", () => update({ layout: byId("layout").value }));
  byId("save").addEventListener("click", saveNetwork);
  byId("config").addEventListener("click", () => save(JSON.stringify(run().config, null, 2), "config.json"));
  byId("clear").addEventListener("click", clearBrushes);
  byId("table").addEventListener("toggle", fillTable);
  for (const button of document.querySelectorAll(".copy[data-of]")) {
    button.addEventListener("click", () => copy(/** @type {any} */ (button), byId(/** @type {any} */ (button).dataset.of).textContent));
  }
  play("beta");
  play("step");
  const again = () => {
    forgetColours();
    view.draw();
    for (const redraw of redraws) redraw(true);
  };
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  window.addEventListener("beforeprint", () => (document.documentElement.classList.add("printing"), again()));
  window.addEventListener("afterprint", () => (document.documentElement.classList.remove("printing"), again()));
  let width = window.innerWidth;
  window.addEventListener("resize", () => {
    if (width === window.innerWidth) return;
    width = window.innerWidth;
    redraws = [showPhases(run()), showPlots(run()), showFamilies(run())];
    view.draw();
  });
}

function fillRuns() {
  byId("runs").hidden = runs.length < 2;
  byId("runs").replaceChildren(...runs.map((one, index) => {
    const button = element("button", { "aria-pressed": String(index === 0), onclick: () => update({ run: index }) }, `${index + 1}. ${one.title}`);
    listen(() => button.setAttribute("aria-pressed", String(state.run === index)));
    return button;
  }));
}

runs = await readRuns();
fillRuns();
showComparison(runs);
connect();
listen(follow);
await showRun();
document.documentElement.dataset.ready = String(Math.round(performance.now()));
