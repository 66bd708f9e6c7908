/** Rows × columns as a table whose cells are the darker the larger their value is. */

import { h } from "../dom.js"
import { number } from "../format.js"

/** Shades beside none; `page.css` has a class for each. */
const SHADES = 6

export const heatmap = (panel, page) => {
  if (!panel.rows.length) return h("p", { class: "nothing" }, "No cohorts in this range.")
  // A cohort begins with nearly all of it: if that counted, everything later would be pale.
  const from = panel.unit === "percent" && panel.columns.length > 1 ? 1 : 0
  const most = Math.max(...panel.rows.flatMap((row) => row.values.slice(from)).map((value) => Number(value ?? 0)), 0)
  const shade = (value) => value === null ? "none" : most > 0 ? Math.min(SHADES, Math.ceil((Number(value) / most) * (SHADES - from)) + (value > most ? 1 : 0)) : 0
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": panel.title, "data-key": "scroll" },
    h("table", { class: "heat" },
      h("thead", {}, h("tr", {},
        h("th", { scope: "col" }, "Cohort"), h("th", { scope: "col", class: "number" }, "Size"),
        panel.columns.map((column) => h("th", { scope: "col", class: "number" }, column)))),
      h("tbody", {}, panel.rows.map((row) => h("tr", {},
        h("th", { scope: "row" }, row.label), h("td", { class: "number" }, number(row.size)),
        row.values.map((value) => h("td", { class: `cell s${shade(value)}` }, number(value, panel.unit, page.currency))))))))
}
