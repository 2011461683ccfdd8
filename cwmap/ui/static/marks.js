/* Places that are no lane and no cell, as marks, and a way through them: laid on the map of map.js. */
(function () {
  "use strict";

  /* marks: {layer, colours: {light, dark}, items: [[lat, lon, class or -1, name, said, id, number]]}
     route: [[lat, lon], …] in order. */
  window.CWMarks = function (cw, escape) {
    const group = L.layerGroup().addTo(cw.map);

    function dot(item, colours) {
      const [lat, lon, k, name, said, , number] = item;
      const colour = k >= 0 ? colours[k] : cw.colours.community;
      const icon = L.divIcon({ className: "", iconSize: [22, 22],
        html: `<div class="cw-mark" style="background:${escape(colour)}">${number ? escape(number) : ""}</div>` });
      return L.marker([lat, lon], { icon, riseOnHover: true, keyboard: false })
        .bindTooltip(`<b>${escape(name)}</b><br>${escape(said)}`, { direction: "top", opacity: 1, className: "cw-tip" });
    }

    function paint(state) {
      group.clearLayers();
      if (state.route && state.route.length > 1) {
        L.polyline(state.route, { color: cw.colours.halo, weight: 7, interactive: false }).addTo(group);
        L.polyline(state.route, { color: cw.colours.select, weight: 3, dashArray: "7 5", interactive: false }).addTo(group);
      }
      for (const marks of state.marks || []) {
        const colours = marks.colours[cw.theme];
        for (const item of marks.items) {
          dot(item, colours).on("click", () => cw.pick(marks.layer, item[5])).addTo(group);
        }
      }
    }

    return { paint };
  };
})();
