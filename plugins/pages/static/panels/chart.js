/**
 * A panel of lines → a picture by uPlot, which draws on a canvas; the numbers are read by pointer, by arrow keys or, as
 * a table, all at once.
 *
 * Decimals are plotted as floats, and written as they came. The colours are those of `page.css`, asked for again when
 * the theme changes. What is not settled lies under a veil of stripes.
 */

import { h, morphChildren } from "../dom.js"
import { instant, number, short, zoneName } from "../format.js"

const STEPS = { minute: 60, hour: 3600, day: 86400 }
/** Colours of lines in their order; `page.css` has a custom property for each. */
const COLOURS = 16
/** Bars that are narrower run into each other. */
const LEAST_BAR = 5
const HEIGHT = 232

/** Return an element that draws a panel once it is in the page, and that `morph` lets draw the next. */
export const chart = (panel, page) => {
  const element = h("series-chart", { "data-key": "chart" })
  element.given = { panel, page }
  return element
}

/** Return the values that have no neighbour: no line leads to them, so they are dots. */
const lone = (plotted, series) => {
  const values = plotted.data[series]
  return [...values.keys()].filter((at) => values[at] !== null && (values[at - 1] ?? null) === null && (values[at + 1] ?? null) === null)
}

class Chart extends HTMLElement {
  hiddenLines = new Set()

  connectedCallback() {
    this.legend = h("ul", { class: "legend" })
    this.plot = h("div", { class: "plot", tabindex: "0", role: "img" })
    this.tip = h("div", { class: "tip", "aria-hidden": "true", hidden: true })
    this.read = h("p", { class: "unseen", "aria-live": "polite" })
    this.replaceChildren(this.legend, this.plot, this.tip, this.read)
    this.plot.addEventListener("keydown", (event) => this.walk(event))
    this.plot.addEventListener("blur", () => this.point(null))
    this.legend.addEventListener("click", (event) => this.toggle(event.target.closest("button")))
    this.recolour = () => this.plotted && this.build()
    document.addEventListener("themechange", this.recolour)
    this.sized = new ResizeObserver(() => this.resize())
    this.sized.observe(this.plot)
    this.follow(this.given)
  }

  disconnectedCallback() {
    this.sized.disconnect()
    document.removeEventListener("themechange", this.recolour)
    this.plotted?.destroy()
    this.plotted = null
    this.width = 0
  }

  /** Draw a panel; one of the same lines is drawn into the same picture. */
  follow({ panel, page }) {
    const shape = (one) => JSON.stringify([one.lines.map((line) => [line.label, line.unit]), one.stacked, one.step])
    const same = this.panel && shape(this.panel) === shape(panel) && this.page.state.zone === page.state.zone
    this.given = { panel, page }
    this.panel = panel
    this.page = page
    this.seconds = panel.instants.map((at) => Date.parse(at) / 1000)
    this.attempt(() => this.describe())
    if (!this.width) return
    if (same && this.plotted) this.attempt(() => this.plotted.batch(() => this.plotted.setData(this.data())))
    else this.build()
  }

  resize() {
    const width = this.plot.clientWidth
    if (!width || width === this.width) return
    this.width = width
    if (this.plotted) this.plotted.setSize({ width, height: HEIGHT })
    else this.build()
  }

  /** Do what may fail in a browser: what is wrong stands in the picture's place, and the other panels stay. */
  attempt(draw) {
    try {
      draw()
    } catch (error) {
      console.error(error)
      this.plotted?.destroy()
      this.plotted = null
      this.plot.replaceChildren(h("p", { class: "nothing" }, `The picture cannot be drawn (${error.message}). “Table” shows its figures.`))
    }
  }

  build() {
    this.plotted?.destroy()
    this.plotted = null
    // A policy or a blocker may have kept the library out: all figures are in the table.
    if (typeof uPlot === "undefined") return this.plot.replaceChildren(h("p", { class: "nothing" }, "The picture cannot be drawn: uPlot did not load. “Table” shows its figures."))
    this.paint = getComputedStyle(this)
    this.attempt(() => {
      this.plotted = new uPlot(this.options(), this.data(), this.plot)
      this.plotted.batch(() => null) // draws now: else it would be drawn, and fail, where nobody catches it
    })
  }

  /** Return a column for each instant, and one for each line; a stacked line stands on those before it. */
  data() {
    const values = this.panel.lines.map((line) => line.values.map((value) => (value === null ? null : Number(value))))
    if (!this.panel.stacked) return [this.seconds, ...values]
    const sums = this.seconds.map(() => 0)
    const stacked = values.map((line, index) => {
      if (this.hiddenLines.has(index)) return line.map(() => null)
      return line.map((value, at) => (value === null ? null : (sums[at] += value)))
    })
    // The highest is drawn first, and each lower one over it.
    return [this.seconds, ...stacked.reverse()]
  }

  /** Return the lines in the order in which they are drawn, each with its index. */
  drawn() {
    const lines = this.panel.lines.map((line, index) => ({ line, index }))
    return this.panel.stacked ? lines.reverse() : lines
  }

  options() {
    const units = [...new Set(this.panel.lines.map((line) => line.unit))]
    const { state, currency } = this.page
    const step = STEPS[this.panel.step] ?? 3600
    const utc = state.zone !== "local" || this.panel.step === "day"
    const axis = { font: `11px ${this.paint.fontFamily}`, stroke: this.colour("--muted"), ticks: { show: false } }
    const grid = { stroke: this.colour("--grid"), width: 1 }
    const single = this.panel.lines.filter((line) => !line.dashed).length === 1
    return {
      width: this.width,
      height: HEIGHT,
      padding: [14, units.length > 1 ? 0 : 18, 0, 0],
      tzDate: (at) => (utc ? uPlot.tzDate(new Date(at * 1000), "Etc/UTC") : new Date(at * 1000)),
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 7, width: 2, fill: this.colour("--surface") } },
      scales: {
        x: { range: (_, from, to) => [from, to + (this.panel.stacked || from === to ? step : 0)] },
        ...Object.fromEntries(units.map((unit) => [unit, { range: (_, from, to) => [Math.min(0, from ?? 0), to > 0 ? to * 1.08 : 1] }])),
      },
      axes: [
        { ...axis, grid: { show: false }, space: 64, size: (_, values) => ((values ?? []).some((text) => text.includes("\n")) ? 36 : 22), values: (_, splits) => splits.map((at, index) => this.tickOf(at, splits[index - 1])) },
        ...units.slice(0, 2).map((unit, index) => ({
          ...axis, scale: unit, side: index ? 1 : 3, grid: index ? { show: false } : grid, space: 40,
          ...(unit === "count" && { incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, ...[3, 4, 5, 6, 7, 8, 9].flatMap((tens) => [1, 2, 5].map((one) => one * 10 ** tens))] }),
          values: (_, splits) => splits.map((value) => short(value, unit, currency)),
          size: (_, values) => 18 + Math.max(...(values ?? [""]).map((text) => text.length)) * 6.2,
        })),
      ],
      series: [{}, ...this.drawn().map(({ line, index }) => this.styleOf(line, index, single))],
      hooks: { setCursor: [(plotted) => this.point(plotted.cursor.idx)], draw: [(plotted) => this.veil(plotted)] },
    }
  }

  styleOf(line, index, single) {
    const colour = this.colour(this.nameOf(index))
    const shown = { scale: line.unit, show: !this.hiddenLines.has(index), stroke: colour, width: line.dashed ? 1.5 : 2, spanGaps: false }
    if (this.panel.stacked) {
      return { ...shown, fill: colour, width: 0, points: { show: false }, paths: (...given) => this.bars(...given) }
    }
    const fill = single && !line.dashed ? (plotted) => this.fade(plotted, colour) : undefined
    const paths = line.stepped ? uPlot.paths.stepped({ align: 1 }) : undefined
    return { ...shown, fill, paths, dash: line.dashed ? [5, 4] : undefined, points: { size: 6, filter: lone } }
  }

  bars(plotted, ...given) {
    const room = plotted.bbox.width / devicePixelRatio / Math.max(1, this.seconds.length)
    const draw = room >= LEAST_BAR
      ? uPlot.paths.bars({ size: [0.82, 40], align: 1 })
      : uPlot.paths.stepped({ align: 1 })
    return draw(plotted, ...given)
  }

  fade(plotted, colour) {
    const { top, height } = plotted.bbox
    const gradient = plotted.ctx.createLinearGradient(0, top, 0, top + height)
    gradient.addColorStop(0, `${colour}33`)
    gradient.addColorStop(1, `${colour}05`)
    return gradient
  }

  /** Lay stripes over what is not settled, and a line where something happened. */
  veil(plotted) {
    const { ctx, bbox } = plotted
    const { provisional_from: from, marks } = this.panel
    const at = (seconds) => Math.round(plotted.valToPos(seconds, "x", true))
    ctx.save()
    ctx.beginPath()
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height)
    ctx.clip()
    if (from) {
      const left = Math.max(bbox.left, at(Date.parse(from) / 1000))
      ctx.fillStyle = this.stripes(ctx)
      ctx.fillRect(left, bbox.top, bbox.left + bbox.width - left, bbox.height)
      this.rule(ctx, left, bbox, "--warn", [4 * devicePixelRatio, 3 * devicePixelRatio])
    }
    for (const mark of marks) {
      const x = at(Date.parse(mark.at) / 1000)
      this.rule(ctx, x, bbox, "--mark", [])
      ctx.fillStyle = this.colour("--mark")
      const size = 4 * devicePixelRatio
      ctx.beginPath()
      ctx.moveTo(x - size, bbox.top)
      ctx.lineTo(x + size, bbox.top)
      ctx.lineTo(x, bbox.top + size * 1.4)
      ctx.fill()
    }
    ctx.restore()
  }

  rule(ctx, x, bbox, name, dash) {
    ctx.strokeStyle = this.colour(name)
    ctx.lineWidth = devicePixelRatio
    ctx.setLineDash(dash)
    ctx.beginPath()
    ctx.moveTo(x, bbox.top)
    ctx.lineTo(x, bbox.top + bbox.height)
    ctx.stroke()
  }

  stripes(ctx) {
    const size = Math.round(7 * devicePixelRatio)
    const tile = h("canvas", { width: String(size), height: String(size) })
    const pen = tile.getContext("2d")
    pen.fillStyle = `${this.colour("--surface")}8c`
    pen.fillRect(0, 0, size, size)
    pen.strokeStyle = `${this.colour("--warn")}40`
    pen.lineWidth = devicePixelRatio
    pen.beginPath()
    for (const shift of [-size, 0, size]) {
      pen.moveTo(shift, size)
      pen.lineTo(shift + size, 0)
    }
    pen.stroke()
    return ctx.createPattern(tile, "repeat")
  }

  /** Return the name of a line's colour: red is for what is bad alone, and grey for what it is compared with. */
  nameOf(index) {
    const { lines } = this.panel
    // Where all is bad, nothing stands out by being red.
    const plain = lines.every((line) => line.bad) && lines.length > 1 ? () => true : (line) => !line.bad && !line.dashed
    if (!plain(lines[index])) return lines[index].bad ? "--bad-line" : "--dashed"
    const before = lines.slice(0, index).filter(plain).length
    return `--line-${before % COLOURS}`
  }

  colour(name) {
    return this.paint.getPropertyValue(name).trim()
  }

  tickOf(at, before) {
    const { zone } = this.page.state
    const date = new Date(at * 1000)
    if (this.panel.step === "day") return instant(date, "short day", "utc")
    const day = (seconds) => new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", ...(zone !== "local" && { timeZone: "UTC" }) }).format(seconds * 1000)
    const clock = instant(date, "minute", zone)
    // The day stands where it begins, and under the first hour.
    if (before === undefined || day(before) !== day(at)) return clock === "00:00" ? day(at) : `${clock}\n${day(at)}`
    return clock
  }

  describe() {
    const { panel, page } = this
    const [first, last] = [panel.instants[0], panel.instants.at(-1)].map((at) => instant(at, this.kind(), page.state.zone))
    const names = panel.lines.map((line) => line.label).join(", ")
    this.plot.setAttribute("aria-label", `${panel.title || "Chart"}: ${names}, ${first} to ${last}. Arrow keys read the values.`)
    morphChildren(this.legend, h("ul", {}, this.legendEntries()))
  }

  legendEntries() {
    const entries = this.panel.lines.map((line, index) =>
      h("li", {}, h("button", { type: "button", "data-line": String(index), "aria-pressed": String(!this.hiddenLines.has(index)) },
        h("span", { class: `swatch${line.dashed ? " dashed" : ""}`, css: { "--swatch": `var(${this.nameOf(index)})` } }), line.label)))
    if (this.panel.provisional_from) {
      const since = instant(this.panel.provisional_from, this.kind(), this.page.state.zone)
      entries.push(h("li", { class: "veiled" }, h("span", { class: "swatch stripes" }), `not settled since ${since}`))
    }
    return entries
  }

  toggle(button) {
    if (!button) return
    const index = Number(button.dataset.line)
    if (!this.hiddenLines.delete(index)) this.hiddenLines.add(index)
    this.describe()
    const place = this.drawn().findIndex((one) => one.index === index) + 1
    this.plotted.setSeries(place, { show: !this.hiddenLines.has(index) })
    if (this.panel.stacked) this.plotted.setData(this.data())
  }

  walk(event) {
    const last = this.seconds.length - 1
    const now = this.plotted?.cursor.idx ?? -1
    const to = { ArrowRight: Math.min(now + 1, last), ArrowLeft: now < 0 ? last : Math.max(now - 1, 0), Home: 0, End: last }[event.key]
    if (to === undefined || !this.plotted) return
    event.preventDefault()
    this.plotted.setCursor({ left: this.plotted.valToPos(this.seconds[to], "x"), top: 8 })
    const { title, rows, marks } = this.readings(to)
    this.read.textContent = [title, ...rows.map((row) => `${row.label} ${row.text}`), ...marks].join(", ")
  }

  readings(index) {
    const { panel, page } = this
    const until = this.seconds[index] + (STEPS[panel.step] ?? 3600)
    const title = instant(panel.instants[index], this.kind(), page.state.zone)
    return {
      title: panel.step === "day" ? title : `${title} ${zoneName(page.state.zone)}`,
      rows: panel.lines.map((line, at) => ({ label: line.label, at, text: number(line.values[index], line.unit, page.currency) })).filter(({ at }) => !this.hiddenLines.has(at)),
      marks: panel.marks.filter((mark) => Date.parse(mark.at) / 1000 >= this.seconds[index] && Date.parse(mark.at) / 1000 < until).map((mark) => mark.label),
    }
  }

  /** Show the values of an instant beside the pointer. */
  point(index) {
    this.tip.hidden = index === null || index === undefined
    if (this.tip.hidden) return
    const { title, rows, marks } = this.readings(index)
    this.tip.replaceChildren(
      h("p", { class: "when" }, title),
      ...rows.map((row) => h("p", {}, h("span", { class: `swatch${this.panel.lines[row.at].dashed ? " dashed" : ""}`, css: { "--swatch": `var(${this.nameOf(row.at)})` } }), row.label, h("strong", {}, row.text))),
      ...marks.map((mark) => h("p", { class: "mark" }, mark)),
    )
    const left = this.plotted.valToPos(this.seconds[index], "x") + this.plotted.bbox.left / devicePixelRatio
    const room = this.width - left > this.tip.offsetWidth + 24
    this.tip.style.transform = `translate(${Math.max(0, room ? left + 14 : left - this.tip.offsetWidth - 14)}px, 18px)`
    this.tip.style.top = `${this.plot.offsetTop}px`
  }

  kind() {
    return { day: "day", hour: "hour" }[this.panel.step] ?? "time"
  }
}

customElements.define("series-chart", Chart)
