"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const element = (id) => document.getElementById(id);
// `init` is an initialisation, or "gain" for the slider's
const state = { activation: 0, gain: 0, init: "gain", depth: 0, batch: false };
const views = {};

// what theory says of a place: log10 of the gradient by layer, and of the variance of the first and last preactivations
const theoryAt = (activation, { gain, init, batch }, depth) =>
  (batch ? activation.batch : init === "gain" ? activation.plain[gain] : activation.named[init])[depth];

const gainOf = (activation) =>
  state.init === "gain" ? activation.gains[state.gain] : activation.inits.find(({ key }) => key === state.init).gain;

const rounded = (value, figures) => Number(value.toPrecision(figures)).toLocaleString("en");

// a gradient in words, of its log10
function inWords(logarithm) {
  if (Math.abs(logarithm) > 15) return logarithm > 0 ? "more than 10¹⁵ times" : "less than 1/10¹⁵ of";
  const ratio = 10 ** logarithm;
  if (ratio >= 2) return `${rounded(ratio, 2)} times`;
  return ratio >= 0.1 ? `${Math.round(100 * ratio)}% of` : `1/${rounded(1 / ratio, 2)} of`;
}

// trained networks of the activation that is chosen, with or without batch normalisation
const cellsOf = (activation) =>
  data.cells.filter((cell) => cell.activation === activation.key && (cell.norm === "batch") === state.batch);

// those of the depth that is chosen, at its gain or else at the nearest one within half a step
function nearestCell(activation) {
  const distance = (cell) => Math.abs(Math.log2(cell.gain / gainOf(activation)));
  const near = cellsOf(activation).filter((cell) => cell.depth === data.depths[state.depth] && distance(cell) <= 0.26);
  return near.sort((a, b) => distance(a) - distance(b))[0];
}

function runsSentence(activation, cell) {
  if (!cell) return "No such network is among those shown here.";
  const { n, learned, gain } = cell;
  const count = learned === n ? `all ${n}` : `${learned || "none"} of ${n}`;
  const isNear = Math.abs(gain / gainOf(activation) - 1) > 0.01;
  const words = `${isNear ? `at a gain of ${rounded(gain, 3)}, ` : ""}${count} such runs learned.`;
  return words[0].toUpperCase() + words.slice(1);
}

function drawFunction(activation, variances) {
  const [xs, values, slopes] = activation.curve;
  const hill = (log, layer) => {
    const q = Math.max(10 ** log, 1e-4);
    return xs.map((x) => ({ x, layer, density: Math.exp((-x * x) / 2 / q) }));
  };
  views.function
    .signal("colour", activation.colour)
    .data("curve", xs.map((x, i) => ({ x, value: values[i], slope: slopes[i] })))
    .data("hills", [...hill(variances[0], "first"), ...hill(variances[1], "last")]);
  const spreads = variances.map((log) => (10 ** (log / 2)).toPrecision(2));
  return `${activation.name} and its slope. Preactivations have a standard deviation of ${spreads[0]} in the first layer and ${spreads[1]} in the last.`;
}

function drawGradient(activation, gradient, profiles) {
  const depth = data.depths[state.depth];
  // one frame for all gains, so that the line moves and not the axis
  const places = [...activation.gains.keys()].map((gain) => theoryAt(activation, { ...state, gain, init: "gain" }, state.depth));
  const all = [...places.flatMap((place) => place.gradient), ...gradient];
  const points = profiles.flatMap(({ gradient: [means, lows, highs] }) =>
    means.map((mean, i) => ({ layer: i + 1, gradient: mean, low: lows[i], high: highs[i] })),
  );
  views.gradient
    .signal("colour", activation.colour)
    .signal("depth", depth)
    .signal("low", Math.max(-14, Math.floor(Math.min(-2, ...all))))
    .signal("high", Math.min(8, Math.ceil(Math.max(1, ...all))))
    .data("theory", gradient.map((value, i) => ({ layer: i + 1, gradient: value })))
    .data("measured", points.filter((point) => point.gradient !== null));
  return `Gradient by layer: by theory layer 1 receives ${inWords(gradient[0])} that of layer ${depth}. The numbers are in a table below.`;
}

function drawMap(activation) {
  const tile = (gain) => ({ left: Math.log2(gain) - 0.25, right: Math.log2(gain) + 0.25 });
  const tiles = activation.gains.flatMap((gain, i) =>
    data.depths.map((depth, j) => {
      const [first] = theoryAt(activation, { gain: i, init: "gain", batch: state.batch }, j).gradient;
      return { ...tile(gain), depth, place: { gain: i, depth: j }, kept: Math.max(0, 1 - Math.abs(first) / 3) };
    }),
  );
  const cells = cellsOf(activation).map(({ gain, depth, n, learned }) => ({ gain: Math.log2(gain), depth, share: learned / n }));
  // names whose gains are too near for a label each share one
  const labels = [];
  for (const { name, gain } of activation.inits.toSorted((a, b) => a.gain - b.gain)) {
    const last = labels.at(-1);
    if (last && Math.log2(gain) - last.gain < 0.7) last.name += `, ${name}`;
    else labels.push({ name, gain: Math.log2(gain) });
  }
  views.map
    .signal("colour", activation.colour)
    .data("tiles", tiles)
    .data("cells", cells)
    .data("place", [{ ...tile(gainOf(activation)), depth: data.depths[state.depth] }])
    .data("inits", labels);
  const full = cells.filter(({ share }) => share === 1).length;
  return `Map of weight gain and layers. Of ${cells.length} places with trained networks, all runs learned at ${full}.`;
}

function fillTable(gradient, profiles) {
  const shown = (log) => (log === null ? "-" : log === 99 ? "too large" : log === -99 ? "too small" : (10 ** log).toPrecision(3));
  const row = (tag, texts) => {
    const made = document.createElement("tr");
    for (const text of texts) made.appendChild(document.createElement(tag)).textContent = text;
    return made;
  };
  const head = profiles.map(({ study, n, learned }) => `measured in "${study}", where ${learned} of ${n} learned`);
  const lines = gradient.map((value, i) => row("td", [i + 1, shown(value), ...profiles.map((own) => shown(own.gradient[0][i]))]));
  element("numbers").querySelector("thead").replaceChildren(row("th", ["layer", "theory", ...head]));
  element("numbers").querySelector("tbody").replaceChildren(...lines);
}

function update() {
  const activation = data.activations[state.activation];
  // an activation may lack an edge of chaos
  if (!activation.inits.some(({ key }) => key === state.init)) state.init = "gain";
  const chosen = activation.inits.find(({ key }) => key === state.init);
  if (chosen) {
    const apart = activation.gains.map((gain) => Math.abs(Math.log2(gain / chosen.gain)));
    state.gain = apart.indexOf(Math.min(...apart));
  }
  const { gradient, q } = theoryAt(activation, state, state.depth);
  const [cell, depth] = [nearestCell(activation), data.depths[state.depth]];
  const profiles = cell?.profiles ?? [];
  const gain = `${rounded(gainOf(activation), 3)}${chosen ? ` (${chosen.name})` : ""}`;
  element("controls").style.setProperty("--own", activation.colour);
  element("gain").value = state.gain;
  element("gain").setAttribute("aria-valuetext", gain);
  element("gain-value").textContent = gain;
  element("depth").value = state.depth;
  element("depth").setAttribute("aria-valuetext", depth);
  element("depth-value").textContent = depth;
  const span = Math.log2(activation.gains.at(-1) / activation.gains[0]);
  const buttons = activation.inits.map(({ key, name, gain }) => {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: `${name} ${rounded(gain, 3)}` });
    button.dataset.init = key;
    button.setAttribute("aria-pressed", key === state.init);
    return button;
  });
  const ticks = activation.inits.map(({ gain }) => {
    const tick = document.createElement("i");
    tick.style.left = `${(100 * Math.log2(gain / activation.gains[0])) / span}%`;
    return tick;
  });
  const focused = document.activeElement?.dataset?.init;
  element("inits").replaceChildren(...buttons);
  if (focused) buttons.find((button) => button.dataset.init === focused)?.focus();
  element("ticks").replaceChildren(...ticks);
  const share = Object.assign(document.createElement("b"), { textContent: `${inWords(gradient[0])} the gradient` });
  const first = profiles[0]?.gradient[0][0] ?? null;
  const measured = first === null ? "" : ` (measured: ${inWords(first).replace(" of", "")})`;
  element("sentence").replaceChildren(
    `By theory, layer 1 of ${depth} receives at the start `, share, ` of layer ${depth}${measured}. ${runsSentence(activation, cell)}`,
  );
  element("function").setAttribute("aria-label", drawFunction(activation, q));
  element("gradient").setAttribute("aria-label", drawGradient(activation, gradient, profiles));
  element("map").setAttribute("aria-label", drawMap(activation));
  fillTable(gradient, profiles);
  return Promise.all(Object.values(views).map((view) => view.runAsync()));
}

function change(changes) {
  Object.assign(state, changes);
  return update();
}

element("controls").addEventListener("input", ({ target }) => {
  if (target.name === "activation") change({ activation: Number(target.value) });
  if (target.id === "gain") change({ gain: Number(target.value), init: "gain" });
  if (target.id === "depth") change({ depth: Number(target.value) });
  if (target.id === "batch") change({ batch: target.checked });
});

element("inits").addEventListener("click", ({ target }) => {
  if (target.dataset.init) change({ init: target.dataset.init });
});

element("filter").addEventListener("input", () => {
  const [verdict, text] = [element("verdict").value, element("text").value.toLowerCase()];
  const claims = [...document.querySelectorAll(".claim")];
  for (const claim of claims) {
    claim.hidden = (verdict && claim.dataset.verdict !== verdict) || !claim.textContent.toLowerCase().includes(text);
  }
  element("shown").textContent = `${claims.filter(({ hidden }) => !hidden).length} of ${claims.length}`;
});
element("filter").addEventListener("submit", (event) => event.preventDefault());

// begins where the gradient dies: a deep sigmoid network with Xavier's weights
async function begin() {
  for (const [name, chart] of Object.entries(data.charts)) {
    const options = { actions: false, defaultStyle: false, mode: "vega", renderer: "svg", tooltip: false };
    views[name] = (await vegaEmbed(`#${name}`, chart, options)).view;
  }
  views.map.addEventListener("click", (event, item) => {
    const place = item?.datum?.place;
    if (place) change({ ...place, init: "gain" });
  });
  const activation = Math.max(0, data.activations.findIndex(({ key }) => key === "sigmoid"));
  element("controls").querySelector(`[value="${activation}"]`).checked = true;
  await change({ activation, init: "xavier", depth: Math.max(0, data.depths.indexOf(16)) });
}

begin();
