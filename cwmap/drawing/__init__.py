"""Maps and charts as pictures for paper, slides and documents, drawn from the town's own shapes as SVG.

No browser and no network: `page.Page.svg` writes the drawing, `picture` turns it into PNG or PDF.
"""
