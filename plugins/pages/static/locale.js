/**
 * A language that the browser's own formatters take, before uPlot is loaded: it asks `Intl` for the browser's once, and
 * some name one that is no language tag ("en-US@posix", from a POSIX locale).
 */
try {
  Intl.getCanonicalLocales(navigator.language)
} catch {
  Object.defineProperty(navigator, "language", { value: "en" })
}
