/**
 * An address → a view, kept with its ETag: a view that was seen is shown at once, and then asked for again.
 *
 * One address at a time may be asked for before a person goes there. It ends as soon as anything else is asked for.
 *
 * What goes wrong is a `Failure`, which says what to do, and never an empty view.
 */

/** A view may take this long: the server reads many files once after each change of a table. */
const PATIENCE = 60_000
/** Addresses that are kept. */
const ROOM = 40

/** Address → {view, etag}, the latest last. */
const kept = new Map()
/** What is asked for ahead: {address, view, end}, of which `view` is a promise and `end` an AbortController. */
let ahead = null

/**
 * Why there is no view: a sentence and what to do, whether a session is missing, whether to ask `again` may help, and
 * the `view` that the server sent instead.
 */
export class Failure extends Error {
  constructor(sentence, remedy, { signedOut = false, again = true, view = null } = {}) {
    super(sentence)
    Object.assign(this, { sentence, remedy, signedOut, again, view })
  }
}

/** Return what is kept of an address, or null. */
export const seen = (address) => kept.get(address)?.view ?? null

/** Ask for an address where a person may go next, unless it is kept. */
export const loadAhead = (address) => {
  if (kept.has(address) || ahead?.address === address) return
  ahead?.end.abort()
  const end = new AbortController()
  const mine = (ahead = { address, end, view: fetched(address, end.signal, "low") })
  // Nobody waits for it: who goes there after a failure asks again, and is told.
  mine.view.catch(() => null).then(() => ahead === mine && (ahead = null))
}

/** Return the view of an address; `signal` ends it, whereupon an AbortError is thrown. */
export const load = (address, signal) => {
  const begun = ahead
  ahead = null
  if (begun?.address !== address) {
    begun?.end.abort()
    return fetched(address, signal, "auto")
  }
  signal.addEventListener("abort", () => begun.end.abort())
  return begun.view
}

const fetched = async (address, signal, priority) => {
  const known = kept.get(address)
  const answer = await ask(address, known?.etag, signal, priority)
  const view = answer.status === 304 ? known.view : await viewOf(answer, signal)
  kept.delete(address)
  kept.set(address, { view, etag: answer.headers.get("ETag") ?? known?.etag })
  if (kept.size > ROOM) kept.delete(kept.keys().next().value)
  return view
}

const ask = async (address, etag, signal, priority) => {
  try {
    const headers = { Accept: "application/json", ...(etag && { "If-None-Match": etag }) }
    // Not the browser's own cache: what is kept here is taken apart already.
    return await fetch(address, { headers, priority, cache: "no-store", signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]) })
  } catch (error) {
    throw unless(signal, error)
  }
}

const viewOf = async (answer, signal) => {
  if (answer.status === 401 || answer.status === 403) {
    throw new Failure("You are signed out.", "Sign in to Airflow again; this page then goes on.", { signedOut: true, again: false })
  }
  const body = await answer.json().catch((error) => {
    if (error.name !== "SyntaxError") throw unless(signal, error)
  })
  if (answer.ok && Array.isArray(body?.panels)) return body
  const note = body?.panels?.find((panel) => panel.kind === "note")
  if (note) throw new Failure(note.sentence, note.remedy, { view: body, again: answer.status >= 500 })
  const said = typeof body?.detail === "string" ? ` (${body.detail})` : ""
  throw new Failure(
    `The server answered ${answer.status}${said}, and no view.`,
    "Reload the page; if that does not help, look into the log of Airflow's API server.",
  )
}

const unless = (signal, error) => {
  if (signal.aborted) return error
  if (error.name === "TimeoutError") {
    return new Failure(
      `The server did not answer within ${PATIENCE / 1000} seconds.`,
      "It may be busy: choose a shorter range, or wait; the page asks again by itself.",
    )
  }
  return new Failure(
    "The server cannot be reached.",
    "Look whether Airflow's API server runs and the network is there; the page asks again by itself.",
  )
}
