/** What is shown, and who wants to know when it changes. */

/**
 * @typedef {{run: number, member: number, beta: number, step: number | null, layout: string,
 *   marked: Set<number> | null}} State
 *   `beta` is the number of the price; `step` that of the checkpoint, null at the end of the training; `marked` are
 *   numbers of networks, null where none is singled out.
 */

/** @type {State} */
export const state = { run: 0, member: 0, beta: 0, step: null, layout: "", marked: null };

/** @type {((changed: Set<keyof State>) => void)[]} */
const listeners = [];

/** @param {(changed: Set<keyof State>) => void} listener */
export function listen(listener) {
  listeners.push(listener);
}

/**
 * Show another network of the run's end, and go to its drawing.
 * @param {{member: number, beta: number}} network
 */
export function visit({ member, beta }) {
  update({ member, beta, step: null });
  const section = /** @type {HTMLElement} */ (document.getElementById("network"));
  section.scrollIntoView({ block: "nearest" });
  section.focus({ preventScroll: true });
}

/** @param {Partial<State>} changes */
export function update(changes) {
  const keys = /** @type {(keyof State)[]} */ (Object.keys(changes));
  const changed = new Set(keys.filter((key) => state[key] !== changes[key]));
  Object.assign(state, changes);
  if (changed.size) for (const listener of listeners) listener(changed);
}
