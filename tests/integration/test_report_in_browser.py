"""The HTML report in a browser: it draws, wide and narrow, and fetches nothing."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from edgeloop.cli.app import run
from edgeloop.results.store import SUFFIX

GOLDEN = Path(__file__).parents[1] / "golden" / "v1-null-bench.edgeloop.jsonl"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.mark.parametrize("width", [1200, 400], ids=["desktop", "phone"])
def test_a_screenshot_shows_the_charts(tmp_path: Path, width: int) -> None:
    if CHROMIUM is None:
        pytest.skip("no chromium is here: apt install chromium")
    pytest.importorskip("matplotlib", reason="pip install 'edgeloop[report]'")
    image = pytest.importorskip("PIL.Image", reason="pip install pillow")
    for number in range(2):
        shutil.copy(GOLDEN, tmp_path / f"{number}{SUFFIX}")
    page, picture = tmp_path / "report.html", tmp_path / "page.png"
    assert run(["report", str(tmp_path), "--html", str(page)]) == 0
    subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
         f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width},2400",
         f"--screenshot={picture}", page.as_uri()],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    with image.open(picture) as shot:
        assert shot.width == width
        colours = {colour for _, colour in shot.convert("RGB").getcolors(1 << 24)}
    assert (0, 114, 178) in colours, "the blue of the first bar is missing"
