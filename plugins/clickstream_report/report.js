/**
 * The figures in the file → the same pictures as in the pages, one view under the other.
 *
 * Nothing is asked for, and the address stays as it is: what a person chooses (a table for a picture, an order, UTC or
 * local time) lasts as long as the page.
 */

import { h, morphChildren } from "../pages/static/dom.js"
import { zoneName } from "../pages/static/format.js"
import { drawView } from "../pages/static/view.js"

const { title, made, views } = JSON.parse(document.getElementById("figures").textContent)
const ids = new Set(views.map((view) => view.id))
/** View → what is chosen in it. */
const chosen = new Map(views.map((view) => [view.id, { tables: [], find: {}, sort: {} }]))
let zone = "utc"

const page = (view) => ({
  state: { view: view.id, zone, query: {}, ...chosen.get(view.id) },
  currency: view.currency,
  csv: null,
  href: (link) => (ids.has(link.view) && link.view !== view.id ? `#${link.view}` : null),
})

const draw = () => {
  const buttons = ["utc", "local"].map((one) =>
    h("button", { type: "button", "data-zone": one, "aria-pressed": String(one === zone), title: zoneName(one) }, one === "utc" ? "UTC" : "Local"))
  const top = h("header", { class: "top" },
    h("strong", { class: "day" }, title),
    h("nav", { "aria-label": "Views" }, views.map((view) => h("a", { href: `#${view.id}` }, view.title))),
    h("div", { class: "zones segments", role: "group", "aria-label": "Hours in" }, buttons))
  const main = h("main", { class: "report" }, views.map((view) =>
    h("section", { id: view.id, "data-key": view.id }, drawView(view, page(view)))),
  h("p", { class: "made" }, `Made ${made} from the tables of the lake.`))
  morphChildren(document.getElementById("report"), h("div", {}, top, main))
}

const choicesAt = (element) => chosen.get(element.closest("[data-view]").dataset.view)

document.addEventListener("click", (event) => {
  const button = event.target.closest("button")
  if (!button) return
  const { zone: other, table, sort, by } = button.dataset
  if (other) zone = other
  else if (table) {
    const choices = choicesAt(button)
    choices.tables = choices.tables.includes(table) ? choices.tables.filter((one) => one !== table) : [...choices.tables, table]
  } else if (sort) choicesAt(button).sort[sort] = by
  else return
  draw()
})

document.addEventListener("input", (event) => {
  const panel = event.target.dataset.find
  if (!panel) return
  choicesAt(event.target).find[panel] = event.target.value
  draw()
})

document.body.append(h("div", { id: "report" }))
draw()
