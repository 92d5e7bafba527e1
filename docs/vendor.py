"""Fetch the libraries that the page of a report holds, and check them: `make vendor`.

packages.json beside them names each package, its version, and the SHA-256 of the one file that is kept. A file with
another hash is refused, so nothing changes unnoticed. `--pin` writes the hashes of what is fetched.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

VENDOR = Path(__file__).parents[1] / "hypergraph" / "report" / "page" / "vendor"
PACKAGES = VENDOR / "packages.json"


def fetch(name: str, version: str, folder: Path) -> tuple[bytes, bytes]:
    """The minified file and the licence of a package."""
    command = ["npm", "pack", "--silent", "--pack-destination", str(folder), f"{name}@{version}"]
    archive = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1]
    with tarfile.open(folder / archive) as package:
        script, licence = (package.extractfile(f"package/{path}") for path in (f"dist/{name}.min.js", "LICENSE"))
        assert script
        assert licence
        return script.read(), licence.read()


def main() -> None:
    """Write every file that packages.json names, and their licences. Exits where a hash differs."""
    packages = json.loads(PACKAGES.read_text())
    licences = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, pin in packages.items():
            script, licences[name] = fetch(name, pin["version"], Path(folder))
            found = hashlib.sha256(script).hexdigest()
            if "--pin" in sys.argv:
                pin["sha256"] = found
            elif found != pin["sha256"]:
                sys.exit(f"{name} {pin['version']} has the hash {found}, not {pin['sha256']}")
            (VENDOR / f"{name}.min.js").write_bytes(script)
    texts = [f"{name} {packages[name]['version']}\n\n{text.decode().strip()}\n" for name, text in licences.items()]
    (VENDOR / "LICENSES.txt").write_text("\n".join(texts))
    PACKAGES.write_text(json.dumps(packages, indent=2) + "\n")


if __name__ == "__main__":
    main()
