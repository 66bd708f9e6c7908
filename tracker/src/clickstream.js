/**
 * `clickstream("Purchase", {product_id: 7, price: 9.9})` → POST <endpoint>/events/batch, however the network and the
 * page behave: at least once on the wire, and, since `click_id` stays the same, exactly once in the tables.
 *
 * An event waits in memory and, where the browser lets us, in a key of its own in `localStorage`:
 * `clickstream:<page>:<click_id>`. A page sends what it queued itself, so tabs need no turns. While its queue holds
 * anything, a page holds the Web Lock `clickstream:<page>`; whoever gets that lock knows that the page is gone, and
 * sends what it left. Pages in insecure contexts have no locks: they may send an event twice.
 */

const PREFIX = "clickstream:"
const VISITOR = PREFIX + "visitor"
/** Browsers refuse more than 64 KiB in all requests that outlive the page. */
const MAX_IN_FLIGHT = 61440
/** What an event becomes larger by on its way: `sent_at` and a comma. */
const STAMP = 64
/** The API's limit of a batch. */
const MAX_BATCH = 500
/** A queue of this length does not wait for more. */
const FULL_BATCH = 50
/** In memory and in storage: more than a thousand usual events. */
const MAX_QUEUE_BYTES = 1e6
/** In memory, as long as there is no consent or no endpoint. */
const MAX_WAITING = 1e3

/** `endpoint`, `pixel`, `consent` and `onerror`: the script's data- attributes, then what `init` is given. */
const config = { ...document.currentScript?.dataset }
const locks = navigator.locks
/** Events without a visitor, until they may be stored and there is an endpoint. */
let waiting = []
/** Of this page and of pages that are gone: {key, json, size, sending, stored}. */
let queue = []
/** Page → what releases its lock. */
let held = {}
let answer, user, anonymous
/** `bottom` is the lowest pixel of the page that was seen. */
let url, cameFrom, openedAt, bottom
let timer
let inFlight = 0
let failures = 0
let notBefore = 0
let maxBatch = MAX_BATCH

const randomId = () => crypto.getRandomValues(new Uint32Array(4)).join("-")
const page = randomId()

/** Use localStorage, which may be full, blocked or absent: then the result is undefined. */
const stored = (use) => {
  try {
    return use(localStorage)
  } catch {}
}

/** Of all pages, gone or not; the visitor's as well. */
const eachKey = (use) => {
  stored((storage) => Object.keys(storage).forEach((key) => key.startsWith(PREFIX) && use(key, storage)))
}

/** Whatever a page passes or the browser lacks, nothing is thrown into the page. */
const safe = (action) => {
  return (...values) => {
    try {
      action(...values)
    } catch (error) {
      lose(error)
    }
  }
}

const lose = (reason, json) => {
  clickstream.lost++
  try {
    config.onerror?.(reason, json)
  } catch {}
}

const allowed = () => config.endpoint && (answer ?? !config.consent)

/** Follow which page is shown (an application may change the address by itself), and how much of it was seen. */
const look = () => {
  const now = location.href.split("#")[0]
  if (url != now) {
    cameFrom = url ?? document.referrer
    url = now
    openedAt = Date.now()
    bottom = 0
  }
  bottom = Math.max(bottom, scrollY + innerHeight)
}

const clickstream = safe((name, properties) => {
  if (name.call) return name()
  look()
  const {
    product_id,
    price,
    time_on_data = Math.round((Date.now() - openedAt) / 1e3),
    percent_viewed = Math.min(100, Math.round((100 * bottom) / document.documentElement.scrollHeight)),
    additional_data,
    sent_at, // is stamped on each try
    ...others
  } = properties || {}
  const campaign = {}
  new URLSearchParams(location.search).forEach((value, key) => key.startsWith("utm_") && (campaign[key] = value))
  // Of a visitor who refused, nothing is recorded.
  if (answer ?? true) waiting.push({
    page_url: url,
    referrer: cameFrom,
    ...campaign,
    ...others,
    timestamp: new Date().toISOString(),
    click_id: randomId(),
    event_name: "" + name,
    toJSON: undefined, // one of the page's would write another event
    additional_data: { ...additional_data, product_id, price, time_on_data, percent_viewed },
  })
  if (waiting.length > MAX_WAITING) lose("queue full", waiting.shift())
  proceed()
})

/** Queue what waits, once it may be. */
const proceed = () => {
  if (!allowed()) return
  waiting.splice(0).forEach(safe(enqueue))
  wake()
}

const enqueue = (event) => {
  event.pixel_id ||= config.pixel
  event.anonymous_id = stored((storage) => (storage[VISITOR] ||= randomId())) || (anonymous ||= randomId())
  event.user_id = user || undefined // anonymous_id stands in for it
  hold(page)
  add(PREFIX + page + ":" + event.click_id, JSON.stringify(event, (name, value) => value?.toWellFormed?.() ?? value))
}

const add = (key, json) => {
  const size = new Blob([json]).size + STAMP
  if (size > MAX_IN_FLIGHT) return lose("too large", json)
  queue.push({ key, json, size, stored: stored((storage) => (storage[key] = json)) })
  while (queue.reduce((sum, item) => sum + item.size, 0) > MAX_QUEUE_BYTES) {
    remove(queue.find((item) => !item.sending), "queue full")
  }
}

/** Take an event out of the queue: it is stored in the stream or, if there is a reason, lost. */
const remove = (item, reason) => {
  queue = queue.filter((other) => other != item)
  stored((storage) => delete storage[item.key])
  if (reason) lose(reason, item.json)
}

/** Hold a page's lock, and queue what it left; in vain while that page is alive. */
const hold = (owner) => {
  if (held[owner]) return
  const asked = (held[owner] = () => {})
  const load = () => {
    eachKey((key, storage) => {
      if (key.startsWith(PREFIX + owner + ":") && !queue.some((item) => item.key == key)) {
        add(key, storage[key])
      }
    })
    wake()
  }
  if (!locks) return load()
  locks
    .request(PREFIX + owner, { ifAvailable: true }, (lock) => {
      if (!lock) return held[owner] == asked && delete held[owner]
      // A page that let go before the lock was granted does not take it.
      if (held[owner]) {
        load()
        return new Promise((release) => (held[owner] = release))
      }
    })
    .catch(load)
}

const release = () => {
  for (const owner in held) held[owner]()
  held = {}
}

/** Look for events that pages which are gone left behind. */
const adopt = () => {
  if (!allowed()) return
  eachKey((key) => {
    const [, owner, id] = key.split(":")
    if (id) hold(owner)
  })
}

/** Send soon: at once what fills a batch or is queued while the page goes; after a failure not before `delay` ms. */
const wake = (delay) => {
  if (!delay && (document.hidden || (queue.length >= FULL_BATCH && !failures && !inFlight))) return send()
  if (delay) timer = clearTimeout(timer)
  timer ||= setTimeout(() => {
    timer = 0
    inFlight || send()
  }, delay || 2e3)
}

const send = async () => {
  if (!allowed() || Date.now() < notBefore) return
  // What is no longer in the storage was removed on purpose, or another page has taken it.
  queue = queue.filter((item) => item.sending || !item.stored || !stored((storage) => !storage[item.key]))
  const batch = []
  let size = 0
  for (const item of queue) {
    if (item.sending) continue
    if (batch.length == maxBatch || inFlight + size + item.size > MAX_IN_FLIGHT) break
    size += item.size
    batch.push(item)
    item.sending = 1
  }
  if (!size) return queue.length || release()
  timer = clearTimeout(timer)
  inFlight += size
  const stamp = `{"sent_at":"${new Date().toISOString()}",`
  let accepted = 0
  let wait = 0
  let refused
  try {
    const reply = await fetch(config.endpoint + "/events/batch", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: `[${batch.map(({ json }) => stamp + json.slice(1))}]`,
      credentials: "omit",
      keepalive: true,
      signal: AbortSignal.timeout?.(3e4),
    })
    refused = /^4(00|13)/.test(reply.status)
    wait = reply.headers.get("Retry-After") * 1e3 || 0
    const { events } = await reply.json()
    batch.forEach((item, place) => events[place]?.status == "accepted" && (accepted++, remove(item)))
  } catch {}
  inFlight -= size
  batch.forEach((item) => (item.sending = 0))
  let delay
  if (accepted == batch.length) {
    failures = 0
    maxBatch = MAX_BATCH
  } else {
    if (refused) {
      // Half as many, until the one that is at fault is alone.
      maxBatch = batch.length >> 1 || 1
      if (!batch[1]) remove(batch[0], "refused")
    }
    if (refused || accepted) failures = 0
    notBefore = Date.now() + wait
    delay = wait + Math.random() * Math.min(6e4, 1e3 * 2 ** ++failures)
  }
  return queue.length ? wake(delay) : release()
}

const stub = window.clickstream
if (!stub?.init) {
  Object.assign(clickstream, {
    lost: 0,
    init: safe((options) => {
      Object.assign(config, options)
      adopt()
      proceed()
    }),
    identify: safe((id) => (user = id && String(id).slice(0, 256))),
    consent: safe((given) => {
      answer = !!given
      if (given) {
        adopt()
        proceed()
      } else {
        waiting = []
        queue = []
        user = anonymous = 0
        eachKey((key, storage) => delete storage[key])
        release()
      }
    }),
    forget: () => clickstream.consent(false),
    flush: safe(send),
  })
  window.clickstream = clickstream
  addEventListener("scroll", safe(look), { passive: true })
  addEventListener("online", safe(send))
  addEventListener("pageshow", safe(adopt))
  addEventListener("pagehide", safe(() => {
    send()
    release()
    queue = queue.filter((item) => !item.stored)
  }))
  addEventListener("visibilitychange", safe(() => (document.hidden ? send() : adopt())))
  safe(look)()
  ;(stub?.q || []).forEach((call) => clickstream(...call))
  adopt()
}
