/**
 * Numbers, money and times → texts.
 *
 * Money and other decimals travel as text, and no digit of them is lost: they are grouped, never reckoned with. What is
 * not known is a dash. Instants are written in UTC or in the browser's zone; a day is a UTC day in either.
 */

export const UNKNOWN = "–"
const NBSP = "\u00a0"

const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 2 })
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 })

/** Return a number as its unit is written; `currency` is an ISO code, or "". */
export const number = (value, unit = "count", currency = "") => {
  if (value === null || value === undefined || Number.isNaN(value)) return UNKNOWN
  switch (unit) {
    case "percent": return percent(Number(value))
    case "money": return money(value, currency)
    case "dollars": return money(value, "USD")
    case "seconds": return duration(Number(value))
    case "rate": return `${decimal(value, 0, 2)}/s`
    default: return decimal(value, 0)
  }
}

/** Return a number for an axis: short, and with its unit. */
export const short = (value, unit = "count", currency = "") => {
  if (unit === "percent") return `${grouped.format(value * 100)}${NBSP}%`
  if (unit === "seconds") return duration(value)
  const text = compact.format(value).replace("K", "k")
  if (unit === "rate") return `${text}/s`
  if (unit === "dollars") return text.replace(/^-?/, "$&$")
  if (unit === "money" && symbol(currency).length === 1) return text.replace(/^-?/, `$&${symbol(currency)}`)
  return text
}

/** Return the digits of a number or of a decimal text, grouped, with at least `least` after the point. */
export const decimal = (value, least, most = Infinity) => {
  if (typeof value === "number" && (most < Infinity || !Number.isInteger(value))) {
    const digits = { minimumFractionDigits: least, maximumFractionDigits: Math.min(most, Math.max(least, 2)) }
    return new Intl.NumberFormat("en", digits).format(value)
  }
  const { sign, whole, fraction } = digitsOf(String(value))
  if (whole === undefined) return String(value)
  const shown = fraction.replace(/0+$/, "").padEnd(least, "0")
  return sign + whole.replace(/\B(?=(\d{3})+$)/g, ",") + (shown && `.${shown}`)
}

/** Take a decimal apart as Python writes it, which may have an exponent: 1E+3, 0E-8. */
const digitsOf = (text) => {
  const [, sign, left, right = "", exponent = "0"] = /^(-?)(\d+)(?:\.(\d*))?(?:e([+-]?\d+))?$/i.exec(text) ?? []
  if (left === undefined) return {}
  const digits = left + right
  const point = left.length + Number(exponent)
  const whole = point > 0 ? digits.slice(0, point).padEnd(point, "0") : "0"
  const fraction = point >= 0 ? digits.slice(point) : "0".repeat(-point) + digits
  return { sign, whole: whole.replace(/^0+(?=\d)/, ""), fraction }
}

const percent = (share) => {
  const value = share * 100
  const size = Math.abs(value)
  if (size > 0 && size < 0.01) return `${value < 0 ? "> −" : "< "}0.01${NBSP}%`
  // What is nearly all is not all.
  if (share < 1 && value > 99.95) return value > 99.99 ? `> 99.99${NBSP}%` : `${value.toFixed(2)}${NBSP}%`
  const digits = size >= 1 ? 1 : 2
  return `${value.toFixed(size === 0 || size === 100 ? 0 : digits)}${NBSP}%`
}

const money = (value, currency) => {
  const text = decimal(value, 2)
  const sign = symbol(currency)
  if (!sign) return text
  return sign.length === 1 ? text.replace(/^-?/, `$&${sign}`) : `${text}${NBSP}${sign}`
}

const symbol = (currency) => {
  try {
    const parts = new Intl.NumberFormat("en", { style: "currency", currency, currencyDisplay: "narrowSymbol" })
    return parts.formatToParts(0).find((part) => part.type === "currency").value
  } catch {
    return currency
  }
}

/** Return a duration in its two largest units. */
export const duration = (seconds) => {
  if (seconds < 0) return `−${duration(-seconds)}`
  if (seconds < 10) return `${grouped.format(seconds)}${NBSP}s`
  const whole = Math.round(seconds)
  for (const [size, name, below, smaller] of [[86400, "d", 3600, "h"], [3600, "h", 60, "min"], [60, "min", 1, "s"]]) {
    if (whole < size) continue
    const rest = Math.floor((whole % size) / below)
    return `${grouped.format(Math.floor(whole / size))}${NBSP}${name}${rest ? ` ${rest}${NBSP}${smaller}` : ""}`
  }
  return `${whole}${NBSP}s`
}

/** Return by how much a number is more or less than it was, as a share; null where there is no share. */
export const change = (value, before) => {
  if (value === null || before === null || Number(before) === 0) return null
  return (Number(value) - Number(before)) / Math.abs(Number(before))
}

export const signed = (share) => (share > 0 ? "+" : share < 0 ? "−" : "±") + percent(Math.abs(share)).replace(/^[<>] /, "")

const FORMATS = {
  time: { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit" },
  hour: { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" },
  minute: { hour: "2-digit", minute: "2-digit" },
  clock: { hour: "2-digit", minute: "2-digit", second: "2-digit" },
  day: { weekday: "short", day: "numeric", month: "short", year: "numeric" },
  "short day": { day: "numeric", month: "short" },
}
const made = new Map()

/** Return an instant (a Date, or its ISO text) in the zone "utc" or "local"; what is no instant stays as it is. */
export const instant = (value, kind, zone) => {
  if (value === null || value === undefined) return UNKNOWN
  const at = value instanceof Date ? value : new Date(value)
  if (Number.isNaN(at.getTime())) return String(value)
  // A day is a UTC day wherever one looks at it.
  const utc = zone !== "local" || kind === "day" || kind === "short day"
  const key = `${kind} ${utc}`
  if (!made.has(key)) {
    made.set(key, new Intl.DateTimeFormat("en-GB", { ...FORMATS[kind], hourCycle: "h23", ...(utc && { timeZone: "UTC" }) }))
  }
  return made.get(key).format(at)
}

/** Return the name of the zone in which instants are written. */
export const zoneName = (zone) => (zone === "local" ? Intl.DateTimeFormat().resolvedOptions().timeZone : "UTC")
