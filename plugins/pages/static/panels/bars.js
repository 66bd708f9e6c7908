/** A ranking: a bar for each row, a tick where it was before, and the sum, where there is one. */

import { h, unseen } from "../dom.js"
import { number } from "../format.js"
import { delta } from "./figures.js"
import { linkTo } from "./panel.js"

export const bars = (panel, page) => {
  const { unit } = panel
  // Others together may be many times what one is: their bar then runs off.
  const ranked = panel.bars.some((bar) => !bar.rest) ? panel.bars.filter((bar) => !bar.rest) : panel.bars
  const most = Math.max(...ranked.flatMap((bar) => [Number(bar.value), Number(bar.before ?? 0)]), 0)
  const share = (value) => `${most > 0 ? Math.min(100, Math.max(0, (Number(value) / most) * 100)) : 0}%`
  if (!panel.bars.length) return h("p", { class: "nothing" }, "Nothing to rank in this range.")
  const compared = panel.bars.some((bar) => bar.before !== null)
  return h("div", {},
    h("ol", { class: `ranking${compared ? " compared" : ""}` }, panel.bars.map((bar) =>
      h("li", { class: bar.rest ? (Number(bar.value) > most ? "rest beyond" : "rest") : null },
        h("span", { class: "label" }, bar.link ? linkTo({ ...bar.link, text: bar.label }, page) : bar.label, bar.note && h("small", {}, bar.note)),
        h("span", { class: "track", "aria-hidden": "true" },
          h("span", { class: "fill", css: { "--share": share(bar.value) } }),
          bar.before !== null && h("span", { class: "tick", css: { "--share": share(bar.before) } })),
        h("span", { class: "value" }, number(bar.value, unit, page.currency)),
        compared && h("span", { class: "change" },
          bar.before !== null && [delta({ ...bar, more_is_better: null }), unseen(`, before ${number(bar.before, unit, page.currency)}`)])))),
    panel.total !== null && h("p", { class: "total" }, "Total ", h("strong", {}, number(panel.total, unit, page.currency))))
}
