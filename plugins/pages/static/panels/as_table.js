/** A picture → the table that a person can read instead of it, with all of its numbers. */

import { sharesOf } from "./funnel.js"

const column = (name, kind = "number", unit = "count", label = name) => ({ name, label, kind, unit })

const TABLES = {
  series: (panel) => [
    [
      column(panel.step, { hour: "hour", day: "day" }[panel.step] ?? "time"),
      ...panel.lines.map((line, index) => column(`line ${index}`, "number", line.unit, line.label)),
      ...(panel.marks.length ? [column("what happened", "text")] : []),
    ],
    panel.instants.map((at, index) => [
      at,
      ...panel.lines.map((line) => line.values[index]),
      ...(panel.marks.length ? [marksWithin(panel, index)] : []),
    ]),
  ],
  bars: (panel) => [
    [column("name", "text"), column("value", "number", panel.unit), column("before", "number", panel.unit), column("note", "text")],
    [
      ...panel.bars.map((bar) => [bar.label, bar.value, bar.before, bar.note]),
      ...(panel.total === null ? [] : [["total", panel.total, null, ""]]),
    ],
  ],
  funnel: (panel) => {
    const shares = sharesOf(panel.steps)
    return [
      [
        column("step", "text"), column("users"), column("of the first step", "number", "percent"),
        column("of the step before", "number", "percent"), column("left before it"), column("median time", "number", "seconds"),
      ],
      panel.steps.map((step, index) => {
        const { ofFirst, ofBefore, lost } = shares[index]
        return [step.label, step.users, ofFirst, ofBefore, index ? lost : null, step.median_seconds]
      }),
    ]
  },
  flow: (panel) => [
    [column("stage", "text"), column("what", "text"), column("count")],
    panel.stages.flatMap((stage, index) => [
      [stage.label, "in", stage.count],
      ...stage.branches.map((branch) => [stage.label, branch.label, branch.count]),
      ...(panel.missing[index] ? [[stage.label, "missing", panel.missing[index]]] : []),
      ...(stage.other_unit ? [[stage.label, `then ${stage.other_unit}`, null]] : []),
    ]),
  ],
}

/** Return whether a kind of panel is a picture. */
export const isPicture = (panel) => panel.kind in TABLES

/** Return the panel as one of the kind "table". */
export const asTable = (panel) => {
  const [columns, rows] = TABLES[panel.kind](panel)
  return { ...panel, kind: "table", columns, rows, shaded: [], filter_label: "", cut: 0 }
}

/** Return what happened from an instant of a chart to the next. */
const marksWithin = (panel, index) => {
  const from = Date.parse(panel.instants[index])
  const until = index + 1 < panel.instants.length ? Date.parse(panel.instants[index + 1]) : Infinity
  const within = panel.marks.filter((mark) => Date.parse(mark.at) >= from && Date.parse(mark.at) < until)
  return within.map((mark) => (mark.detail ? `${mark.label}: ${mark.detail}` : mark.label)).join("; ") || null
}
