/** Lines or stacked bars over time, with a legend that hides lines, and what happened below. */

import { h } from "../dom.js"
import { instant } from "../format.js"
import { chart } from "./chart.js"

export const series = (panel, page) => {
  if (!panel.instants.length) return h("p", { class: "nothing" }, "Nothing in this range.")
  return [
    chart(panel, page),
    panel.marks.length > 0 && h("div", { class: "marks", tabindex: "0", role: "region", "aria-label": `What happened: ${panel.title}`, "data-key": "marks" },
      h("ol", {}, panel.marks.map((mark) => h("li", {},
        h("time", { datetime: mark.at }, instant(mark.at, "time", page.state.zone)),
        h("strong", {}, mark.label), mark.detail && h("span", {}, mark.detail))))),
  ]
}
