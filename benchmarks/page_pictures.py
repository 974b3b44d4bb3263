"""The pictures of the page in the README and in docs/viewer.md: the sample, as boxwright demo annotates it, in a headless Chromium.

python benchmarks/page_pictures.py [FOLDER]        by default docs/
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from browsing import browsed  # noqa: E402

SIZE = {"width": 1440, "height": 860}
FRAME = 20


def keep(page, path):
    """A picture of the page once everything is there, small enough for a repository."""
    page.page.mouse.move(5, 5)
    page.page.wait_for_timeout(6000)
    picture = cv2.imdecode(np.frombuffer(page.page.screenshot(), np.uint8), cv2.IMREAD_COLOR)
    cv2.imwrite(str(path), picture, [cv2.IMWRITE_JPEG_QUALITY, 88, cv2.IMWRITE_JPEG_OPTIMIZE, 1])
    print(path, f"{path.stat().st_size / 1024:.0f} KiB")


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, browsed(Path(scratch)) as site:
        page = site.visit(frame=FRAME, context=site.browser.new_context(viewport=SIZE))
        page.select("car-16")
        keep(page, folder / "page.jpg")
        page.go(FRAME + 3)
        page.by("view-object").click()
        page.by("colour").select_option("class")
        page.wait("() => boxwright.space.cloud.mode === 'class' && boxwright.space.cloud.points.fields.class_id")
        page.drag(page.pixel("car-16"), np.add(page.pixel("car-16"), (12, 6)))
        page.saved()
        keep(page, folder / "page_correcting.jpg")
        page.check()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs")
