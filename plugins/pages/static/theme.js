/**
 * Light or dark as Airflow's UI, from before the first paint on: `data-theme` of the root element.
 *
 * Airflow 3 (next-themes) keeps the mode as a class of its root element, and the choice in `localStorage.theme`. In
 * Airflow's frame we follow the class; in a tab of its own the page reads the choice, which another tab may change; else
 * the system's preference counts. Each change is an event `themechange` of the document.
 */
{
  const root = document.documentElement
  const system = matchMedia("(prefers-color-scheme: dark)")

  /** Airflow's root element, if the page stands in its frame. */
  const outer = (() => {
    try {
      return parent === window ? null : parent.document.documentElement
    } catch {
      return null
    }
  })()

  const stored = () => {
    try {
      return localStorage.getItem("theme")
    } catch {
      return null
    }
  }

  const current = () => {
    const known = ["light", "dark"]
    const shown = known.find((name) => outer?.classList.contains(name))
    return shown ?? known.find((name) => name === stored()) ?? (system.matches ? "dark" : "light")
  }

  const follow = () => {
    const theme = current()
    if (root.dataset.theme === theme) return
    root.dataset.theme = theme
    document.dispatchEvent(new Event("themechange"))
  }

  follow()
  if (outer) new MutationObserver(follow).observe(outer, { attributeFilter: ["class"] })
  addEventListener("storage", follow)
  system.addEventListener("change", follow)
}
