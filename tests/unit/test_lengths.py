"""No file is longer than can be read in one sitting."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 400
"""Lines of a module, in the product as in its tests."""
LONGER: dict[str, str] = {"clients/python/onetill_client/models.py": "generated"}
"""A file that is longer, and why it is better so."""


def test_no_module_is_longer_than_can_be_read_at_once() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "*.py", "*.js"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    modules = [name for name in listed.split() if not name.startswith("static/vendor/") and (ROOT / name).is_file()]
    assert len(modules) > 400
    lengths = {name: len((ROOT / name).read_text(encoding="utf-8").splitlines()) for name in modules}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST and name not in LONGER} == {}
    assert [name for name in LONGER if lengths.get(name, 0) <= LONGEST] == []
