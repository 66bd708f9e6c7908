/**
 * The address is the state: who copies it sees the same view, and *back* goes to what was before.
 *
 * `view`, and what the browser alone does with it (`zone`, `table`, `find.<panel>`, `sort.<panel>`), are read here; all
 * other names are choices that the server computes with. Addresses are relative, so a proxy may put a path before them.
 */

const OWN = new Set(["view", "zone", "table"])
const OF_A_PANEL = /^(find|sort)\.(.+)$/
/** Choices that keep their meaning in every view. */
const SHARED = ["day", "bots"]

/** Return the state that a query (`location.search`) stands for; without a view it is the `first`. */
export const parse = (search, first) => {
  const state = { view: first, zone: "utc", tables: [], query: {}, find: {}, sort: {} }
  for (const [name, value] of new URLSearchParams(search)) {
    const [, what, panel] = OF_A_PANEL.exec(name) ?? []
    if (what) state[what][panel] = value
    else if (name === "view") state.view = value || first
    else if (name === "zone") state.zone = value === "local" ? "local" : "utc"
    else if (name === "table") state.tables = value.split(",").filter(Boolean)
    else if (!OWN.has(name)) state.query[name] = value
  }
  return state
}

/** Return the address of a state, relative to the page. */
export const print = (state) => {
  const found = new URLSearchParams({ view: state.view, ...state.query })
  if (state.zone === "local") found.set("zone", "local")
  if (state.tables.length) found.set("table", state.tables.join(","))
  for (const what of ["find", "sort"]) {
    for (const [panel, value] of Object.entries(state[what])) if (value) found.set(`${what}.${panel}`, value)
  }
  return `?${found}`
}

/** Return the state after going to another view: what every view knows stays, and `query` comes in. */
export const goTo = (state, view, query = {}) => {
  const shared = Object.fromEntries(SHARED.filter((name) => name in state.query).map((name) => [name, state.query[name]]))
  return { view, zone: state.zone, tables: [], query: { ...shared, ...query }, find: {}, sort: {} }
}

/** Return the state with other choices. */
export const choose = (state, name, value) => ({ ...state, query: { ...state.query, [name]: value } })

/** Return the address that the server is asked at, and under which an answer is kept. */
export const request = (kind, state) => {
  const query = new URLSearchParams(Object.entries(state.query).sort())
  return `${kind}/${encodeURIComponent(state.view)}${query.size ? `?${query}` : ""}`
}

/** Return the address of a panel's CSV. */
export const csv = (state, panel) => {
  const query = new URLSearchParams(state.query)
  return `csv/${encodeURIComponent(state.view)}/${encodeURIComponent(panel)}${query.size ? `?${query}` : ""}`
}
