/** The browser tracker: one script that defines `window.clickstream`. See docs/browser.md. */

/** What an event may say; any other property is kept, as JSON, in the column `extra`. */
export interface ClickstreamProperties {
  /** The product: a text, or a whole number of at most 2^53. */
  product_id?: string | number
  /** Not negative, below 10^16; rounded to two places. Of a "Refund" the amount given back, with either sign. */
  price?: number
  /** The currency of `price`, as ISO 4217: "EUR". */
  currency?: string
  /** Seconds spent on the item; else the seconds since this page, or this address of an application, was opened. */
  time_on_data?: number
  /** Percent of the item seen; else how far down this page was seen. */
  percent_viewed?: number
  /** The page's address; else the browser's, without what is behind `#`. */
  page_url?: string
  /** Where the visitor came from; else `document.referrer`, or an application's address before this one. */
  referrer?: string
  [name: string]: unknown
}

export interface ClickstreamOptions {
  /** The API's address without `/events`, and without a slash at its end: "https://shop.example/collect". */
  endpoint?: string
  /** Becomes `pixel_id`, which names the site. */
  pixel?: string
  /** Keeps events in memory, and stores and sends nothing, until `consent(true)`. */
  consent?: "required"
  /**
   * Called when an event is lost ("queue full", "too large", "refused"), with the event, or with what was thrown when a
   * call could not be understood.
   */
  onerror?: (reason: unknown, event?: unknown) => void
}

export interface Clickstream {
  /** Record an event: "Search", "ViewContent", "AddToCart", "Purchase", "Refund", or a name of your own. */
  (name: string, properties?: ClickstreamProperties): void
  /** Call a function once the script has loaded. */
  (then: () => void): void
  /** Set what the script tag's data- attributes do not say. */
  init(options: ClickstreamOptions): void
  /** Name the user, in every event from now on of this page; without a value, nobody. */
  identify(userId?: string | number | null): void
  /** The visitor's answer. No: what is stored is removed, and nothing is recorded until a yes. */
  consent(given: boolean): void
  /** The same as `consent(false)`: remove visitor id, user and waiting events from this browser. */
  forget(): void
  /** Send now what waits, unless the API asked to wait. */
  flush(): void
  /** How many events were lost, and calls not understood, on this page. */
  readonly lost: number
  /** Calls from before the script had loaded; the snippet in docs/browser.md fills it. */
  q?: unknown[]
}

declare global {
  const clickstream: Clickstream
  interface Window {
    clickstream: Clickstream
  }
}
