(function () {
  "use strict"

  const PAGE = 50
  const LONG = 24

  async function unpack(element) {
    const bytes = Uint8Array.from(atob(element.textContent.trim()), (c) => c.charCodeAt(0))
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))
    return JSON.parse(await new Response(stream).text())
  }

  // A table of any length: a page of it is in the document, text only.
  function makeList(root, rows) {
    const body = root.querySelector("tbody")
    const search = root.querySelector("input")
    const back = root.querySelector(".back")
    const on = root.querySelector(".on")
    const state = root.querySelector(".state")
    let all = rows
    let texts = null
    let found = null
    let first = 0

    function show() {
      const list = found === null ? all : found
      const page = list.slice(first, first + PAGE)
      const made = page.map((cells) => {
        const row = document.createElement("tr")
        for (const text of cells) {
          const cell = document.createElement("td")
          cell.textContent = text
          cell.className = /^-?\d+$/.test(text) ? "number" : text.length > LONG ? "long" : ""
          row.append(cell)
        }
        return row
      })
      body.replaceChildren(...made)
      const one = list.length > PAGE
      back.hidden = on.hidden = !one
      back.disabled = first === 0
      on.disabled = first + PAGE >= list.length
      const of = found === null ? `of ${all.length}` : `of ${list.length} found in ${all.length}`
      state.textContent = list.length ? `${first + 1} to ${first + page.length} ${of}` : `none ${of}`
    }

    function find() {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean)
      if (!words.length) {
        found = null
      } else {
        texts = texts || all.map((cells) => cells.join("\n").toLowerCase())
        found = all.filter((_, i) => words.every((word) => texts[i].includes(word)))
      }
      first = 0
      show()
    }

    search.addEventListener("input", find)
    back.addEventListener("click", () => { first = Math.max(0, first - PAGE); show() })
    on.addEventListener("click", () => { first += PAGE; show() })
    return {
      fill(more) { all = more; texts = null; find() },
      show,
    }
  }

  function inDocument(root) {
    return Array.from(root.querySelectorAll("tbody tr"), (row) => Array.from(row.cells, (c) => c.textContent))
  }

  for (const root of document.querySelectorAll(".list")) {
    if (root.id === "ranges-list") continue
    const packed = root.querySelector("script.rows")
    const list = makeList(root, inDocument(root))
    if (packed) unpack(packed).then((data) => list.fill(data.rows))
    else list.show()
  }

  function model(name) {
    for (const doc of Bokeh.documents) {
      const found = doc.get_model_by_name(name)
      if (found) return found
    }
    return null
  }

  function steerTimeline() {
    const x = model("timeline-x")
    const y = model("timeline-y")
    if (!x) return
    const exposures = model("exposures").data
    const [low, high] = x.bounds
    const moves = {
      all: () => [low, high],
      exposures: () => {
        let begin = Infinity, end = -Infinity
        for (const t of exposures.left) if (t < begin) begin = t
        for (const t of exposures.right) if (t > end) end = t
        if (begin > end) return [low, high]
        const pad = Math.max(3600e3, 0.05 * (end - begin))
        return [begin - pad, end + pad]
      },
      in: (a, b) => [a + (b - a) / 4, b - (b - a) / 4],
      out: (a, b) => [a - (b - a) / 2, b + (b - a) / 2],
      back: (a, b) => [a - (b - a) / 2, b - (b - a) / 2],
      on: (a, b) => [a + (b - a) / 2, b + (b - a) / 2],
    }
    for (const button of document.querySelectorAll("[data-move]")) {
      button.addEventListener("click", () => {
        let [begin, end] = moves[button.dataset.move](x.start, x.end)
        const width = Math.min(end - begin, high - low)
        begin = Math.min(Math.max(begin, low), high - width)
        x.setv({ start: begin, end: begin + width })
      })
    }
    const page = document.getElementById("timeline-page")
    if (page) {
      const shown = y.start - y.end
      const rows = page.options.length ? Number(page.dataset.rows) : 0
      page.addEventListener("change", () => {
        const from = Math.max(0, Math.min(Number(page.value), rows - shown))
        y.setv({ start: from + shown, end: from })
      })
    }
  }

  function time(value, edge) {
    if (value === edge) return "unbounded"
    const text = new Date(value).toISOString()
    return text.endsWith(".000Z") ? text.slice(0, 19) : text.slice(0, -1)
  }

  function ranges() {
    const texts = {}
    for (const tool of model("timeline").toolbar.tools) {
      if (tool.type !== "HoverTool") continue
      const formatters = tool.formatters
      for (const [column, format] of formatters instanceof Map ? formatters : Object.entries(formatters)) {
        if (format.args && format.args.texts) texts[column.slice(1)] = format.args.texts
      }
    }
    const rows = []
    for (const name of ["gen2", "gen2-odd", "gen3", "gen3-odd"]) {
      const source = model(name)
      const [lane, odd, low, high] = source.tags
      const d = source.data
      const called = `${lane === "gen2" ? "Gen2" : "Gen3"}${odd ? (lane === "gen2" ? ", not certified" : ", behind") : ""}`
      for (let i = 0; i < d.left.length; i++) {
        const said = (column) => (texts[column] ? texts[column][d[column][i]] : "")
        rows.push([
          d.bottom[i], called, said("row"), said("master"), time(d.left[i], low), time(d.right[i], high),
          said("original"), said("decisions"), said("collection"),
        ])
      }
    }
    rows.sort((a, b) => a[0] - b[0])
    return rows.map((row) => row.slice(1))
  }

  const packed = document.getElementById("figures")
  if (packed) {
    unpack(packed)
      .then(({ docs, items }) => Bokeh.embed.embed_items(docs, items))
      .then(() => {
        steerTimeline()
        const details = document.getElementById("ranges")
        if (details) {
          const list = makeList(document.getElementById("ranges-list"), [])
          details.addEventListener("toggle", () => list.fill(ranges()), { once: true })
        }
        document.documentElement.dataset.ready = "yes"
      })
  } else {
    document.documentElement.dataset.ready = "yes"
  }
})()
