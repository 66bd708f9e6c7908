/**
 * A ledger as a flow: what comes in at each stage, what leaves it, and red where a stage does not add up. Where the next
 * stage counts something else, both say so, and neither is measured by the other.
 */

import { h, icon, svg } from "../dom.js"
import { number } from "../format.js"
import { linkTo } from "./panel.js"

/** Heights in the picture, whose width is whatever the panel's is. */
const HEIGHT = 96
const LEAST = 1

export const flow = (panel, page) => {
  const heights = mostOfUnit(panel.stages)
  return h("ol", { class: "stages", css: { "--stages": String(panel.stages.length) } }, panel.stages.map((stage, index) => {
    const missing = panel.missing[index] ?? 0
    const next = panel.stages[index + 1]
    return h("li", { class: missing ? "unbalanced" : null },
      h("div", { class: "stage" },
        h("span", { class: "name" }, stage.label),
        h("strong", { class: "value" }, number(stage.count))),
      ribbon(stage, next, missing, heights[index]),
      (stage.branches.length > 0 || missing !== 0) && h("ul", { class: "branches" },
        stage.branches.map((branch) => h("li", { class: branch.bad ? "bad" : null },
          h("span", {}, branch.link ? linkTo({ ...branch.link, text: branch.label }, page) : branch.label),
          h("span", { class: "value" }, branch.count ? `−${number(branch.count)}` : "0"))),
        missing !== 0 && h("li", { class: "missing" },
          h("span", {}, icon("broken"), missing > 0 ? "not accounted for" : "more than came in"),
          h("span", { class: "value" }, number(Math.abs(missing))))),
      next && !missing && (stage.other_unit
        ? h("p", { class: "uncompared" }, icon("info"), stage.other_unit)
        : h("p", { class: "balanced" }, icon("settled"), "adds up")))
  }))
}

/** Return for each stage the largest count among those that count the same as it. */
const mostOfUnit = (stages) => {
  let unit = 0
  const units = stages.map((stage) => (stage.other_unit ? unit++ : unit))
  const most = units.map(() => 1)
  stages.forEach((stage, index) => { most[units[index]] = Math.max(most[units[index]], stage.count) })
  return units.map((one) => most[one])
}

/** Draw what a stage passes on as a band to the right, and what leaves it as bands that bend down. */
const ribbon = (stage, next, missing, most) => {
  const thick = (count) => (count > 0 ? Math.max(LEAST, (count / most) * HEIGHT) : 0)
  const whole = thick(stage.count)
  const sum = (bad) => stage.branches.filter((branch) => branch.bad === bad).reduce((all, branch) => all + branch.count, 0)
  const leaving = [{ count: sum(false), bad: "off" }, { count: sum(true) + Math.max(0, missing), bad: "bad" }]
  const left = stage.branches.reduce((all, branch) => all - branch.count, stage.count)
  const passed = stage.other_unit ? thick(left) : next ? Math.min(thick(next.count), whole) : whole
  let y = passed
  return svg("svg", { class: "ribbon", viewBox: `0 0 100 ${HEIGHT + 24}`, preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("path", { class: missing ? "short" : "on", d: `M0 0H100V${passed}H0Z` }),
    leaving.filter(({ count }) => count > 0).map(({ count, bad }, index, all) => {
      const height = Math.max(LEAST, Math.min(thick(count), whole))
      const x = 40 + (55 * (index + 1)) / (all.length + 1)
      const width = Math.min(30 / all.length, Math.max(2, height / 3))
      const path = `M0 ${y}C${x / 2} ${y} ${x} ${y} ${x} ${HEIGHT + 24}H${x - width}C${x - width} ${y + height} ${x / 3} ${y + height} 0 ${y + height}Z`
      y += height
      return svg("path", { class: bad, d: path })
    }))
}
