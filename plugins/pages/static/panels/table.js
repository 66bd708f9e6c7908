/** Rows of a table: sorted by a click on a heading, filtered by what is typed, and shaded where something is wrong. */

import { h, icon, unseen } from "../dom.js"
import { instant, number, UNKNOWN } from "../format.js"
import { linkTo } from "./panel.js"

export const table = (panel, page) => {
  const wanted = page.state.find[panel.id] ?? ""
  const order = page.state.sort[panel.id] ?? ""
  const rows = sorted(matching(panel, wanted, page), panel, order)
  return [
    panel.filter_label && h("label", { class: "filter", "data-key": "filter" },
      h("span", {}, panel.filter_label),
      h("input", { type: "search", "data-find": panel.id, value: wanted, autocomplete: "off", spellcheck: "false" })),
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": panel.title || "Table", "data-key": "scroll" },
      h("table", {},
        h("thead", {}, h("tr", {}, panel.columns.map((column) => heading(panel, column, order)))),
        h("tbody", {}, rows.map(([row, index]) => line(panel, row, panel.shaded.includes(index), page))))),
    !rows.length && h("p", { class: "nothing", "data-key": "nothing" }, wanted ? `No row contains “${wanted}”.` : "No rows."),
    panel.cut > 0 && h("p", { class: "cut", "data-key": "cut" }, `and ${number(panel.cut)} more, which are not shown`),
  ]
}

const heading = (panel, column, order) => {
  const [name, down] = order.startsWith("-") ? [order.slice(1), true] : [order, false]
  const by = name === column.name
  return h("th", { scope: "col", class: classOf(column), "aria-sort": by ? (down ? "descending" : "ascending") : null },
    h("button", { type: "button", "data-sort": panel.id, "data-by": by && !down ? `-${column.name}` : by ? "" : column.name },
      column.label, h("span", { class: "order", "aria-hidden": "true" }, by ? (down ? "▾" : "▴") : "")))
}

const line = (panel, row, shaded, page) =>
  h("tr", { class: shaded ? "shaded" : null }, panel.columns.map((column, index) =>
    h("td", { class: classOf(column) },
      shaded && index === 0 && [icon("broken"), unseen("wrong: ")],
      cell(row[index], column, page))))

const classOf = ({ kind }) => ({ number: "number", verdict: "word", state: "word", text: "text" })[kind] ?? "fixed"

const cell = (value, column, page) => {
  if (value === null || value === undefined) return h("span", { class: "unknown" }, UNKNOWN)
  switch (column.kind) {
    case "number": return number(value, column.unit, page.currency)
    case "time": case "hour": case "day": return written(value, column.kind, page)
    case "verdict": return h("span", { class: `chip ${value === "accepted" ? "good" : "bad"}` }, String(value))
    case "state": return state(String(value))
    case "link": return typeof value === "object" ? linkTo(value, page) : String(value)
    default: return String(value)
  }
}

const WORDS = { ok: ["good", "settled", "ok"], warning: ["warn", "provisional", "pending"], broken: ["bad", "broken", "broken"] }

const state = (value) => {
  const [tone, picture, word] = WORDS[value] ?? ["", "info", value]
  return h("span", { class: `chip ${tone}` }, icon(picture), word)
}

const written = (value, kind, page) => h("time", { datetime: String(value) }, instant(value, kind, page.state.zone))

const matching = (panel, wanted, page) => {
  const rows = panel.rows.map((row, index) => [row, index])
  const text = wanted.trim().toLowerCase()
  if (!text) return rows
  const spelled = (value, column) =>
    ["time", "hour", "day"].includes(column.kind) ? instant(value, column.kind, page.state.zone) : value?.text ?? String(value ?? "")
  return rows.filter(([row]) => row.some((value, at) => spelled(value, panel.columns[at]).toLowerCase().includes(text)))
}

const sorted = (rows, panel, order) => {
  const down = order.startsWith("-")
  const at = panel.columns.findIndex((column) => column.name === (down ? order.slice(1) : order))
  if (!order || at < 0) return rows
  const numeric = panel.columns[at].kind === "number"
  const key = ([row]) => (numeric ? Number(row[at]) : row[at]?.text ?? String(row[at]))
  const unknown = ([row]) => row[at] === null
  return [...rows].sort((a, b) => {
    // What is not known comes last in either order.
    if (unknown(a) || unknown(b)) return unknown(a) - unknown(b)
    const [one, other] = [key(a), key(b)]
    return (one < other ? -1 : one > other ? 1 : 0) * (down ? -1 : 1)
  })
}
