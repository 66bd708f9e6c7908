/**
 * The page in a frame of Airflow's UI: the address above follows ours, and links lead out of the frame.
 *
 * Airflow's address of a page in the navigation is <root>plugin/<name><the frame's address>. Airflow writes it when the
 * frame loads, and from then on we do. The frame's sandbox forbids it to open windows or to leave by itself; the
 * document above may, and has our origin.
 */

const outer = (() => {
  try {
    return parent === window ? null : parent.document && parent
  } catch {
    return null // of another origin: nothing above can be followed
  }
})()

/** Write our address into the one above, in place: both histories have the same length. */
export const tellAddress = () => {
  if (!outer) return
  const root = new URL(outer.document.baseURI).pathname
  const page = outer.location.pathname.startsWith(`${root}plugin/`)
    && outer.location.pathname.slice(root.length).split("/")[1]
  // In a tab of a DAG or of a run the address above has no room for ours.
  if (!page) return
  const address = `${root}plugin/${page}${location.pathname}${location.search}`
  if (outer.location.pathname + outer.location.search === address) return
  outer.history.replaceState(outer.history.state, "", address)
}

/** Follow a link to a page of Airflow; true if that was done here, false if the browser should. */
export const leave = (address, { newTab }) => {
  if (!outer) return false
  const link = outer.document.createElement("a")
  link.href = new URL(address, location.href).href
  if (newTab) link.target = "_blank"
  link.rel = "noopener"
  link.click()
  return true
}
