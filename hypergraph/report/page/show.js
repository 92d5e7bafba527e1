/** Small things of the page: elements, numbers as text, colours, the tip beside the pointer. */

/**
 * An element with properties and children; texts are never read as markup.
 * @param {string} tag
 * @param {Object<string, any>} [properties]
 * @param {...(Node | string)} children
 * @returns {any}
 */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "style") Object.assign(made.style, value);
    else if (name.includes("-") || name === "role" || name === "for") made.setAttribute(name, value);
    else /** @type {any} */ (made)[name] = value;
  }
  made.append(...children);
  return made;
}

/**
 * @param {string} id
 * @returns {any}
 */
export const byId = (id) => document.getElementById(id);

/**
 * A number as people write it; a dash where it was not finite.
 * @param {number | null | undefined} value
 */
export function shown(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (size >= 1000 && size < 1e5) return count(Math.round(value));
  return size !== 0 && (size < 1e-3 || size >= 1e5) ? value.toExponential(2).replace("e+", "e") : value.toPrecision(3);
}

/** @param {number} beta */
export const price = (beta) => beta.toExponential(1).replace("e+", "e");

const whole = new Intl.NumberFormat("en-US");

/** @param {number} step */
export const count = (step) => whole.format(step);

/** @type {Map<string, string>} */
const colours = new Map();

/**
 * A colour of the style, which depends on the theme.
 * @param {string} name
 */
export function colourOf(name) {
  if (!colours.has(name)) colours.set(name, getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim());
  return /** @type {string} */ (colours.get(name));
}

/** Read the colours again, after the theme has changed. */
export function forgetColours() {
  colours.clear();
}

/**
 * A picture that is kept, to be copied under what moves.
 * @param {number} width
 * @param {number} height
 * @param {(context: CanvasRenderingContext2D) => void} paint
 */
export function backdrop(width, height, paint) {
  const canvas = document.createElement("canvas");
  return {
    repaint: () => paint(contextOf(canvas, width, height)),
    copyTo: (/** @type {CanvasRenderingContext2D} */ context) => context.drawImage(canvas, 0, 0, width, height),
  };
}

/**
 * A context whose unit is a CSS pixel.
 * @param {HTMLCanvasElement} canvas
 * @param {number} width
 * @param {number} height
 */
export function contextOf(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

/**
 * @param {string} text
 * @param {MouseEvent} event
 */
export function tip(text, event) {
  const box = byId("tip");
  box.hidden = !text;
  box.textContent = text;
  box.style.left = `${Math.min(event.clientX + 14, window.innerWidth - box.offsetWidth - 8)}px`;
  box.style.top = `${Math.min(event.clientY + 14, window.innerHeight - box.offsetHeight - 8)}px`;
}

export function hideTip() {
  byId("tip").hidden = true;
}

/**
 * Stroke the current path so that it stands out on anything.
 * @param {CanvasRenderingContext2D} context
 */
export function ring(context) {
  context.strokeStyle = colourOf("halo");
  context.lineWidth = 5;
  context.stroke();
  context.strokeStyle = colourOf("ring");
  context.lineWidth = 2.5;
  context.stroke();
}

/** The outlines of the marks of labels, within 1 of the origin: shapes tell apart what colours do not. */
const OUTLINES = [
  null,
  [[-0.85, -0.85], [0.85, -0.85], [0.85, 0.85], [-0.85, 0.85]],
  [[0, -1.15], [1.05, 0.75], [-1.05, 0.75]],
  [[0, -1.25], [1.1, 0], [0, 1.25], [-1.1, 0]],
  [[0, 1.15], [1.05, -0.75], [-1.05, -0.75]],
  [[-1, -0.4], [-0.4, -0.4], [-0.4, -1], [0.4, -1], [0.4, -0.4], [1, -0.4], [1, 0.4], [0.4, 0.4], [0.4, 1], [-0.4, 1], [-0.4, 0.4], [-1, 0.4]],
];

/**
 * Add the mark of a label to the current path.
 * @param {CanvasRenderingContext2D} context
 * @param {number} label
 * @param {number} x
 * @param {number} y
 * @param {number} radius
 */
export function traceMark(context, label, x, y, radius) {
  const outline = OUTLINES[label % OUTLINES.length];
  context.beginPath();
  if (!outline) context.arc(x, y, radius, 0, 2 * Math.PI);
  else outline.forEach(([dx, dy], n) => context[n ? "lineTo" : "moveTo"](x + dx * radius, y + dy * radius));
  context.closePath();
}
