/** A view → its elements: heading, choices and panels. What the server sent is drawn as it is; nothing is reckoned here. */

import { drawControls } from "./controls.js"
import { h, icon } from "./dom.js"
import { instant, number, zoneName } from "./format.js"
import { drawPanel } from "./panels/kinds.js"

/** A view that is asked for again within these seconds is live. */
const LIVE = 10
/** Panels that are as good at half of the width. */
const HALVES = new Set(["series", "bars"])

/** Return the whole view. `page` has the state, the currency, and the addresses of CSV and links. */
export const drawView = (view, page) =>
  h("article", { class: view.provisional ? "view provisional" : "view", "data-view": view.id, "data-key": view.id },
    heading(view, page),
    h("div", { "data-key": "controls" }, drawControls(view.controls.filter((control) => control.name !== "zone"))),
    view.provisional && view.panels.some((panel) => panel.kind !== "note") && h("p", { class: "banner provisional", "data-key": "provisional" }, icon("provisional"),
      h("strong", {}, "Provisional"), " These figures grow while lines arrive. They settle with their hour."),
    panels(view, page))

const heading = (view, page) =>
  h("header", { class: "title", "data-key": "title" },
    h("div", {}, h("h1", { tabindex: "-1" }, view.title), view.sentence && h("p", {}, view.sentence)),
    h("p", { class: "as-of" }, "as of ",
      h("time", { datetime: view.as_of }, instant(view.as_of, "time", page.state.zone)), ` ${zoneName(page.state.zone)}`,
      view.refresh_seconds > 0 && h("span", { class: view.refresh_seconds <= LIVE ? "beat" : null },
        view.refresh_seconds <= LIVE ? "live" : `· asked again every ${number(view.refresh_seconds, "seconds")}`)))

/** Return the panels; of two or more narrow ones in a row, two stand side by side. */
const panels = (view, page) => {
  const drawn = view.panels.map((panel) => drawPanel(panel, page))
  for (const [start, end] of runs(view.panels, page)) {
    const odd = (end - start) % 2
    for (let index = start + odd; index < end; index++) drawn[index].classList.add("half")
  }
  return h("div", { class: "panels", "data-key": "panels" }, drawn)
}

const runs = (all, page) => {
  const narrow = (panel) => HALVES.has(panel.kind) && !page.state.tables.includes(panel.id) && !panel.marks?.length
  const found = []
  for (let start = 0; start < all.length; start++) {
    let end = start
    while (end < all.length && narrow(all[end])) end++
    if (end > start) found.push([start, end])
    start = Math.max(start, end)
  }
  return found
}
