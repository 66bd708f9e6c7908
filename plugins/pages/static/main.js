/**
 * The page: a state in the address → a view that is asked for, drawn, and asked for again while it changes.
 *
 * All events are heard at one place, so that what is drawn anew needs no listener. What is shown is never taken away by
 * an answer that fails: it stays, marked as old, under what to do.
 */

import { choose, csv, goTo, parse, print, request } from "./address.js"
import { choiceOf } from "./controls.js"
import { h, icon, morph, morphChildren } from "./dom.js"
import { instant, zoneName } from "./format.js"
import { leave, tellAddress } from "./frame.js"
import { Failure, load, loadAhead, seen } from "./loading.js"
import { start } from "./starting.js"
import { drawView } from "./view.js"

const VIEWS = JSON.parse(document.querySelector("meta[name=views]").content)
/** After a failure the page waits this many seconds, and twice as long after each further one. */
const RETRY = [5, 60]
/** An answer that comes within this time, in milliseconds, needs no sign that one waits. */
const UNNOTICED = 150
/** Who points at a way so long, in milliseconds, is about to go it. */
const DWELL = 40
/** Choices that cost the server seconds: they are computed for nobody who has not made them. */
const COSTLY = ["steps"]

const nav = h("nav", { "aria-label": "Views" })
const zones = h("div", { class: "zones segments", role: "group", "aria-label": "Hours in" })
const trouble = h("div", { class: "trouble", role: "alert" })
const main = h("main", { id: "main" })
document.body.append(
  h("a", { class: "skip", href: "#main", "data-skip": "" }, "To the figures"),
  h("header", { class: "top" }, nav, zones),
  trouble,
  main,
)

const current = () => parse(location.search, VIEWS[0]?.id ?? "")
let state = current()
/** The view that is drawn, and the address that it came from. */
let shown = { view: null, address: null }
let waiting = new AbortController()
let timer = 0
let dwelling = 0
let failures = 0
/** What a panel offered to start → what became of it, as long as the page is open. */
const starts = new Map()
/** When to ask again, in milliseconds. */
let due = Infinity

/** Ask for what the state says, and draw it; with `kept`, what was seen of it comes at once. */
const show = async ({ kept = true } = {}) => {
  waiting.abort()
  clearTimeout(timer)
  const mine = (waiting = new AbortController())
  const address = request("data", state)
  drawTop()
  tellAddress()
  if (kept && address !== shown.address && seen(address)) draw(seen(address), address)
  else if (address === shown.address) draw(shown.view, address)
  const busy = setTimeout(() => main.setAttribute("aria-busy", "true"), UNNOTICED)
  try {
    const view = await load(address, mine.signal)
    failures = 0
    settle(null)
    draw(view, address)
    again(view.refresh_seconds)
  } catch (error) {
    if (mine.signal.aborted) return
    fail(error, address)
  } finally {
    clearTimeout(busy)
    if (mine === waiting) main.removeAttribute("aria-busy")
  }
}

/** Ask again after some seconds, unless nobody looks. */
const again = (seconds) => {
  clearTimeout(timer)
  due = seconds > 0 ? Date.now() + seconds * 1000 : Infinity
  if (seconds > 0 && !document.hidden) timer = setTimeout(() => show({ kept: false }), seconds * 1000)
}

const draw = (view, address) => {
  const fresh = h("main", {}, drawView(view, page(view)))
  if (shown.view?.id === view.id) morphChildren(main, fresh)
  else main.replaceChildren(...fresh.childNodes)
  shown = { view, address }
  document.title = `${view.title} · Analytics`
}

const page = (view) => ({
  state,
  currency: view.currency,
  csv: (panel) => csv(state, panel),
  started: (offered) => starts.get(JSON.stringify(offered)),
  href: (link) => (link.view ? print(goTo(state, link.view, link.query)) : link.airflow ? `../${link.airflow.replace(/^\/+/, "")}` : null),
})

/** Start what a button offers, once, and say under it what became of it. */
const startBy = async (offered) => {
  if (starts.get(offered)?.busy) return
  const say = (what) => {
    starts.set(offered, what)
    if (shown.view) draw(shown.view, shown.address)
  }
  say({ busy: true })
  say(await start(JSON.parse(offered)))
}

const fail = (error, address) => {
  if (!(error instanceof Failure)) console.error(error)
  const failure = error instanceof Failure ? error : new Failure(
    "This page has an error.", `Reload it, and if it stays, report what the browser's console says (${error.name}).`)
  const old = shown.address === address ? shown.view : null
  if (!old && failure.view) drawInstead(failure.view)
  else if (!old) drawNothing()
  settle(old || !failure.view ? { ...failure, sentence: failure.sentence, old } : null)
  again(failure.again ? Math.min(RETRY[0] * 2 ** failures++, RETRY[1]) : 0)
}

/** Draw what says that there is no view; the choices stay, for one of them may be why. */
const drawInstead = (view) => {
  const before = shown.view?.id === view.id ? shown.view.controls : []
  const controls = before.map((control) => ({ ...control, value: state.query[control.name] ?? control.value }))
  draw({ ...view, controls: view.controls.length ? view.controls : controls }, null)
}

const drawNothing = () => {
  shown = { view: null, address: null }
  const known = VIEWS.find((one) => one.id === state.view)
  main.replaceChildren(h("article", { class: "view" }, h("header", { class: "title" },
    h("div", {}, h("h1", { tabindex: "-1" }, known?.title ?? "Analytics"), h("p", {}, "Nothing to show until the server answers.")))))
}

/** Say what went wrong over the figures, or take that away. */
const settle = (what) => {
  main.classList.toggle("old", Boolean(what?.old))
  if (!what) return trouble.replaceChildren()
  const since = what.old && ` The figures below are of ${instant(what.old.as_of, "time", state.zone)} ${zoneName(state.zone)}.`
  const fresh = h("div", {}, h("div", { class: "banner broken" }, icon("broken"),
    h("p", {}, h("strong", {}, what.sentence), ` ${what.remedy}`, since),
    what.signedOut ? h("a", { class: "go", href: "../", "data-leave": "" }, "Sign in") : h("button", { type: "button", class: "go", "data-again": "" }, "Ask again")))
  morphChildren(trouble, fresh)
}

const drawTop = () => {
  const links = VIEWS.map((view) =>
    h("a", { href: print(goTo(state, view.id)), "data-go": "", "aria-current": view.id === state.view ? "page" : null, title: view.sentence }, view.title))
  morph(nav, h("nav", { "aria-label": "Views" }, links))
  const buttons = ["utc", "local"].map((zone) =>
    h("button", { type: "button", "data-zone": zone, "aria-pressed": String(zone === state.zone), title: zoneName(zone) }, zone === "utc" ? "UTC" : "Local"))
  morphChildren(zones, h("div", {}, buttons))
  const here = nav.querySelector("[aria-current]")
  if (here) nav.scrollLeft = here.offsetLeft - (nav.clientWidth - here.offsetWidth) / 2
}

/** Take on another state; with `step`, *back* returns to the one before. */
const become = (next, { step = true } = {}) => {
  if (print(next) === location.search) return
  const ask = request("data", next) !== request("data", state)
  const elsewhere = next.view !== state.view
  history[step ? "pushState" : "replaceState"](null, "", print(next))
  state = next
  if (elsewhere) scrollTo(0, 0)
  if (ask) return show().then(() => elsewhere && arrive())
  drawTop()
  tellAddress()
  if (shown.view) draw(shown.view, shown.address)
}

/** In another view a screen reader begins at its heading, unless the person is further already. */
const arrive = () => {
  if (shown.view?.id === state.view && !main.contains(document.activeElement)) main.querySelector("h1").focus({ preventScroll: true })
}

document.addEventListener("click", (event) => {
  clearTimeout(dwelling)
  const plain = !(event.ctrlKey || event.metaKey || event.shiftKey || event.button)
  const link = event.target.closest("a[data-go], a[data-leave], a[data-skip]")
  if (link?.matches("[data-leave]")) {
    if (leave(link.getAttribute("href"), { newTab: !plain })) event.preventDefault()
  } else if (link && plain) {
    event.preventDefault()
    if (link.matches("[data-skip]")) main.querySelector("h1")?.focus()
    else become(parse(new URL(link.href).search, state.view))
  }
  const button = event.target.closest("button")
  if (!button) return
  const { zone, table, sort, by } = button.dataset
  const chosen = choiceOf(event)
  if (chosen) become(choose(state, ...chosen))
  else if (zone) become({ ...state, zone })
  else if (table) {
    const has = state.tables.includes(table)
    become({ ...state, tables: has ? state.tables.filter((one) => one !== table) : [...state.tables, table] })
  } else if (sort) become({ ...state, sort: { ...state.sort, [sort]: by } }, { step: false })
  else if ("again" in button.dataset) show({ kept: false })
  else if (button.dataset.start) startBy(button.dataset.start)
})

/** Return the state to which a click on an element leads, if the server is asked for it then; else null. */
const stateBehind = (element) => {
  const link = element.closest?.("a[data-go]")
  if (link) return parse(new URL(link.href).search, state.view)
  const button = element.closest?.("button[data-set]")
  return button && choose(state, button.dataset.set, button.dataset.to)
}

const isCheap = (next) => !COSTLY.some((name) => next.query[name])

/** Ask ahead for what a person is about to choose, unless traffic is to be saved. */
const expect = (event) => {
  clearTimeout(dwelling)
  const next = navigator.connection?.saveData ? null : stateBehind(event.target)
  if (next && isCheap(next)) dwelling = setTimeout(() => loadAhead(request("data", next)), DWELL)
}

document.addEventListener("pointerover", expect)
document.addEventListener("focusin", expect)

document.addEventListener("change", (event) => {
  const chosen = choiceOf(event)
  if (chosen) become(choose(state, ...chosen))
})

document.addEventListener("input", (event) => {
  const panel = event.target.dataset.find
  if (panel) become({ ...state, find: { ...state.find, [panel]: event.target.value } }, { step: false })
})

document.addEventListener("submit", (event) => {
  event.preventDefault() // a field that was changed has said so
})

addEventListener("popstate", () => {
  state = current()
  show()
})

document.addEventListener("visibilitychange", () => {
  clearTimeout(timer)
  if (document.hidden || due === Infinity) return
  timer = setTimeout(() => show({ kept: false }), Math.max(0, due - Date.now()))
})

show()
