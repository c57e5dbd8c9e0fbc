"""A search of your own images from Python, and its networks in use: the front, a file, one forward pass.

    python examples/search.py photos pixel4 300M

`photos` holds a folder of images for each class. The same line again goes on where it was stopped.
"""

import sys
from pathlib import Path
from typing import Any

import nas


def main(data: str, hardware: str, budget: str, **settings: Any) -> nas.Run:
    """Search, and classify the first photograph of each class by the member at the front's knee."""
    run = nas.run_search(hardware=hardware, budget=budget, data=data, **settings)
    print(run)
    member: nas.Member = run.front.knee()
    print(f"{member.name}: {member.macs / 1e6:.1f}M MACs, {member.onnx}")
    for folder in sorted(path for path in Path(data).iterdir() if path.is_dir()):
        found = member.predict(min(folder.iterdir()))
        print(f"{folder.name}: {found.label} ({100 * found.probability:.0f} %)")
    run.front.save(run.folder / "front.csv")
    return run


if __name__ == "__main__":
    main(*sys.argv[1:4])
