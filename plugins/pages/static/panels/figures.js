/** Numbers side by side, each beside what it was before. */

import { h, unseen } from "../dom.js"
import { change, number, signed } from "../format.js"

export const figures = (panel, page) =>
  h("dl", { class: "numbers" }, panel.figures.map((figure) =>
    h("div", {},
      h("dt", {}, figure.label),
      h("dd", { class: "value", "data-value": figure.label }, number(figure.value, figure.unit, page.currency)),
      figure.before !== null && h("dd", { class: "before" }, delta(figure), " ",
        h("span", { class: "then" }, number(figure.before, figure.unit, page.currency), figure.before_label && ` ${figure.before_label}`)),
      figure.note && h("dd", { class: "note" }, figure.note))))

/** Return by how much a figure changed, in the colour of whether that is good. */
export const delta = ({ value, before, more_is_better: better }) => {
  const share = change(value, before)
  if (share === null) return null
  const good = better === null || better === undefined || share === 0 ? "" : (share > 0) === better ? " good" : " poor"
  return h("span", { class: `delta${good}` }, signed(share), unseen(good && (good === " good" ? " (better)" : " (worse)")))
}
