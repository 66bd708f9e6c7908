/** Rejected lines: the offending field is marked, and other values are masked. */

import { h, unseen } from "../dom.js"
import { instant } from "../format.js"

export const samples = (panel, page) => {
  if (!panel.samples.length) return h("p", { class: "nothing" }, "No line was rejected in this range.")
  return h("ul", { class: "lines" }, panel.samples.map((sample) =>
    h("li", {},
      h("p", { class: "why" },
        h("span", { class: "chip bad" }, sample.reason),
        sample.field && h("span", {}, "in ", h("code", {}, sample.field)),
        h("time", { datetime: sample.received_at }, instant(sample.received_at, "time", page.state.zone))),
      h("pre", { tabindex: "0", role: "region", "aria-label": `Line rejected as ${sample.reason}` }, sample.pieces.map((piece) =>
        piece.marked ? h("mark", {}, piece.text)
          : piece.masked ? h("span", { class: "masked" }, piece.text, unseen(" (masked)"))
            : piece.text)))))
}
