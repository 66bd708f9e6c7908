/** A sentence in the place of a picture, and what to do; perhaps a run that does it, and what became of that. */

import { h, icon, prose } from "../dom.js"
import { linkTo } from "./panel.js"

const ICONS = { empty: "empty", info: "info", warning: "broken", broken: "broken" }

export const note = (panel, page) =>
  h("div", { class: `notice ${panel.tone}` },
    icon(ICONS[panel.tone] ?? "info"),
    h("div", {},
      h("p", { class: "sentence" }, prose(panel.sentence)),
      panel.remedy && h("p", { class: "remedy" }, prose(panel.remedy)),
      panel.offer && page.started && offer(panel.offer, page),
      panel.link && h("p", {}, linkTo(panel.link, page, { class: "go" }))))

const offer = (offered, page) => {
  const { busy, tone, sentence, airflow } = page.started(offered) ?? {}
  return h("div", { class: "offer" },
    !airflow && h("p", {}, h("button", { type: "button", class: "go", "data-start": JSON.stringify(offered), disabled: busy }, offered.text)),
    h("p", { role: "status", class: tone ?? null }, busy ? "Airflow is asked …" : sentence,
      airflow && [" ", linkTo({ text: "Open it", airflow }, page)]))
}
