/**
 * Elements are made here and nowhere else: by tag, attributes and children, and texts are text nodes. No HTML is parsed,
 * so no value can become any.
 *
 * `morph` makes what is shown like what was drawn anew, and keeps each node that still fits: with it focus, scroll
 * position and what a person is typing.
 */

const SVG = "http://www.w3.org/2000/svg"

/** Attributes that a person changes, or that CSP lets be set by property only. */
const LEFT_ALONE = new Set(["open", "style"])

const fill = (element, attributes, children) => {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue
    if (name === "css") for (const [property, one] of Object.entries(value)) element.style.setProperty(property, one)
    else element.setAttribute(name, value === true ? "" : value)
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false))
  return element
}

/** Return an HTML element; `css` are custom properties and properties of its style. */
export const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children)

/** Return an SVG element. */
export const svg = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children)

const ICONS = {
  settled: "M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13ZM6.9 11 4.2 8.3l1-1 1.7 1.7 3.9-3.9 1 1Z",
  provisional: "M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13Zm0 1.5a5 5 0 0 1 0 10ZM7.3 4v4.4l3 1.8.7-1.2-2.3-1.4V4Z",
  broken: "M8 1 15.2 14H.8ZM7.2 5.6v4h1.6v-4Zm0 5v1.6h1.6v-1.6Z",
  empty: "M2 3h12v10H2Zm1.4 1.4v5.1h2.4l.8 1.4h2.8l.8-1.4h2.4V4.4Z",
  info: "M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13ZM7.2 4.4h1.6V6H7.2Zm0 2.6h1.6v4.6H7.2Z",
  left: "M10.5 2.5 5 8l5.5 5.5 1-1L7 8l4.5-4.5Z",
  right: "M5.5 2.5 11 8l-5.5 5.5-1-1L9 8 4.5 3.5Z",
  close: "m4 3-1 1 4 4-4 4 1 1 4-4 4 4 1-1-4-4 4-4-1-1-4 4Z",
}

/** Return a small picture that says nothing to a screen reader: a word stands beside it. */
export const icon = (name) =>
  svg("svg", { class: `icon ${name}`, viewBox: "0 0 16 16", "aria-hidden": "true", focusable: "false" },
    svg("path", { d: ICONS[name] ?? ICONS.info, "fill-rule": "evenodd" }))

/** Return a text for screen readers alone. */
export const unseen = (...text) => h("span", { class: "unseen" }, ...text)

/** Return a sentence as nodes: what stands between backticks is a name of the program, and set as such. */
export const prose = (text) =>
  text.split("`").map((part, index, all) => (index % 2 && index < all.length - 1 ? h("code", {}, part) : part))

/** Make `shown` like `drawn`. What draws itself (a chart) has a method `follow`, and is given the other's `given`. */
export const morph = (shown, drawn) => {
  if (shown.nodeType === Node.TEXT_NODE) {
    if (shown.data !== drawn.data) shown.data = drawn.data
    return
  }
  if (shown.follow && drawn.given) return shown.follow(drawn.given)
  for (const { name } of [...shown.attributes]) {
    if (!LEFT_ALONE.has(name) && !drawn.hasAttribute(name)) shown.removeAttribute(name)
  }
  for (const { name, value } of drawn.attributes) {
    if (!LEFT_ALONE.has(name) && shown.getAttribute(name) !== value) shown.setAttribute(name, value)
  }
  if (shown.style.cssText !== drawn.style.cssText) shown.style.cssText = drawn.style.cssText
  morphChildren(shown, drawn)
  if ("value" in drawn && shown.localName !== "li" && shown !== document.activeElement && shown.value !== drawn.value) {
    shown.value = drawn.value
  }
}

/** Make the children of `parent` like those of `drawn`; a `data-key` says which is which. */
export const morphChildren = (parent, drawn) => {
  const byKey = new Map([...parent.children].filter(keyOf).map((child) => [keyOf(child), child]))
  let next = parent.firstChild
  for (const child of [...drawn.childNodes]) {
    const key = keyOf(child)
    const same = key ? byKey.get(key) : keyOf(next) ? null : next
    if (!same || same.nodeName !== child.nodeName || Boolean(same.follow) !== Boolean(child.follow)) {
      parent.insertBefore(child, next)
      continue
    }
    if (same === next) next = next.nextSibling
    else parent.insertBefore(same, next)
    morph(same, child)
  }
  while (next) {
    const gone = next
    next = next.nextSibling
    gone.remove()
  }
}

const keyOf = (node) => node?.dataset?.key
