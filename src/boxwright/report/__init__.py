"""What was found, as one page to read: a summary, charts, findings, the worst with pictures of where they are. It loads nothing and runs nothing.

pages.py      the page of the checks of one or more scenes
comparisons.py  the pages of labels held to gold, and of annotators held to each other
places.py     where a finding is, from above and in a picture, before and after its correction; the room for pictures
charts.py     bars, histograms and ranges as SVG
markup.py     escaped HTML, the styles, and the policy that keeps everything else out
"""

from __future__ import annotations

from .comparisons import write_agreement_report, write_score_report
from .pages import report_html, write_report

__all__ = ["report_html", "write_agreement_report", "write_report", "write_score_report"]
