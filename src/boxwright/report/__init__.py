"""What was found, as one page to read: a summary, charts, every finding with pictures of where it is. It loads nothing and runs nothing.

pages.py      the page of the checks of one or more scenes
places.py     where a finding is, from above and in a picture, before and after its correction
charts.py     bars, histograms and ranges as SVG
markup.py     escaped HTML, the styles, and the policy that keeps everything else out
"""

from __future__ import annotations

from .pages import report_html, write_report

__all__ = ["report_html", "write_report"]
