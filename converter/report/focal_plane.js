// Colours the detectors for the chosen night and type. The arguments are those of focal_plane_figure.py.
const t = Number(type.value), n = Number(night.value)
const d = detectors.data, number = d.detector.length
const place = t * nights.length + n
const first = index.data.pattern[place] * number
const by_age = mode.active === 1
const two_lines = room()
const asked = []

for (let i = 0; i < number; i++) {
  const state = patterns.data.state[first + i], day = patterns.data.day[first + i]
  const [fill, letter, hatch, ink] = looks[state]
  const known = day !== no_day && nights[n] !== unknown
  const age = known ? nights[n] - day : null
  const answered = state === 1 || state === 2
  if (state > 0) asked.push(age)
  if (by_age && state > 0) {
    // Without a date there is no colour; why is said by hatching and letter.
    d.fill[i] = known ? age_colours[ages.filter((low) => age >= low).length] : "#FFFFFF"
    d.hatch[i] = state > 2 ? hatch : " "
    d.ink[i] = "#000000"
  } else {
    d.fill[i] = fill
    d.hatch[i] = hatch
    d.ink[i] = ink
  }
  const mark = by_age && state > 0 && state < 3 ? (known ? `${age} d` : "?") : letter
  d.label[i] = two_lines && mark ? `${d.detector[i]}\n${mark}` : String(d.detector[i])
  d.said[i] = meanings[state] + (known ? `; master of ${date(day)}, age ${days(age, age)}` : answered ? "; its master's date is not known" : "")
}
detectors.change.emit()
bars.coverage.visible = !by_age
bars.age.visible = by_age
said.text = text()

function text() {
  const label = (select) => select.options.find(([value]) => value === select.value)[1]
  const head = `${label(type)}, night ${label(night)}: `
  if (asked.length === 0) return `${head}no exposure has raws.`
  const note = notes[index.data.note[place]]
  const lacking = note ? `${note}.` : `exactly one answer for all ${asked.length} detectors.`
  const some = asked.filter((age) => age !== null)
  if (some.length === 0) return head + lacking
  const low = some.reduce((a, b) => Math.min(a, b)), high = some.reduce((a, b) => Math.max(a, b))
  const negative = low < 0 ? " (negative: the master is later than the night)" : ""
  return `${head}${lacking} Age of the masters: ${days(low, high)}${negative}.`
}

function days(low, high) {
  return `${low === high ? "" : `${low} to `}${high} day${low === high && Math.abs(high) === 1 ? "" : "s"}`
}

function date(day) {
  return new Date(day * 86400000).toISOString().slice(0, 10)
}

// Whether the narrowest detector has room for a second line of a few letters.
function room() {
  const width = plot.x_range.end - plot.x_range.start
  if (!(width > 0) || !plot.inner_width) return number <= 12
  const scale = plot.inner_width / width
  let x = Infinity, y = Infinity
  for (let i = 0; i < number; i++) {
    x = Math.min(x, Math.max(...d.xs[i]) - Math.min(...d.xs[i]))
    y = Math.min(y, Math.max(...d.ys[i]) - Math.min(...d.ys[i]))
  }
  return x * scale >= (by_age ? 28 : 14) && y * scale >= 24
}
