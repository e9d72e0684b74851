// The one place where elements are made. Text goes in as text and never as markup, so nothing that a client, a server
// or a model has named can become part of the page.

/** @typedef {Node | string | number | null | undefined | false} Child */

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string | number | boolean | undefined | null>} [attributes] `class` and whatever
 *   `setAttribute` takes, but no style and no handler. False and null leave an attribute out.
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) setAttribute(element, name, value);
  element.append(...children.flatMap((child) => (isShown(child) ? [asNode(child)] : [])));
  return element;
}

/**
 * @param {Element} element
 * @param {string} name
 * @param {string | number | boolean | null | undefined} value
 */
function setAttribute(element, name, value) {
  if (value === undefined || value === null || value === false) element.removeAttribute(name);
  else element.setAttribute(name, value === true ? '' : String(value));
}

/**
 * The element of this id, which is in index.html.
 * @template {HTMLElement} [Type=HTMLElement]
 * @param {string} id
 * @returns {Type}
 */
export function byId(id) {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`The page has no #${id}`);
  return /** @type {Type} */ (element);
}

/**
 * Makes the parent hold these children and no others. A node that is there already stays the very node, so that focus
 * and what a person has opened outlive an update.
 * @param {Element} parent
 * @param {readonly Child[]} children
 */
export function fill(parent, children) {
  const wanted = children.flatMap((child) => (isShown(child) ? [asNode(child)] : []));
  wanted.forEach((node, at) => {
    if (parent.childNodes[at] !== node) parent.insertBefore(node, parent.childNodes[at] ?? null);
  });
  while (parent.childNodes.length > wanted.length) parent.lastChild?.remove();
}

/**
 * Writes a text where it differs: an unchanged live region is not read out again.
 * @param {Element} element
 * @param {string} text
 */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Elements by key, each made once and then only brought up to date.
 * @template Value
 * @param {Element} parent
 * @param {{ key: (value: Value) => string, make: (value: Value) => { element: Element, update: (value: Value) => void } }} how
 */
export function keyedList(parent, { key, make }) {
  /** @type {Map<string, { element: Element, update: (value: Value) => void }>} */
  const rows = new Map();
  return {
    /** @param {readonly Value[]} values */
    show(values) {
      const keys = new Set(values.map(key));
      for (const old of [...rows.keys()]) if (!keys.has(old)) rows.delete(old);
      const elements = values.map((value) => {
        const row = rows.get(key(value)) ?? make(value);
        rows.set(key(value), row);
        row.update(value);
        return row.element;
      });
      fill(parent, elements);
    },
  };
}

/**
 * @param {Child} child
 * @returns {child is Node | string | number}
 */
function isShown(child) {
  return child !== null && child !== undefined && child !== false;
}

/** @param {Node | string | number} child */
function asNode(child) {
  return child instanceof Node ? child : document.createTextNode(String(child));
}
