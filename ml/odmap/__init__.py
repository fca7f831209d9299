"""Model card and ODMAP report: a model described by the field's reporting protocol, as far as the run can know it.

ODMAP (Zurell et al. 2020, Ecography 43: 1261-1277, doi 10.1111/ecog.04960) asks for an Overview, the Data, the Model,
its Assessment and the Prediction. `build_report` fills in what the model card holds and names what a human must still
write; `to_markdown` writes it down. `protocol` holds the questions, `overview`, `records`, `fitting` and `judged` the
answers, `purpose` what the model is for and not for. Nothing is said that the card does not say, and nothing depends on
the clock.
"""

from ml.odmap.markdown import to_markdown
from ml.odmap.report import OdmapElement, OdmapReport, OdmapTable, build_report

__all__ = ["OdmapElement", "OdmapReport", "OdmapTable", "build_report", "to_markdown"]
