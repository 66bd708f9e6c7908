/** Steps of a funnel: who reached each, who was lost on the way to it, and how long that takes. */

import { h } from "../dom.js"
import { number } from "../format.js"

/** Return for each step its share of the first step and of the step before; null where nobody could reach it. */
export const sharesOf = (steps) => steps.map((step, index) => {
  const before = steps[index - 1]
  return {
    ofFirst: steps[0].users ? step.users / steps[0].users : null,
    ofBefore: before && before.users ? step.users / before.users : null,
    lost: before ? before.users - step.users : 0,
  }
})

export const funnel = (panel) => {
  const shares = sharesOf(panel.steps)
  if (!panel.steps.length) return h("p", { class: "nothing" }, "No steps are chosen.")
  return h("ol", { class: `through ${panel.in_order ? "ordered" : "unordered"}` }, panel.steps.map((step, index) => [
    index > 0 && h("li", { class: "between" }, between(step, shares[index])),
    h("li", { class: "step" },
      h("span", { class: "name" }, h("span", { class: "ordinal", "aria-hidden": "true" }, String(index + 1)), step.label),
      h("span", { class: "track", "aria-hidden": "true" },
        h("span", { class: "fill", css: { "--share": `${(shares[index].ofFirst ?? 0) * 100}%` } })),
      h("span", { class: "value" }, number(step.users)),
      h("span", { class: "share" }, number(shares[index].ofFirst, "percent"))),
  ]))
}

const between = (step, { ofBefore, lost }) => [
  h("span", { class: "on" }, number(ofBefore, "percent"), " went on"),
  lost > 0 && h("span", { class: "lost" }, `${number(lost)} left`),
  // Users who did a later step alone count there, if the order does not matter.
  lost < 0 && h("span", {}, `${number(-lost)} more than the step before`),
  step.median_seconds !== null && h("span", {}, `half of them within ${number(step.median_seconds, "seconds")}`),
]
