/* 会议: the stage over the map of map.js. All steps come at once (CWMap.meet); going through them asks
   nothing of the server but pictures that are there already. */
(function () {
  "use strict";

  const SERVER = "../../cwmap/";
  const LOOK_MS = 10000;  // how often to ask whether there are new data
  const IDLE_MS = 2500;
  const LETTERING = 1.9;  // names on the map, as large again for the back of the room
  const HAND = "(max-width: 900px) and (orientation: portrait), (max-height: 500px)";  // a phone
  const HAND_ZOOM = -1.5;  // its map is about a third as wide as the stage's
  const SWIPE_PX = 50;
  const KEYS = {
    ArrowRight: "next", ArrowDown: "next", PageDown: "next", " ": "next", Enter: "next",
    ArrowLeft: "back", ArrowUp: "back", PageUp: "back", Backspace: "back",
    Home: "first", End: "last", b: "blank", ".": "blank", l: "laser", d: "draw", c: "clear",
    p: "pin", r: "refresh", f: "screen", F5: "screen", e: "edit", Escape: "leave",
  };
  const TOOLS = [
    ["back", "‹ 上一步", "← 或 PageUp"], ["next", "下一步 ›", "→ 或 PageDown"], ["laser", "激光笔", "L；按住鼠标也行"],
    ["draw", "画笔", "D"], ["clear", "擦除", "C"], ["pin", "留住笔迹", "P：下一步不擦"], ["blank", "黑屏", "B 或 ."],
    ["refresh", "更新数据", "R"], ["screen", "全屏", "F"], ["edit", "议程", "E"], ["leave", "退出", "Esc"],
  ];

  const host = (() => {
    try { return window.parent.document ? window.parent : window; } catch (e) { return window; }
  })();

  function make(tag, name, parent, text) {
    const element = document.createElement(tag);
    if (name) element.className = name;
    if (text != null) element.textContent = text;  // text from data is never read as HTML
    if (parent) parent.append(element);
    return element;
  }

  /* The frame may not lead its page elsewhere; a link on the page may. */
  function go(url) {
    const link = host.document.createElement("a");
    link.href = url;
    host.document.body.append(link);
    link.click();
    link.remove();
  }

  function Stage(cw) {
    this.cw = cw;
    this.at = -1;
    cw.moved = true;                // the steps say where to look
    cw.padding = () => ({ padding: this.hand ? [12, 12] : [40, 40] });
    cw.rememberView = () => {};     // the address holds the step, not the view
    this.pick = cw.pick.bind(cw);
    cw.pick = () => {};             // nothing on the stage is chosen by a click
    cw.map.dragging.disable();      // pressing the mouse points
    cw.map.doubleClickZoom.disable();
    cw.map.keyboard.disable();
    // The map does not move under the hand: nothing is drawn beyond its edge, which halves a step.
    for (const renderer of [cw.ground, cw.live, cw.border]) renderer.options.padding = 0;
    const phone = matchMedia(HAND);
    phone.addEventListener("change", () => this.hold(phone.matches));
    this.hold(phone.matches);
    this.build();
    this.ink = new Ink(cw, this.root);
    this.listen();
  }

  /* Somebody follows the meeting on a phone: the map above, what is said below it in type of its own
     size (cm-hand in page_meeting.css). */
  Stage.prototype.hold = function (inHand) {
    this.hand = inHand;
    this.cw.lettering = inHand ? 1 : LETTERING;
    document.body.classList.toggle("cm-hand", inHand);
  };

  Stage.prototype.build = function () {
    document.body.classList.add("cw-wide", "cw-on-stage");
    const box = this.cw.map.getContainer();
    Object.assign(box.style, { position: "", inset: "", width: "", height: "" });
    box.classList.add("cm-map");
    const root = (this.root = make("div", "cm", document.body));
    this.line = make("i", "cm-line", root);
    const head = make("header", "cm-head", root);
    this.title = make("h1", "", head);
    this.badge = make("em", "cm-badge", head);
    this.count = make("span", "cm-count", head);
    this.side = make("aside", "cm-side", root);
    this.said = make("p", "cm-said", root);
    this.key = make("div", "cm-key", root);
    this.pictures = make("div", "cm-pictures", root);
    this.note = make("div", "cm-note", root);
    this.note.hidden = true;
    this.tools = make("nav", "cm-tools", root);
    this.buttons = {};
    for (const [act, name, key] of TOOLS) {
      const button = (this.buttons[act] = make("button", "", this.tools, name));
      button.type = "button";
      button.dataset.act = act;
      button.title = key;
      button.onclick = () => { button.blur(); this.act(act); };
    }
    this.dot = make("i", "cm-dot", root);
    this.black = make("div", "cm-black", root);
    this.dot.hidden = this.black.hidden = true;
    this.cw.map.invalidateSize(false);
  };

  /* A meeting: {steps, at, revision, asOf, badge}. Taken again with new data, the step stays. */
  Stage.prototype.take = function (meeting) {
    const again = this.meeting && this.meeting.revision !== meeting.revision;
    if (this.meeting && !again) return;
    this.meeting = meeting;
    this.badge.textContent = meeting.badge;
    this.badge.hidden = !meeting.badge;
    this.note.hidden = true;
    this.waiting = false;
    this.preload();
    this.rehearse();
    this.show(this.at < 0 ? meeting.at : this.at);
  };

  /* Pictures are decoded before their turn comes. */
  Stage.prototype.preload = function () {
    this.kept = [];
    for (const step of this.meeting.steps) {
      const heat = step.map.heat && step.map.heat.data;
      const photos = step.pictures.map(([name]) => this.photo(name));
      for (const address of [heat, ...photos]) {
        if (!address) continue;
        const image = new Image();
        image.src = address;
        image.decode().catch(() => {});
        this.kept.push(image);
      }
    }
  };

  /* Each view is laid out once before the talk: what the browser does for the first time is slow. */
  Stage.prototype.rehearse = function () {
    for (const step of this.meeting.steps) {
      this.cw.paintState = step.map;
      this.look(step);
      this.cw.paint(step.map);
    }
  };

  Stage.prototype.photo = (name) => `${SERVER}photos/${encodeURIComponent(name)}`;

  /* ---- a step ---- */

  Stage.prototype.show = function (number, since) {
    const start = since || performance.now();
    const steps = this.meeting.steps, at = Math.min(Math.max(number, 0), steps.length - 1);
    const step = steps[at];
    this.at = at;
    this.ink.turn();
    this.write(step, at, steps.length);
    this.cw.paintState = step.map;  // names are drawn once, for where we go
    this.look(step);
    this.cw.paint(step.map);
    this.address(at + 1);
    this.done(step, at, start);
  };

  Stage.prototype.look = function (step) {
    const map = this.cw.map, edge = this.hand ? 20 : 60;
    if (step.at) {
      map.setView([step.at[0], step.at[1]], step.at[2] + (this.hand ? HAND_ZOOM : 0), { animate: false });
    } else if (step.bounds) {
      const below = this.hand ? edge : this.key.offsetHeight + 40;  // not beneath the legend
      map.fitBounds(step.bounds, { paddingTopLeft: [edge, edge], paddingBottomRight: [edge, below],
        maxZoom: 16.5, animate: false });
    } else this.cw.goHome(false);
  };

  Stage.prototype.write = function (step, at, all) {
    this.line.style.width = `${100 * (at + 1) / all}%`;
    this.count.textContent = `${at + 1}/${all}`;
    this.title.textContent = step.title;
    this.said.textContent = step.sentence;
    this.side.replaceChildren();
    for (const figure of step.figures) {
      const box = make("div", `cm-figure ${figure.tone}`, this.side);
      make("span", "", box, figure.label);
      make("i", "", make("b", "", box, figure.value), figure.unit);
      if (figure.note) make("small", "", box, figure.note);
    }
    if (step.rows.length) {
      const list = make("ul", "", this.side);
      for (const [name, value, tone] of step.rows) {
        const row = make("li", tone, list);
        make("span", "", row, name);
        make("b", "", row, value);
      }
    }
    this.legend(step);
    this.pictures.replaceChildren();
    this.pictures.hidden = !step.pictures.length;
    for (const [name, over] of step.pictures) {
      const box = make("figure", "", this.pictures);
      make("figcaption", "", box, over);
      const image = make("img", "", box);
      image.src = this.photo(name);
      image.alt = over;
    }
    this.root.scrollTop = 0;
    fit(this.title, 44);
    fit(this.said, 30);
  };

  Stage.prototype.legend = function (step) {
    this.key.replaceChildren();
    if (step.legend) {
      make("b", "", this.key, step.legend.title);
      const boxes = make("div", "", this.key), dark = this.cw.theme === "dark";
      for (const [light, night, label] of step.legend.boxes) {
        const box = make("span", "", boxes);
        make("i", "", box).style.background = dark ? night : light;
        make("em", "", box, label);
      }
    }
    make("small", "", this.key, [step.caption, `数据截至 ${this.meeting.asOf}`].filter(Boolean).join(" · "));
  };

  /* Type gives way to a long text, down to `least` parts of a screen of 1080. */
  function fit(element, least) {
    const unit = Math.min(innerWidth / 1920, innerHeight / 1080);
    element.style.fontSize = "";
    let size = parseFloat(getComputedStyle(element).fontSize);
    while (size > least * unit &&
      (element.scrollHeight > element.clientHeight + 1 || element.scrollWidth > element.clientWidth + 1)) {
      size -= 2 * unit;
      element.style.fontSize = `${Math.max(size, least * unit)}px`;
    }
  }

  /* How long it took until all of it was on the screen. */
  Stage.prototype.done = function (step, at, start) {
    const ready = () => {
      if (this.at !== at) return;
      const heat = !step.map.heat || window.CW_HEAT === this.cw.heatUrl;
      const photos = [...this.pictures.querySelectorAll("img")].every((image) => image.complete);
      if (!heat || !photos) return void requestAnimationFrame(ready);
      requestAnimationFrame(() => setTimeout(() => {
        window.CW_STEP = { step: at + 1, ms: performance.now() - start, turn: (window.CW_STEP || { turn: 0 }).turn + 1 };
      }));
    };
    ready();
  };

  Stage.prototype.address = function (number) {
    if (host === window) return;
    const url = new URL(host.location.href);
    if (url.searchParams.get("step") === String(number)) return;
    url.searchParams.set("step", number);
    host.history.replaceState(host.history.state, "", url.href);
  };

  /* ---- what the presenter does ---- */

  Stage.prototype.listen = function () {
    const over = new AbortController(), on = { capture: true, signal: over.signal };
    const places = host === window ? [window] : [host, window];
    for (const place of places) {
      place.addEventListener("keydown", (event) => this.onKey(event, true), on);
      place.addEventListener("keyup", (event) => this.onKey(event, false), on);
    }
    window.addEventListener("pagehide", () => { over.abort(); clearInterval(this.looking); });
    window.addEventListener("pointermove", (event) => this.moved(event), on);
    window.addEventListener("pointerdown", (event) => this.press(event, true), on);
    window.addEventListener("pointerup", (event) => this.press(event, false), on);
    for (const kind of ["touchstart", "touchmove", "touchend"]) {
      window.addEventListener(kind, (event) => this.swipe(event), { ...on, passive: false });
    }
    this.cw.map.on("resize", () => {
      if (!this.meeting) return;
      this.look(this.meeting.steps[this.at]);
      fit(this.title, 44);
      fit(this.said, 30);
    });
    this.looking = setInterval(() => this.ask(), LOOK_MS);
  };

  /* Streamlit has keys of its own (R, C): on the stage they are the presenter's. */
  Stage.prototype.onKey = function (event, down) {
    const word = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const act = KEYS[word], field = event.target && event.target.closest;
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    if (field && event.target.closest("input, textarea, [contenteditable=true]")) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (down && (!event.repeat || act === "next" || act === "back")) this.act(act, event.timeStamp);
  };

  Stage.prototype.act = function (act) {
    if (!this.meeting) return;
    const last = this.meeting.steps.length - 1;
    const to = { next: this.at + 1, back: this.at - 1, first: 0, last }[act];
    if (to !== undefined) {
      this.black.hidden = true;
      if (to >= 0 && to <= last) this.show(to, performance.now());
      return;
    }
    this[act]();
  };

  Stage.prototype.blank = function () { this.black.hidden = !this.black.hidden; };

  Stage.prototype.laser = function () {
    this.pointing = !this.pointing;
    this.mark("laser", this.pointing);
    this.dot.hidden = !this.pointing;
  };

  Stage.prototype.draw = function () { this.mark("draw", this.ink.toggle()); };
  Stage.prototype.clear = function () { this.ink.clear(); };
  Stage.prototype.pin = function () { this.mark("pin", (this.ink.pinned = !this.ink.pinned)); };

  Stage.prototype.mark = function (act, on) {
    this.buttons[act].classList.toggle("on", on);
    document.body.classList.toggle(`cm-${act}`, on);
  };

  Stage.prototype.refresh = function () {
    this.waiting = true;
    this.news().then((revision) => {
      if (revision === this.meeting.revision) {
        this.say("已是最新数据");
        setTimeout(() => { this.waiting = false; this.note.hidden = true; }, IDLE_MS);
      } else {
        this.say("正在更新…");
        this.pick("meeting", "refresh");
      }
    });
  };

  Stage.prototype.screen = function () {
    const page = host.document;
    if (page.fullscreenElement) page.exitFullscreen();
    else if (page.documentElement.requestFullscreen) page.documentElement.requestFullscreen().catch(() => {});
  };

  Stage.prototype.edit = function () {
    const url = new URL(host.location.href);
    url.searchParams.delete("step");
    url.searchParams.set("edit", "1");
    go(url);
  };

  /* Esc takes back one thing at a time; only then it leaves. */
  Stage.prototype.leave = function () {
    if (!this.black.hidden) this.blank();
    else if (this.ink.on) this.draw();
    else if (this.pointing) this.laser();
    else if (host.document.fullscreenElement) host.document.exitFullscreen();
    else go(new URL("./", host.location.href.split(/[?#]/)[0]));
  };

  Stage.prototype.moved = function (event) {
    this.dot.style.transform = `translate(${event.clientX}px, ${event.clientY}px)`;
    document.body.classList.add("cm-busy");
    clearTimeout(this.resting);
    this.resting = setTimeout(() => document.body.classList.remove("cm-busy"), IDLE_MS);
  };

  Stage.prototype.press = function (event, down) {
    if (down && (this.ink.on || event.target.closest(".cm-tools"))) return;
    this.dot.hidden = !(down || this.pointing);
    this.moved(event);
  };

  /* One finger to the side turns the page; two are the map's, up and down is the text's. */
  Stage.prototype.swipe = function (event) {
    const finger = event.changedTouches[0];
    if (event.type === "touchstart") this.finger = event.touches.length === 1 && !this.ink.on ? finger : null;
    if (!this.finger) return;
    const x = finger.clientX - this.finger.clientX, y = finger.clientY - this.finger.clientY;
    const aside = Math.abs(x) > 2 * Math.abs(y);
    if (event.type === "touchmove" && aside && event.cancelable) event.preventDefault();  // nothing glides on
    if (event.type !== "touchend") return;
    this.finger = null;
    if (aside && Math.abs(x) >= SWIPE_PX) this.act(x < 0 ? "next" : "back");
  };

  /* ---- new data wait until they are wanted ---- */

  Stage.prototype.ask = function () {
    if (!this.meeting || this.waiting) return;
    this.news().then((revision) => {
      if (this.waiting || revision === null) return;
      if (revision === this.meeting.revision) this.note.hidden = true;
      else this.say(`有新数据，${this.hand ? "点“更新数据”" : "按 R 更新"}`);
    });
  };

  /* The server's revision; null where it is away, which is no news. */
  Stage.prototype.news = () => fetch(`${SERVER}health`)
    .then((answer) => (answer.ok ? answer.json() : null)).then((now) => now && now.revision)
    .catch(() => null);

  Stage.prototype.say = function (text) {
    this.note.textContent = text;
    this.note.hidden = false;
  };

  /* ---- drawing on the map: strokes stay on their places ---- */

  function Ink(cw, root) {
    this.cw = cw;
    this.strokes = [];
    this.on = this.pinned = false;
    const canvas = (this.canvas = make("canvas", "cm-ink", root));
    const place = (event) => cw.map.containerPointToLatLng([event.offsetX, event.offsetY]);
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.strokes.push([place(event)]);
      this.drawing = true;
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!this.drawing) return;
      this.strokes[this.strokes.length - 1].push(place(event));
      this.draw();
    });
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, () => { this.drawing = false; });
    }
    cw.map.on("move zoom viewreset resize", () => this.draw());
  }

  Ink.prototype.toggle = function () {
    this.on = !this.on;
    this.canvas.classList.toggle("on", this.on);
    return this.on;
  };

  Ink.prototype.turn = function () { if (!this.pinned) this.clear(); };

  Ink.prototype.clear = function () { this.strokes = []; this.draw(); };

  Ink.prototype.draw = function () {
    const { canvas, cw } = this, size = cw.map.getSize(), ratio = window.devicePixelRatio || 1;
    canvas.width = size.x * ratio;
    canvas.height = size.y * ratio;
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    pen.lineCap = pen.lineJoin = "round";
    for (const [colour, width] of [["#ffffff", 11], ["#e4002b", 6]]) {
      pen.strokeStyle = colour;
      pen.lineWidth = width;
      for (const stroke of this.strokes) {
        pen.beginPath();
        stroke.forEach((at) => { const p = cw.map.latLngToContainerPoint(at); pen.lineTo(p.x, p.y); });
        pen.stroke();
      }
    }
  };

  let stage = null;
  window.CWMap.meet = (meeting) => {
    if (!window.CW) return;
    stage = stage || new Stage(window.CW);
    stage.take(meeting);
    window.CW_STAGE = stage;
  };
})();
