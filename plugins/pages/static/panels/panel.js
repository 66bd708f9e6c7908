/** The frame around each panel: its heading, what it counts, the ways to read it otherwise, and why it can be trusted. */

import { h, icon, prose, unseen } from "../dom.js"

const STATES = { settled: "Settled", provisional: "Provisional", broken: "Does not add up" }

/** Return a panel with `body` in it; `asTable` is whether it is shown as one, undefined where it always is or never. */
export const frame = (panel, body, page, asTable) => {
  const heading = `${page.state.view}-${panel.id}-heading`
  const state = panel.trust?.state
  return h("section", {
    class: `panel ${panel.kind}${state ? ` ${state}` : ""}`,
    "data-key": panel.id,
    "data-panel": panel.id,
    "aria-labelledby": panel.title ? heading : null,
    "aria-label": panel.title ? null : "Notice",
  },
    panel.title && h("header", {},
      h("div", { class: "heading" },
        h("h2", { id: heading }, panel.title),
        panel.about && h("p", { class: "about" }, prose(panel.about))),
      h("div", { class: "ways" }, asTable !== undefined && toggle(panel, asTable), page.csv && panel.kind !== "note" && csvLink(panel, page))),
    h("div", { class: "body", "data-key": asTable ? "as table" : panel.kind }, body),
    panel.trust && trust(panel.trust, page))
}

const toggle = (panel, asTable) =>
  h("button", { type: "button", class: "way", "data-table": panel.id, "aria-pressed": String(asTable) },
    "Table", unseen(` instead of a picture: ${panel.title}`))

const csvLink = (panel, page) =>
  h("a", { class: "way", href: page.csv(panel.id), download: "" }, "CSV", unseen(`: ${panel.title}`))

const trust = ({ state, sentence, link }, page) =>
  h("footer", { class: `trust ${state}` },
    icon(state), h("strong", {}, STATES[state] ?? state), h("span", {}, prose(sentence)), link && linkTo(link, page))

/** Return a link to another view or to a page of Airflow; in a report, which has none of these, its text. */
export const linkTo = (link, page, attributes) => {
  const href = page.href(link)
  if (!href) return h("span", attributes, link.text)
  const where = link.view ? { "data-go": "" } : { "data-leave": "" }
  return h("a", { href, ...where, ...attributes }, link.text)
}
