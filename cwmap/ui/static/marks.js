/* What is laid on the map of map.js: marks, dots, areas, stretches, a way through them, and pins to move. */
(function () {
  "use strict";

  /* marks: [{layer, colours: {light, dark}, items: [[lat, lon, class or -1, name, said, id, number]]}]
     dots: the same for many small ones. route: [[lat, lon], …] in order.
     zones: [{colours: {light, dark}, dash, polygons: [[ring, …], …]}], a ring: [[lat, lon], …].
     stretches: {colours: {light, dark}, items: [[[[lat, lon], …], name, said, lane id], …]}.
     pins: [{at: [lat, lon], number, name, said}], told as pick("pin", "number@lat,lon") when moved. */
  window.CWMarks = function (cw, escape) {
    const group = L.layerGroup().addTo(cw.map);
    const outline = { renderer: cw.border, pane: "cw-outline", interactive: false };
    const live = { renderer: cw.live, pane: "cw-live", bubblingMouseEvents: false };

    function tip(path, name, said, above = 0) {
      return path.bindTooltip(`<b>${escape(name)}</b><br>${escape(said)}`,
        { direction: "top", opacity: 1, className: "cw-tip", offset: [0, -above] });
    }

    function mark(item, colours) {
      const [lat, lon, k, name, said, , number] = item;
      const colour = k >= 0 ? colours[k] : cw.colours.community;
      const icon = L.divIcon({ className: "", iconSize: [22, 22],
        html: `<div class="cw-mark" style="background:${escape(colour)}">${number ? escape(number) : ""}</div>` });
      return tip(L.marker([lat, lon], { icon, riseOnHover: true, keyboard: false }), name, said);
    }

    function dot(item, colours) {
      const [lat, lon, k, name, said] = item;
      return tip(L.circleMarker([lat, lon], { ...live, radius: 4, weight: 1, color: cw.colours.ground,
        fillColor: colours[k], fillOpacity: 1 }), name, said);
    }

    function zone(area) {
      const colour = area.colours[cw.theme];
      return L.polygon(area.polygons, { ...outline, color: colour, weight: 2, dashArray: area.dash,
        fill: true, fillColor: colour, fillOpacity: 0.1 });
    }

    function stretch(item, colour) {
      const [line, name, said, id] = item;
      return tip(L.polyline(line, { ...live, color: colour, weight: 3, opacity: 0.9 }), name, said)
        .on("click", () => cw.pick("lanes", id));
    }

    function pin(place) {
      const icon = L.divIcon({ className: "", iconSize: [34, 44], iconAnchor: [17, 42],
        html: `<div class="cw-pin"><b>${escape(place.number)}</b></div>` });
      const marker = L.marker(place.at, { icon, draggable: true, autoPan: true, zIndexOffset: 1000, title: "" });
      return tip(marker, place.name, place.said, 40).on("dragend", () => {
        const at = marker.getLatLng();
        cw.pick("pin", `${place.number}@${at.lat.toFixed(6)},${at.lng.toFixed(6)}`);
      });
    }

    function paint(state) {
      group.clearLayers();
      for (const area of state.zones || []) zone(area).addTo(group);
      if (state.route && state.route.length > 1) {
        L.polyline(state.route, { color: cw.colours.halo, weight: 7, interactive: false }).addTo(group);
        L.polyline(state.route, { color: cw.colours.select, weight: 3, dashArray: "7 5", interactive: false }).addTo(group);
      }
      const stretches = state.stretches;
      for (const item of stretches ? stretches.items : []) stretch(item, stretches.colours[cw.theme]).addTo(group);
      for (const dots of state.dots || []) {
        for (const item of dots.items) {
          dot(item, dots.colours[cw.theme]).on("click", () => cw.pick(dots.layer, item[5])).addTo(group);
        }
      }
      for (const marks of state.marks || []) {
        const colours = marks.colours[cw.theme];
        for (const item of marks.items) {
          mark(item, colours).on("click", () => cw.pick(marks.layer, item[5])).addTo(group);
        }
      }
      for (const place of state.pins || []) pin(place).addTo(group);
    }

    return { paint };
  };
})();
