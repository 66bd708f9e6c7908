/** The choices of a view → form elements; what a person chooses goes into the address, and from there to the server. */

import { h, icon, prose, unseen } from "./dom.js"

/** Choices up to this number stand side by side. */
const SIDE_BY_SIDE = 4

/** Return the form; what is said of several choices stands under the first of them, and describes all. */
export const drawControls = (controls) =>
  h("form", { class: "controls", "aria-label": "Choices" }, controls.map((control) => {
    const draw = KINDS[control.kind] ?? KINDS.text
    const first = control.hint ? controls.find((one) => one.hint === control.hint) : null
    const hint = first && `hint-${first.name}`
    return h("div", { class: "control", "data-key": control.name },
      draw(control, hint), first === control && h("p", { class: "hint", id: hint }, prose(control.hint)))
  }))

const labelled = (control, hint, input) =>
  h("label", {}, h("span", { class: "label" }, control.label), (input.setAttribute("data-choice", control.name), hint && input.setAttribute("aria-describedby", hint), input))

const group = (control, hint, ...children) =>
  h("div", { role: "group", "aria-label": control.label, "aria-describedby": hint }, h("span", { class: "label", "aria-hidden": "true" }, control.label), ...children)

const KINDS = {
  choice: (control, hint) => {
    if (control.options.length <= SIDE_BY_SIDE) {
      return group(control, hint, h("span", { class: "segments" }, control.options.map((option) =>
        h("button", { type: "button", "data-set": control.name, "data-to": option.value, "aria-pressed": String(option.value === control.value) }, option.label))))
    }
    const options = control.options.map((option) => h("option", { value: option.value, selected: option.value === control.value }, option.label))
    return labelled(control, hint, h("select", {}, options))
  },

  toggle: (control, hint) => {
    const on = control.value === "on"
    return h("button", { type: "button", role: "switch", class: "switch", "aria-checked": String(on), "aria-describedby": hint, "data-set": control.name, "data-to": on ? "off" : "on" },
      h("span", { class: "knob", "aria-hidden": "true" }), control.label)
  },

  day: (control, hint) => group(control, hint,
    dayButton(control, -1, "left", "the day before"),
    h("input", { type: "date", value: control.value, required: true, "aria-label": control.label, "data-choice": control.name }),
    dayButton(control, 1, "right", "the day after")),

  steps: (control, hint) => {
    const chosen = namesOf(control.value)
    const labelOf = (value) => control.options.find((option) => option.value === value)?.label ?? value
    const without = (index) => chosen.filter((_, at) => at !== index)
    const swapped = (index) => chosen.map((value, at) => (at === index - 1 ? chosen[index] : at === index ? chosen[index - 1] : value))
    const act = (values, name, text) =>
      h("button", { type: "button", class: "act", "data-set": control.name, "data-to": listOf(values) }, icon(name), unseen(text))
    return group(control, hint,
      h("ol", { class: "chosen" }, chosen.map((value, index) =>
        h("li", { "data-key": value },
          h("span", { class: "ordinal" }, String(index + 1)), labelOf(value),
          index > 0 && act(swapped(index), "left", `earlier: ${labelOf(value)}`),
          chosen.length > 1 && act(without(index), "close", `without ${labelOf(value)}`)))),
      h("select", { "aria-label": `Add to ${control.label}`, "data-add": control.name, "data-to": control.value },
        h("option", { value: "" }, "Add …"),
        control.options.filter((option) => !chosen.includes(option.value)).map((option) => h("option", { value: option.value }, option.label))))
  },

  text: (control, hint) => labelled(control, hint, h("input", { type: "search", value: control.value, autocomplete: "off", spellcheck: "false" })),
}

/** Take a list of names apart; a comma in a name is written twice. */
export const namesOf = (text) =>
  text.replaceAll(",,", "\0").split(",").filter(Boolean).map((name) => name.replaceAll("\0", ","))

export const listOf = (names) => names.map((name) => name.replaceAll(",", ",,")).join(",")

const dayButton = (control, by, name, text) =>
  h("button", { type: "button", class: "act", "data-set": control.name, "data-to": dayAfter(control.value, by) }, icon(name), unseen(text))

/** Return the day that lies `by` days after one, as text; what is no day stays as it is. */
export const dayAfter = (day, by) => {
  const at = new Date(`${day}T00:00:00Z`)
  if (Number.isNaN(at.getTime())) return day
  at.setUTCDate(at.getUTCDate() + by)
  return at.toISOString().slice(0, 10)
}

/** Return what an event chose, as [name, value], or null. A click sets; a field that has changed is read. */
export const choiceOf = (event) => {
  const { target } = event
  if (event.type === "click") {
    const button = target.closest?.("button[data-set]")
    return button ? [button.dataset.set, button.dataset.to] : null
  }
  if (target.dataset.choice) return target.validity.valid ? [target.dataset.choice, target.value] : null
  if (target.dataset.add && target.value) {
    return [target.dataset.add, listOf([...namesOf(target.dataset.to), target.value])]
  }
  return null
}
