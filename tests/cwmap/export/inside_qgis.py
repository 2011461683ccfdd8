"""What QGIS itself makes of files and addresses; run by QGIS's own Python, see test_qgis.py.

Reads a JSON list of sources from standard input (`uri`, `provider`: ogr, gdal, qlr or OAPIF, `picture`:
where to draw its layers, {} for their number) and writes what it found as JSON to the file that is
the only argument: `layers`, and the messages of QGIS's `log`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from qgis.core import (
    Qgis,
    QgsApplication,
    QgsLayerDefinition,
    QgsMapLayer,
    QgsMapRendererSequentialJob,
    QgsMapSettings,
    QgsPalettedRasterRenderer,
    QgsProject,
    QgsProviderRegistry,
    QgsProviderSublayerDetails,
    QgsRasterLayer,
    QgsRenderContext,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor

SIZE = QSize(700, 500)


def opened(source: dict[str, Any]) -> Iterator[QgsMapLayer]:
    """The layers of a source as its data source manager adds them: of a file, one of each shape."""
    uri, provider = source["uri"], source["provider"]
    if provider == "ogr":
        by_shape = Qgis.SublayerQueryFlags(Qgis.SublayerQueryFlag.ResolveGeometryType)
        options = QgsProviderSublayerDetails.LayerOptions(QgsProject.instance().transformContext())
        for sublayer in QgsProviderRegistry.instance().querySublayers(uri, by_shape):
            yield sublayer.toLayer(options)
    elif provider == "qlr":
        project = QgsProject.instance()
        loaded, why = QgsLayerDefinition.loadLayerDefinition(uri, project, project.layerTreeRoot())
        assert loaded, why
        yield from project.mapLayers().values()
    elif provider == "gdal":
        yield QgsRasterLayer(uri, Path(uri).stem, provider)
    else:
        yield QgsVectorLayer(uri, "live", provider)


def told(layer: QgsMapLayer, source: dict[str, Any], at: int) -> dict[str, Any]:
    """What a layer is, how it is coloured, and a picture of it."""
    facts = {"uri": source["uri"], "name": layer.name(), "valid": layer.isValid()}
    if not layer.isValid():
        return facts | {"error": layer.error().summary()}
    if isinstance(layer, QgsRasterLayer):
        facts |= {"shape": "raster", "renderer": layer.renderer().type(), "ramp": _ramp(layer)}
    else:
        facts |= _vector(layer)
    if facts["shape"] != "none":
        facts |= {"crs": layer.crs().authid(), "picture": source["picture"].format(at)}
        _draw(layer, facts["picture"])
    return facts


def _ramp(layer: QgsRasterLayer) -> list[list[Any]]:
    """Value, colour, opacity (0 to 255) and label of each entry of the legend."""
    renderer = layer.renderer()
    if isinstance(renderer, QgsPalettedRasterRenderer):
        items = renderer.classes()
    else:
        items = renderer.shader().rasterShaderFunction().colorRampItemList()
    return [[i.value, i.color.name(), i.color.alpha(), i.label] for i in items]


def _vector(layer: QgsVectorLayer) -> dict[str, Any]:
    fields, rows = layer.fields(), list(layer.getFeatures())
    widgets = {f.name(): layer.editorWidgetSetup(i) for i, f in enumerate(fields)}
    facts = {
        "shape": ("point", "line", "polygon", "unknown", "none")[layer.geometryType()],
        "count": layer.featureCount(), "features": len(rows),
        "aliases": {f.name(): layer.attributeAlias(i) for i, f in enumerate(fields)},
        "words": {name: w.config()["map"] for name, w in widgets.items() if w.type() == "ValueMap"},
    }  # fmt: skip
    if layer.isSpatial():
        facts |= {"renderer": layer.renderer().type(), "colours": _colours(layer, rows)}
    return facts


def _colours(layer: QgsVectorLayer, rows: list[Any]) -> dict[int, str | None]:
    """Number of a feature → the colour in which it is drawn; None where it is not."""
    context, renderer, found = QgsRenderContext(), layer.renderer().clone(), {}
    renderer.startRender(context, layer.fields())
    for row in rows:
        context.expressionContext().setFeature(row)
        symbols = renderer.originalSymbolsForFeature(row, context)
        found[row.id()] = symbols[0].color().name() if symbols else None
    renderer.stopRender(context)
    return found


def _draw(layer: QgsMapLayer, path: str) -> None:
    settings = QgsMapSettings()
    settings.setLayers([layer])
    settings.setOutputSize(SIZE)
    settings.setBackgroundColor(QColor("white"))
    settings.setDestinationCrs(layer.crs())
    extent = layer.extent()
    extent.scale(1.1)
    settings.setExtent(extent)
    job = QgsMapRendererSequentialJob(settings)
    job.start()
    job.waitForFinished()
    job.renderedImage().save(path)


def main() -> None:
    application = QgsApplication([], False)
    application.initQgis()
    log: list[str] = []
    application.messageLog().messageReceived.connect(
        lambda text, tag, _level: log.append(f"{tag}: {text}")
    )
    layers = [
        told(layer, source, at)
        for source in json.load(sys.stdin)
        for at, layer in enumerate(opened(source))
    ]
    Path(sys.argv[1]).write_text(json.dumps({"layers": layers, "log": log}), encoding="utf-8")
    application.exitQgis()


if __name__ == "__main__":
    main()
