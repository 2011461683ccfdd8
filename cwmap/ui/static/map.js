/* The map of cwmap: drawn once from CW_SCENE, then only painted anew (CWMap.paint) by a filter.
   Plain Leaflet; no request but to this server. Colours, classes and numbers come from Python. */
(function () {
  "use strict";

  const SERVER = "../../cwmap/";
  const KINDS = ["hill", "block", "green", "water", "building", "road"];
  const THEMES = {
    light: {
      ground: "#f4f3ee", hill: "#e7e9dc", block: "#eeece4", green: "#dbe7d0", water: "#c3d9e6",
      building: "#e0dcd1", road: "#ffffff", lane: "#ffffff", laneEdge: "#d8d4c8",
      text: "#3b4246", halo: "rgba(255,255,255,.92)", community: "#8b8f93", area: "#0f6e6e",
      select: "#0f6e6e",
    },
    dark: {
      ground: "#14191c", hill: "#1a2120", block: "#181e22", green: "#1b2a22", water: "#16303d",
      building: "#22292d", road: "#2b3338", lane: "#2f383d", laneEdge: "#3a444a",
      text: "#c9d2d6", halo: "rgba(16,20,23,.9)", community: "#75828a", area: "#5cc8bd",
      select: "#5cc8bd",
    },
  };
  const FONT = '"PingFang SC","Microsoft YaHei","Noto Sans CJK SC","Source Han Sans SC",' +
    '"WenQuanYi Micro Hei",sans-serif';

  const icon = (paths) => '<svg viewBox="0 0 24 24" width="19" height="19" fill="none" stroke="currentColor" ' +
    `stroke-width="2" stroke-linecap="round" stroke-linejoin="round">${paths}</svg>`;
  const ICONS = {
    plus: icon('<path d="M12 5v14M5 12h14"/>'), minus: icon('<path d="M5 12h14"/>'),
    home: icon('<path d="M4 11 12 4l8 7v9h-5v-6H9v6H4z"/>'),
    screen: icon('<path d="M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5"/>'),
    picture: icon('<path d="M4 5h16v14H4z"/><path d="m4 16 5-5 4 4 3-3 4 4"/><circle cx="15.5" cy="9" r="1"/>'),
    theme: icon('<circle cx="12" cy="12" r="8"/><path d="M12 4a8 8 0 0 1 0 16z" fill="currentColor"/>'),
  };

  /* ---- small things ---- */

  function outer() {
    try { return window.parent !== window && window.parent.document ? window.parent : null; }
    catch (e) { return null; }
  }

  function isDark() {
    const host = outer();
    const app = host && host.document.querySelector(".stApp");
    if (!app) return false;
    const rgb = host.getComputedStyle(app).backgroundColor.match(/[\d.]+/g);
    return !!rgb && 0.3 * rgb[0] + 0.6 * rgb[1] + 0.1 * rgb[2] < 110;
  }

  /* Rings come as [lat0, lon0, dlat, dlon, …] in millionths of a degree. */
  function ring(numbers) {
    const points = [];
    let lat = 0, lon = 0;
    for (let i = 0; i < numbers.length; i += 2) {
      lat += numbers[i]; lon += numbers[i + 1];
      points.push([lat / 1e6, lon / 1e6]);
    }
    return points;
  }

  const shape = (polygons) => polygons.map((rings) => rings.map(ring));

  function escape(text) {
    const box = document.createElement("span");
    box.textContent = text == null ? "" : String(text);
    return box.innerHTML;
  }

  /* The renderer's tolerance helps to hit what is thin, and a point within one place belongs to that
     place, however near the next one is. */
  const Place = L.Polygon.extend({
    holds(point) {
      const options = this._renderer.options, tolerance = options.tolerance;
      options.tolerance = 0;
      const inside = L.Polygon.prototype._containsPoint.call(this, point);
      options.tolerance = tolerance;
      return inside;
    },
    _containsPoint(point) {
      return L.Polygon.prototype._containsPoint.call(this, point) &&
        (this.holds(point) || !this.others().some((other) => other.holds(point)));
    },
  });

  /* ---- the map ---- */

  function CW(map, scene) {
    this.map = map;
    this.scene = scene;
    this.paintState = null;
    this.layers = {};
    map.attributionControl.setPrefix(false);
    document.body.classList.toggle("cw-wide", !outer());
    document.documentElement.style.height = document.body.style.height = "100%";
    const box = map.getContainer();
    Object.assign(box.style, { position: "absolute", inset: "0", width: "100%", height: "100%" });
    box.style.fontFamily = FONT;
    this.panes();
    this.backdrop();
    this.places("cells");
    this.places("lanes");
    this.outlines();
    this.facilities();
    this.labels = new Labels(this);
    this.reports = L.layerGroup().addTo(map);
    this.chosen = L.layerGroup().addTo(map);
    this.marks = window.CWMarks(this, escape);
    map.invalidateSize(false);
    this.goHome(false);
    this.restoreView();
    this.controls();
    map.on("moveend", () => { this.rememberView(); this.showFacilities(); this.fetchReports(); });
    new ResizeObserver(() => {
      map.invalidateSize(false);
      if (!this.moved) this.goHome(false);  // nobody has looked elsewhere: the town stays in view
    }).observe(box);
    window.addEventListener("message", (event) => {
      if (event.data && event.data.type === "streamlit:render") this.applyTheme();
    });
    this.applyTheme();
  }

  CW.prototype.panes = function () {
    const pane = (name, z, clicks) => {
      const element = this.map.createPane(name);
      element.style.zIndex = z;
      if (!clicks) element.style.pointerEvents = "none";
    };
    pane("cw-backdrop", 200, false);
    pane("cw-heat", 300, false);
    pane("cw-live", 400, true);
    pane("cw-outline", 420, false);
    pane("cw-labels", 450, false);
    this.ground = L.canvas({ pane: "cw-backdrop", padding: 0.3 });
    this.live = L.canvas({ pane: "cw-live", padding: 0.3, tolerance: 4 });
    this.border = L.canvas({ pane: "cw-outline", padding: 0.3 });
  };

  CW.prototype.backdrop = function () {
    this.base = [];
    for (const kind of KINDS) {
      for (const part of this.scene.backdrop.filter((b) => b[0] === kind)) {
        const options = { renderer: this.ground, pane: "cw-backdrop", interactive: false };
        const path = part[1] === "line"
          ? L.polyline(part[2].map(ring), { ...options, weight: 2, fill: false })
          : L.polygon(shape(part[2]), { ...options, stroke: false, fillOpacity: 1 });
        this.base.push([kind, path.addTo(this.map)]);
      }
    }
    const lanes = this.scene.lanes.shapes.map(shape);
    this.street = L.polygon(lanes.flat(), {
      renderer: this.ground, pane: "cw-backdrop", interactive: false, weight: 0.7, fillOpacity: 1,
    }).addTo(this.map);
  };

  CW.prototype.places = function (name) {
    const scene = this.scene[name];
    this.layers[name] = scene.shapes.map((polygons, i) => {
      const path = new Place(shape(polygons), {
        renderer: this.live, pane: "cw-live", stroke: false, fill: true, fillOpacity: 0,
        bubblingMouseEvents: false,
      });
      path.others = () => this.layers[name];
      path.on("click", () => this.pick(name, scene.ids[i]));
      path.bindTooltip(() => this.hover(name, i), { sticky: true, direction: "top", opacity: 1,
        className: "cw-tip" });
      return path;
    });
  };

  CW.prototype.outlines = function () {
    const line = (name, style) => L.polygon(this.scene[name].shapes.map(shape).flat(), {
      renderer: this.border, pane: "cw-outline", interactive: false, fill: false, ...style,
    });
    this.communities = line("communities", { weight: 1, dashArray: "5 4", opacity: 0.9 });
    this.areas = line("areas", { weight: 2, opacity: 0.75 });
  };

  /* Small facilities come in as the map comes closer: from far they would hide everything. */
  const FACILITY_ZOOM = { market: 0, transfer_station: 14, toilet: 14.5, sorting_station: 15.5, other: 15.5, bin: 16.5 };

  CW.prototype.facilities = function () {
    this.facilityLayers = {};
    for (const f of this.scene.facilities) {
      const tip = `<b>${escape(f.name || f.label)}</b><br>${escape(f.label)}` +
        (f.standard ? ` · ${escape(f.standard)}` : "");
      const marker = f.kind === "bin"
        ? L.circleMarker(f.at, { renderer: this.live, pane: "cw-live", radius: 3, weight: 1,
          color: "#1b7f4b", fillColor: "#7fc79e", fillOpacity: 1 })
        : L.marker(f.at, { icon: L.divIcon({ className: "", iconSize: [24, 24],
          html: `<div class="cw-facility ${f.bad ? "bad" : ""}">${escape(f.icon)}</div>` }) });
      marker.bindTooltip(tip, { direction: "top", opacity: 1, className: "cw-tip" });
      marker.addTo(this.facilityLayers[f.kind] || (this.facilityLayers[f.kind] = L.layerGroup()));
    }
  };

  CW.prototype.showFacilities = function () {
    const on = this.paintState && this.paintState.show.includes("facilities");
    for (const [kind, layer] of Object.entries(this.facilityLayers)) {
      this.toggle(layer, on && this.map.getZoom() >= (FACILITY_ZOOM[kind] || 0));
    }
  };

  CW.prototype.applyTheme = function () {
    const name = isDark() ? "dark" : "light";
    if (name === this.theme) return;
    this.theme = name;
    const c = (this.colours = THEMES[name]);
    this.map.getContainer().style.background = c.ground;
    document.body.classList.toggle("cw-dark", name === "dark");
    for (const [kind, path] of this.base) {
      path.setStyle({ fillColor: c[kind], color: c[kind] });
    }
    this.street.setStyle({ fillColor: c.lane, color: c.laneEdge });
    this.communities.setStyle({ color: c.community });
    this.areas.setStyle({ color: c.area });
    this.labels.draw();
    if (this.paintState) this.repaint();
  };

  /* ---- painting: what a filter changes ---- */

  CW.prototype.paint = function (state) {
    const before = this.paintState;
    this.paintState = state;
    this.repaint();
    if (state.fly && (!before || !before.fly || before.fly.turn !== state.fly.turn)) this.fly(state.fly);
    this.rememberView();
    window.CW_PAINTED = (window.CW_PAINTED || 0) + 1;
  };

  CW.prototype.repaint = function () {
    const s = this.paintState;
    const added = ["cells", "lanes"].filter((name) => this.paintPlaces(name, s[name]));
    if (added.length) this.pointsToFront();
    this.live._redrawBounds = null;
    if (this.live._ctx) this.live._redraw();
    this.toggle(this.communities, s.show.includes("communities"));
    this.toggle(this.areas, s.show.includes("areas"));
    this.showFacilities();
    if (!s.series) this.paintHeat(s.heat);
    this.paintSeries(s.series);
    this.paintChosen(s.chosen);
    this.marks.paint(s);
    this.labels.draw();
    this.fetchReports();
  };

  CW.prototype.toggle = function (layer, on) {
    if (on && !this.map.hasLayer(layer)) layer.addTo(this.map);
    if (!on && this.map.hasLayer(layer)) layer.remove();
  };

  /* Places that come to the map later than the points would be drawn, and hit, above them. */
  CW.prototype.pointsToFront = function () {
    for (const points of [this.facilityLayers.bin, this.reports]) {
      if (points) points.eachLayer((point) => { if (point.bringToFront) point.bringToFront(); });
    }
  };

  /* classes: one character a place, "-" for none, else an index into the colours. True if the
     places are new on the map. */
  CW.prototype.paintPlaces = function (name, values) {
    const colours = ((values && values.colours) || this.paintState.colours)[this.theme];
    const added = !!values && !this.layers[name].every((path) => this.map.hasLayer(path));
    this.layers[name].forEach((path, i) => {
      this.toggle(path, !!values);
      if (!values) return;
      const k = values.classes ? values.classes.charCodeAt(i) - 48 : -1;
      const on = k >= 0 && k < colours.length;
      path.options.fillColor = on ? colours[k] : "#000000";
      path.options.fillOpacity = on ? values.opacity : 0;
      path.options.stroke = !!(values.edge && on);
      path.options.color = this.colours.ground;
      path.options.weight = 0.6;
    });
    return added;
  };

  CW.prototype.paintHeat = function (heat) {
    if (!heat) {
      if (this.heat) { this.heat.remove(); this.heat = null; }
      this.heatUrl = null;
      return;
    }
    const url = this.heatAddress(heat);
    if (url === this.heatUrl) return;
    this.heatUrl = url;
    const image = new Image();
    image.onload = () => {
      if (url !== this.heatUrl) return;  // overtaken by a newer filter
      const next = L.imageOverlay(url, heat.bounds, { pane: "cw-heat", opacity: 1,
        interactive: false }).addTo(this.map);
      const old = this.heat;
      this.heat = next;
      if (old) requestAnimationFrame(() => old.remove());
      window.CW_HEAT = url;
    };
    image.src = url;
  };

  /* ---- time: pictures of one scale, one a period, played without asking Streamlit ---- */

  CW.prototype.paintSeries = function (series) {
    const key = series ? JSON.stringify(series.frames) : null;
    if (key === this.seriesKey) return;
    this.seriesKey = key;
    clearInterval(this.playing);
    this.playing = null;
    if (this.player) { this.player.remove(); this.player = null; }
    this.fade(false);
    if (!series) return;
    const cw = this, last = series.frames.length - 1, start = "播放各时段的密度";
    const player = L.Control.extend({ onAdd() {
      const box = L.DomUtil.create("div", "cw-player");
      box.innerHTML = '<button type="button" aria-label="播放或暂停">▶</button>' +
        `<input type="range" min="0" max="${last}" value="${last}" aria-label="时段"><output></output>` +
        '<a role="button" href="#" hidden>回到类型</a>';
      const [play, slider, label, back] = box.children;
      const show = (at) => {
        cw.fade(true);
        back.hidden = false;
        slider.value = at;
        label.textContent = series.frames[at].label;
        cw.paintHeat({ query: series.frames[at].query, bounds: series.bounds });
        const next = new Image();  // already there when its turn comes
        next.src = cw.heatAddress(series.frames[(at + 1) % (last + 1)]);
      };
      const stop = () => { clearInterval(cw.playing); cw.playing = null; play.textContent = "▶"; };
      play.onclick = () => {
        if (cw.playing) return stop();
        play.textContent = "❚❚";
        cw.playing = setInterval(() => show((+slider.value + 1) % (last + 1)), 700);
      };
      slider.oninput = () => { stop(); show(+slider.value); };
      back.onclick = (event) => {
        event.preventDefault();
        stop();
        cw.fade(false);
        cw.paintHeat(null);
        back.hidden = true;
        label.textContent = start;
      };
      L.DomEvent.disableClickPropagation(box);
      L.DomEvent.disableScrollPropagation(box);
      label.textContent = start;  // until then the classes stand alone
      return box;
    } });
    this.player = new player({ position: "bottomleft" }).addTo(this.map);
  };

  /* While densities play the classes step back: two meanings of colour are not mixed. */
  CW.prototype.fade = function (on) {
    this.map.getPane("cw-live").style.opacity = on ? 0.12 : "";
  };

  CW.prototype.heatAddress = function (heat) {
    return heat.data || `${SERVER}heat.png?${heat.query}&theme=${this.theme}`;
  };

  CW.prototype.paintChosen = function (chosen) {
    this.chosen.clearLayers();
    if (!chosen) return;
    const scene = this.scene[chosen.layer];
    if (!scene) return;
    const outline = { renderer: this.border, pane: "cw-outline", interactive: false, fill: false };
    const shapes = chosen.ids.map((id) => scene.ids.indexOf(id)).filter((at) => at >= 0)
      .map((at) => shape(scene.shapes[at]));
    const draw = (style) => shapes.forEach((s) => L.polygon(s, { ...outline, ...style }).addTo(this.chosen));
    draw({ color: this.colours.halo, weight: 7, opacity: 0.9 });
    draw({ color: this.colours.select, weight: 3.5 });
  };

  CW.prototype.hover = function (name, i) {
    const values = this.paintState && this.paintState[name];
    const title = escape(this.scene[name].names[i] || this.scene[name].ids[i]);
    if (!values || !values.counts) return title;
    const rate = values.rates[i] == null ? "" : ` · ${values.rates[i]} ${escape(values.unit)}`;
    const said = values.words ? `<br>${escape(values.words[values.said[i]])}` : "";
    const parts = (values.parts || []).map(([part, counts]) => `<br>${escape(part)} ${counts[i]} 件`);
    return `<b>${title}</b><br>${values.counts[i]} 件${rate}${parts.join("")}${said}`;
  };

  CW.prototype.pick = function (layer, id) {
    this.turn = (this.turn || 0) + 1;
    if (window.Streamlit) {
      window.Streamlit.setComponentValue({ picked: { layer, id, turn: `${Date.now()}-${this.turn}` } });
    }
  };

  /* ---- reports: clusters and points of the part that is in view ---- */

  CW.prototype.fetchReports = function () {
    const s = this.paintState;
    if (!s) return;
    // Over a surface the single reports show only closer up: from far they would hide it.
    const near = !s.surface || this.map.getZoom() >= this.homeZoom + 1.5;
    if (!s.reports || !outer() || !near) {
      this.reports.clearLayers();
      this.reportsUrl = null;
      return;
    }
    const b = this.map.getBounds().pad(0.1);
    const box = [b.getWest(), b.getSouth(), b.getEast(), b.getNorth()].map((v) => v.toFixed(5));
    const url = `${SERVER}reports.json?${s.reports.query}&bbox=${box}&zoom=${this.map.getZoom()}`;
    if (url === this.reportsUrl) return;
    this.reportsUrl = url;
    if (this.waiting) this.waiting.abort();
    this.waiting = new AbortController();
    fetch(url, { signal: this.waiting.signal })
      .then((answer) => (answer.ok ? answer.json() : null))
      .then((found) => { if (found && url === this.reportsUrl) this.drawReports(found); })
      .catch(() => {});
  };

  CW.prototype.drawReports = function (found) {
    this.reports.clearLayers();
    const options = { renderer: this.live, pane: "cw-live", bubblingMouseEvents: false };
    for (const s of found.shapes) {
      const style = { ...options, color: s.colour, weight: 4, opacity: 0.9, fillOpacity: 0.25 };
      L.geoJSON(s.geometry, { style: () => style, ...style })
        .on("click", () => this.pick("reports", s.id)).addTo(this.reports);
    }
    for (const p of found.points) {
      const marker = L.circleMarker([p[1], p[0]], {
        ...options, radius: 6, weight: p[4] ? 3 : 1.5, color: p[4] ? "#d7191c" : "#ffffff",
        fillColor: p[3], fillOpacity: p[5] ? 0.45 : 0.95,
      });
      marker.on("click", () => this.pick("reports", p[2]));
      marker.addTo(this.reports);
    }
    for (const c of found.clusters) {
      const size = Math.round(18 + 7 * Math.log10(c[2]));
      const icon = L.divIcon({ className: "", iconSize: [size, size],
        html: `<div class="cw-cluster" style="line-height:${size}px;background:${escape(c[3])}">${c[2]}</div>` });
      L.marker([c[1], c[0]], { icon }).on("click", () =>
        this.map.setView([c[1], c[0]], Math.min(this.map.getZoom() + 2, 19))).addTo(this.reports);
    }
    window.CW_REPORTS = found.total;
  };

  /* ---- where we look: kept in the address, so that a link opens the same ---- */

  CW.prototype.goHome = function (animate) {
    const [w, s, e, n] = this.scene.bounds;
    const town = L.latLngBounds([[s, w], [n, e]]);
    this.homing = !animate;
    this.map.fitBounds(town, { ...this.padding(), animate });
    this.homing = false;
    const { paddingTopLeft: a, paddingBottomRight: b, padding: p } = this.padding();
    this.homeZoom = this.map.getBoundsZoom(town, false, a ? L.point(a).add(b) : L.point(p).multiplyBy(2));
  };

  /* Floating panels cover the sides: the town belongs between them. */
  CW.prototype.padding = function () {
    const host = outer();
    const wide = host && host.innerWidth > 900 && !host.document.body.classList.contains("cw-meeting");
    return wide ? { paddingTopLeft: [330, 120], paddingBottomRight: [360, 40] } : { padding: [16, 16] };
  };

  /* west,south,east,north of what is seen between the panels. */
  CW.prototype.seen = function () {
    const { paddingTopLeft: a, paddingBottomRight: b, padding: p } = this.padding();
    const size = this.map.getSize(), corner = L.point(a || p), other = size.subtract(L.point(b || p));
    return L.latLngBounds(this.map.containerPointToLatLng(corner), this.map.containerPointToLatLng(other))
      .toBBoxString();
  };

  CW.prototype.restoreView = function () {
    const host = outer();
    const at = host && new URLSearchParams(host.location.search).get("at");
    const [lat, lon, zoom] = (at || "").split(",").map(Number);
    if (at && isFinite(lat) && isFinite(lon) && isFinite(zoom)) {
      this.map.setView([lat, lon], zoom, { animate: false });
      this.moved = true;
    }
    // With every filter Streamlit writes the address anew, without what it does not know of.
    if (host && host.navigation) {
      host.navigation.addEventListener("currententrychange", () => this.rememberView());
    }
    this.map.on("dragstart zoomstart", () => { if (!this.homing) this.moved = true; });
  };

  CW.prototype.rememberView = function () {
    const host = outer();
    if (!host || !this.moved) return;
    const c = this.map.getCenter();
    const at = `${c.lat.toFixed(5)},${c.lng.toFixed(5)},${this.map.getZoom()}`;
    const url = new URL(host.location.href);
    if (url.searchParams.get("at") === at) return;
    url.searchParams.set("at", at);
    host.history.replaceState(host.history.state, "", url.href.replaceAll("%2C", ","));
  };

  CW.prototype.fly = function (to) {
    this.moved = true;
    if (to.home) return this.goHome(true);
    this.map.fitBounds(to.bounds, { ...this.padding(), maxZoom: to.zoom || 17, animate: true });
  };

  CW.prototype.controls = function () {
    const cw = this;
    const button = (glyph, title, action) => {
      const a = L.DomUtil.create("a", "");
      a.href = "#"; a.title = title; a.setAttribute("role", "button");
      a.setAttribute("aria-label", title); a.innerHTML = glyph;
      L.DomEvent.on(a, "click", (e) => { L.DomEvent.stop(e); action(); });
      return a;
    };
    const bar = L.Control.extend({ onAdd() {
      const box = L.DomUtil.create("div", "leaflet-bar cw-bar");
      box.append(
        button(ICONS.plus, "放大", () => cw.map.zoomIn()), button(ICONS.minus, "缩小", () => cw.map.zoomOut()),
        button(ICONS.home, "回到全镇", () => cw.fly({ home: true })));
      if (outer()) {
        box.append(button(ICONS.screen, "只看地图：全屏，再按或 Esc 恢复", () => cw.meeting()),
          button(ICONS.picture, "存成图片", () => cw.pick("picture", cw.moved ? cw.seen() : "")),
          button(ICONS.theme, "深色／浅色", () => cw.switchTheme()));
      }
      L.DomEvent.disableClickPropagation(box);
      return box;
    } });
    new bar({ position: "bottomright" }).addTo(this.map);
    L.control.scale({ imperial: false, position: "bottomright", maxWidth: 120 }).addTo(this.map);
  };

  CW.prototype.meeting = function () {
    const page = outer().document;
    const on = page.body.classList.toggle("cw-meeting");
    document.body.classList.toggle("cw-wide", on);
    if (on && page.documentElement.requestFullscreen) page.documentElement.requestFullscreen().catch(() => {});
    if (!on && page.fullscreenElement) page.exitFullscreen();
    if (!this.watching) {
      this.watching = true;
      page.addEventListener("fullscreenchange", () => {
        if (page.fullscreenElement) return;
        page.body.classList.remove("cw-meeting");
        document.body.classList.remove("cw-wide");
      });
      // Where there is no full screen to leave, Esc comes here.
      for (const where of [page, document]) {
        where.addEventListener("keydown", (event) => {
          if (event.key === "Escape" && outer() && page.body.classList.contains("cw-meeting")) this.meeting();
        });
      }
    }
    setTimeout(() => this.map.invalidateSize(), 300);
  };

  CW.prototype.switchTheme = function () {
    const host = outer();
    const key = `stActiveTheme-${host.location.pathname}-v2`;
    host.localStorage.setItem(key, JSON.stringify(this.theme === "dark" ? "Light" : "Dark"));
    host.location.reload();
  };

  /* ---- names on the map ---- */

  function Labels(cw) {
    this.cw = cw;
    const canvas = (this.canvas = L.DomUtil.create("canvas", "leaflet-zoom-hide"));
    canvas.style.pointerEvents = "none";
    cw.map.getPanes()["cw-labels"].appendChild(canvas);
    cw.map.on("moveend zoomend resize", () => this.draw());
  }

  Labels.prototype.draw = function () {
    const { map, scene, colours, paintState } = this.cw;
    if (!colours) return;
    const size = map.getSize(), ratio = window.devicePixelRatio || 1, zoom = map.getZoom();
    const larger = this.cw.lettering || 1;  // for a room, see meeting.js
    L.DomUtil.setPosition(this.canvas, map.containerPointToLayerPoint([0, 0]));
    Object.assign(this.canvas.style, { width: `${size.x}px`, height: `${size.y}px` });
    this.canvas.width = size.x * ratio;
    this.canvas.height = size.y * ratio;
    const pen = this.canvas.getContext("2d");
    pen.scale(ratio, ratio);
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.lineJoin = "round";
    const show = paintState ? paintState.show : [];
    const taken = [];
    const write = (text, at, angle, font, colour) => {
      const p = map.latLngToContainerPoint(at);
      if (p.x < -60 || p.y < -30 || p.x > size.x + 60 || p.y > size.y + 30) return;
      const height = larger * parseInt(font.match(/(\d+)px/)[1], 10);
      pen.font = `${font.replace(/\d+px/, `${height}px`)} ${FONT}`;
      const w = pen.measureText(text).width / 2 + 3, h = height / 2 + 3;
      const c = Math.abs(Math.cos(angle)), s = Math.abs(Math.sin(angle));
      const box = [p.x - w * c - h * s, p.y - w * s - h * c, p.x + w * c + h * s, p.y + w * s + h * c];
      if (taken.some((t) => box[0] < t[2] && t[0] < box[2] && box[1] < t[3] && t[1] < box[3])) return;
      taken.push(box);
      pen.save();
      pen.translate(p.x, p.y);
      pen.rotate(angle);
      pen.lineWidth = 3.5 * larger;
      pen.strokeStyle = colours.halo;
      pen.strokeText(text, 0, 0);
      pen.fillStyle = colour;
      pen.fillText(text, 0, 0);
      pen.restore();
    };
    const all = (name, font, colour, wanted) => scene[name].labels.forEach((label, i) => {
      if (!wanted || wanted(label)) write(scene[name].names[i], [label[0], label[1]], label[2], font, colour);
    });
    if (show.includes("areas")) all("areas", zoom < 15 ? "700 15px" : "700 18px", colours.area);
    scene.backdropNames.forEach((n) => { if (zoom >= 13) write(n[0], [n[1], n[2]], n[3], "italic 14px", colours.community); });
    if (show.includes("communities") && zoom >= 14) all("communities", "500 13px", colours.community);
    if (zoom >= 15) {
      // A name is written where its lane is long enough on the screen to carry it.
      const metre = size.x / map.distance(map.containerPointToLatLng([0, size.y / 2]), map.containerPointToLatLng([size.x, size.y / 2]));
      all("lanes", "12px", colours.text, (l) => l[3] * metre > 62 * larger);
    }
  };

  window.CWMap = {
    start(map) { window.CW = new CW(map, window.CW_SCENE); },
    paint(state) { if (window.CW) window.CW.paint(state); },
  };
})();
