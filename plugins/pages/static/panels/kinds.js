/** A panel → its element, by its kind. A new kind is a function here and a class in panels.py. */

import { asTable, isPicture } from "./as_table.js"
import { bars } from "./bars.js"
import { figures } from "./figures.js"
import { flow } from "./flow.js"
import { funnel } from "./funnel.js"
import { heatmap } from "./heatmap.js"
import { note } from "./note.js"
import { frame } from "./panel.js"
import { samples } from "./samples.js"
import { series } from "./series.js"
import { table } from "./table.js"

export const KINDS = { bars, figures, flow, funnel, heatmap, note, samples, series, table }

/** Return an element for a panel. `page` has the state, the currency, and the addresses of CSV and links. */
export const drawPanel = (panel, page) => {
  try {
    return framed(panel, page)
  } catch (error) {
    console.error(error)
    const sentence = `This panel could not be drawn (${error.message}).`
    const remedy = "Reload the page, and if it stays, report what the browser's console says."
    const instead = { id: panel.id, kind: "note", title: panel.title }
    return frame(instead, note({ tone: "broken", sentence, remedy, link: null }, page), page)
  }
}

const framed = (panel, page) => {
  if (!isPicture(panel)) return frame(panel, bodyOf(panel, page), page)
  const chosen = page.state.tables.includes(panel.id)
  return frame(panel, bodyOf(chosen ? asTable(panel) : panel, page), page, chosen)
}

const bodyOf = (panel, page) => {
  const draw = KINDS[panel.kind]
  if (draw) return draw(panel, page)
  const sentence = `This page cannot draw a panel of the kind “${panel.kind}”.`
  return note({ tone: "warning", sentence, remedy: "Reload the page: the server was updated.", link: null }, page)
}
