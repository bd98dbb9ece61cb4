"use strict";
const $ = (selector) => document.querySelector(selector);
const all = (selector) => [...document.querySelectorAll(selector)];
const SAMPLES = 120;
const history = { fps: [], latency_ms: [] };
const UNITS = { feather: "", shrink: "", threshold: " %", despill: " %", light_wrap: " %", temporal: " %" };
let state = null;
let held = null; // the slider that a finger is on: what the job says must not move it away

async function call(path, body, headers = { "Content-Type": "application/json" }) {
  const answer = await fetch(path, { method: "POST", headers, body });
  const value = answer.headers.get("Content-Type")?.includes("json") ? await answer.json() : {};
  if (!answer.ok) throw new Error(value.error ?? (answer.status === 413 ? "This file is too large." : answer.statusText));
  return value;
}

function tell(problem) {
  $("#problem").textContent = problem ?? "";
  $("#problem").hidden = !problem;
}

async function act(path, value = {}) {
  try {
    show(await call(path, JSON.stringify(value)));
    tell(state.background.problem);
  } catch (error) {
    tell(error.message);
    if (state) show(state);
  }
}

// One change at a time is on its way; what comes meanwhile is put together.
let waiting = null;
let sent = null;
async function change(changes) {
  waiting = { ...waiting, ...changes };
  if (sent) return;
  while (waiting) {
    sent = waiting;
    waiting = null;
    await act("/api/controls", sent);
  }
  sent = null;
}

// So do backgrounds, of which the newest is the one that is meant: a colour that is dragged asks for many.
let wish = null;
let granting = false;
async function put(value) {
  wish = value;
  if (granting) return;
  granting = true;
  while (wish !== null) {
    const what = chosen(wish);
    wish = null;
    await act("/api/background", { show: what });
  }
  granting = false;
}

function show(next) {
  state = next;
  const free = (slider) => slider !== held && !(waiting && slider.dataset.control in waiting);
  for (const slider of all("[data-control]")) if (free(slider)) set(slider, valueOf(slider));
  for (const button of all("[data-toggle]")) {
    const name = button.dataset.toggle;
    button.setAttribute("aria-pressed", name === "mirror" ? state.controls.mirror : state.controls.hold === name);
  }
  showBackground(state.background);
  const { source, engine, outputs, figures } = state;
  $("#source").textContent = `${source.name} · ${source.size.join(" × ")}`;
  const where = outputs.length ? ` · to ${outputs.join(", ")}` : "";
  const dropped = figures.dropped ? ` · ${figures.dropped} ${figures.dropped === 1 ? "frame" : "frames"} dropped to keep up` : "";
  const offset = figures.sound_offset_ms;
  const sound = offset === null ? "" : ` · delay a microphone by ${offset} ms (Sync Offset in OBS)`;
  const lowered = engine.lowered ? ` · to hold the rate: ${engine.lowered}` : "";
  $("#facts").textContent = `device ${engine.device} · runner ${engine.runner} · kernel ${engine.kernel}${where}${dropped}${lowered}${sound}`;
  for (const picture of all(".picture")) picture.style.aspectRatio = source.size.join(" / ");
  const words = { none: "running", freeze: "frozen", slate: "be right back" };
  if (state.paused) status("paused, nobody watches", "held");
  else status(words[state.controls.hold], state.controls.hold === "none" ? "on" : "held");
}

function status(text, kind) {
  if ($("#status").textContent !== text) $("#status").textContent = text;
  $("#status").className = kind;
}

function valueOf(slider) {
  const value = state.controls[slider.dataset.control];
  return "index" in slider.dataset ? value[slider.dataset.index] : value;
}

function set(slider, value) {
  slider.value = value;
  const name = slider.dataset.control;
  const text = name === "place" ? (slider.dataset.index === "2" ? `${Math.round(value * 100)} %` : `${value} %`) : `${value}${UNITS[name]}`;
  slider.parentElement.querySelector("output").textContent = text;
}

function slide(slider) {
  const name = slider.dataset.control;
  const value = Number(slider.value);
  set(slider, value);
  if (!("index" in slider.dataset)) return change({ [name]: value });
  const values = [...(waiting?.[name] ?? sent?.[name] ?? state.controls[name])];
  values[slider.dataset.index] = value;
  if (name === "threshold" && values[0] > values[1]) values[slider.dataset.index === "0" ? 1 : 0] = value;
  return change({ [name]: values });
}

function showBackground({ id, kind }) {
  const value = kind === "blur" || kind === "colour" ? kind : id;
  for (const radio of all("[name=background]")) radio.checked = radio.value === value;
  $("#blur-row").hidden = kind !== "blur";
  $("#colour-row").hidden = kind !== "colour";
  if (kind === "blur" && held !== $("#blur")) {
    $("#blur").value = id.split(":")[1] ?? 25;
    $("#blur-row output").textContent = $("#blur").value;
  }
  if (kind === "colour" && wish === null) $("#colour").value = hexOf(id);
  $(".art.colour").style.background = $("#colour").value;
}

// A canvas knows the names of colours; the field for them only #rrggbb.
function hexOf(colour) {
  const pen = document.createElement("canvas").getContext("2d");
  pen.fillStyle = colour;
  return pen.fillStyle;
}

const chosen = (value) => ({ blur: `blur:${$("#blur").value}`, colour: $("#colour").value })[value] ?? value;

function tile({ id, name, kind }) {
  const label = document.createElement("label");
  label.className = `tile own ${kind}`;
  label.title = name;
  const radio = Object.assign(document.createElement("input"), { type: "radio", name: "background", value: id });
  const art = Object.assign(document.createElement("span"), { className: "art" });
  art.append(Object.assign(document.createElement("img"), { src: `/api/backgrounds/${id}/thumbnail`, alt: "" }));
  label.append(radio, art, Object.assign(document.createElement("span"), { className: "name", textContent: name }));
  return label;
}

async function list() {
  const choices = await (await fetch("/api/backgrounds")).json();
  for (const old of all(".tile.own")) old.remove();
  $("#add").before(...choices.map(tile));
  if (state) showBackground(state.background);
}

async function bring(file) {
  if (!file) return;
  $("#add").classList.add("busy");
  try {
    const headers = { "Content-Type": "application/octet-stream", "X-File-Name": encodeURIComponent(file.name) };
    const choice = await call("/api/backgrounds", file, headers);
    await list();
    await put(choice.id);
  } catch (error) {
    tell(`${file.name}: ${error.message}`);
  }
  $("#add").classList.remove("busy");
  $("#file").value = "";
}

function draw({ figures }) {
  for (const name of Object.keys(history)) history[name] = [...history[name], figures[name]].slice(-SAMPLES);
  $("#fps").textContent = figures.fps.toFixed(0);
  $("#latency").textContent = figures.latency_ms === null ? "–" : `${figures.latency_ms.toFixed(0)} ms`;
  for (const [line, values] of [["#fps-line", history.fps], ["#latency-line", history.latency_ms]]) {
    const top = Math.max(...values, 1) * 1.15;
    const points = values.map((value, at) => `${SAMPLES - values.length + at},${(35 - (34 * (value ?? 0)) / top).toFixed(1)}`);
    $(line).setAttribute("points", points.join(" "));
  }
}

let ended = false;
let misses = 0;
function follow() {
  const socket = new WebSocket(`ws://${location.host}/api/live`);
  socket.onmessage = ({ data }) => {
    const next = JSON.parse(data);
    const returned = misses || !state;
    misses = 0;
    if (!sent && !granting) show(next);
    if (returned) look();
    draw(next);
  };
  socket.onclose = () => {
    misses += 1;
    if (misses < 4) return setTimeout(follow, 700);
    ended = true;
    look();
    status("the job has ended", "ended");
    for (const part of all("button, input")) part.disabled = true;
  };
}

addEventListener("keydown", (event) => {
  if (ended || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const toggles = { h: "mirror", z: "freeze", r: "slate", s: "background" };
  const steps = { "[": -1, "]": 1 };
  const view = all("[name=view]")[Number(event.key) - 1];
  if (toggles[event.key]) act(`/api/toggle/${toggles[event.key]}`);
  else if (steps[event.key]) act("/api/background", { step: steps[event.key] });
  else if (view) { view.checked = true; look(); }
});
for (const slider of all("[data-control]")) slider.addEventListener("input", () => slide(slider));
for (const slider of all("[type=range]")) {
  slider.addEventListener("pointerdown", () => { held = slider; });
  for (const name of ["pointerup", "pointercancel"]) slider.addEventListener(name, () => { held = null; });
}
for (const button of all("[data-toggle]")) button.addEventListener("click", () => act(`/api/toggle/${button.dataset.toggle}`));
$("#reset").addEventListener("click", () => act("/api/reset"));
$("#backgrounds").addEventListener("change", ({ target }) => target.name === "background" && put(target.value));
$("#blur").addEventListener("input", () => { $("#blur-row output").textContent = $("#blur").value; });
$("#blur").addEventListener("change", () => put("blur"));
$("#colour").addEventListener("input", () => put("colour"));
$("#file").addEventListener("change", () => bring($("#file").files[0]));
$("#views").addEventListener("change", look);
$("#way").addEventListener("click", changeWay);
document.addEventListener("visibilitychange", look);
addEventListener("dragover", (event) => { event.preventDefault(); $("#drop").hidden = false; });
addEventListener("dragleave", (event) => { if (!event.relatedTarget) $("#drop").hidden = true; });
addEventListener("drop", (event) => {
  event.preventDefault();
  $("#drop").hidden = true;
  bring(event.dataTransfer.files[0]);
});
list();
follow();
