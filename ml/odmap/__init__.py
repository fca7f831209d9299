"""The ODMAP report: a model described by the field's reporting protocol, from its model card.

ODMAP (Zurell et al. 2020, Ecography 43: 1261-1277, doi 10.1111/ecog.04960) has the sections Overview, Data, Model,
Assessment and Prediction. `build_report` fills in what the card contains and lists what a human must still write;
`to_markdown` renders the report. `protocol` has the elements, `overview`, `records`, `fitting` and `assessment` have
their texts, and `purpose` says what the model is for and not for. The report contains only what the card contains, and
does not depend on the time.
"""

from ml.odmap.markdown import to_markdown
from ml.odmap.report import OdmapElement, OdmapReport, OdmapTable, build_report

__all__ = ["OdmapElement", "OdmapReport", "OdmapTable", "build_report", "to_markdown"]
