"""`make bench-identity`: matching of Plexus beside other tools, on data that anyone can get.

Makes environments of its own below `.bench/`, the sets in them, and runs each tool on each set. What cannot
be installed is left out, and said.
"""

import csv
import json
import pathlib
import subprocess
import sys
import time
import venv
from typing import Any, Final

from services.cli.evaluating.columns import columns_of
from services.cli.evaluating.rows import person_of, reading_of, told
from services.cli.evaluating.tables import open_table

HERE: Final = pathlib.Path(__file__).parent
WORK: Final = pathlib.Path(".bench")
RIVALS: Final = ("splink", "recordlinkage")
COLUMNS: Final = (
    "unique_id", "entity", "given", "middle", "surname", "sex", "dob", "street_no", "street", "city", "zip", "phone",
    "email", "ssn",
)  # fmt: skip


def main() -> None:
    """Print the table."""
    WORK.mkdir(exist_ok=True)
    rivals = environment("rivals")
    rows: list[tuple[str, str, dict[str, Any] | None]] = []
    for name, path in sets(rivals):
        rows.append((name, "plexus", plexus(path)))
        plain = plain_table(path)
        rows.extend((name, tool, rival(rivals, tool, plain)) for tool in RIVALS)
    print(f"{'set':14}{'tool':16}{'default P':>10}{'R':>8}{'F1':>8}{'best F1':>9}{'seconds':>9}")
    for name, tool, found in rows:
        if found is None:
            print(f"{name:14}{tool:16}  could not run")
            continue
        default = found["default"]
        print(
            f"{name:14}{tool:16}{default['precision']:>10.4f}{default['recall']:>8.4f}{default['f1']:>8.4f}"
            f"{found['best']['f1']:>9.4f}{found['seconds']:>9.0f}"
        )


def environment(name: str) -> pathlib.Path | None:
    """The Python of an environment with the packages of `name`.txt; None where they cannot be had."""
    folder = WORK / name
    python = folder / "bin" / "python"
    wanted = HERE / f"{name}.txt"
    stamp = folder / "installed"
    if stamp.exists() and stamp.read_text() == wanted.read_text():
        return python
    say(f"making an environment for {name}")
    venv.create(folder, with_pip=True, clear=True)
    done = subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", wanted], check=False)
    if done.returncode:
        say(f"{name} cannot be installed; it is left out")
        return None
    stamp.write_text(wanted.read_text())
    return python


def sets(rivals: pathlib.Path | None) -> list[tuple[str, pathlib.Path]]:
    """The sets that can be made."""
    found: list[tuple[str, pathlib.Path]] = []
    makers = [("febrl3", rivals), ("febrl4", rivals), ("pseudopeople", environment("pseudopeople"))]
    for name, python in makers:
        path = WORK / f"{name}.csv"
        if python is not None and not path.exists():
            say(f"making {name}")
            subprocess.run([python, HERE / "sets.py", name, path], check=False)
        if path.exists():
            found.append((name, path))
    path = WORK / "generated.csv"
    command = [sys.executable, "-m", "services.cli", "identity", "generate", path]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return [*found, ("generated", path)]


def plexus(path: pathlib.Path) -> dict[str, Any] | None:
    """Figures of Plexus, as anybody gets them."""
    say(f"plexus on {path.stem}")
    command = [sys.executable, "-m", "services.cli", "identity", "evaluate", path, "--truth", "entity", "--json", "--errors", "0"]  # fmt: skip
    return measured(command)


def rival(python: pathlib.Path | None, tool: str, path: pathlib.Path) -> dict[str, Any] | None:
    """Figures of another tool."""
    say(f"{tool} on {path.stem}")
    return None if python is None else measured([python, HERE / "rivals.py", tool, path])


def measured(command: list[Any]) -> dict[str, Any] | None:
    """What a command prints as JSON, and how long it took as a whole."""
    start = time.monotonic()
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        say(done.stderr[-2000:])
        return None
    found: dict[str, Any] = json.loads(done.stdout[done.stdout.index("{") :])
    return found | {"seconds": time.monotonic() - start}


def plain_table(path: pathlib.Path) -> pathlib.Path:
    """The same records in plain columns, in small letters and with ISO dates, as the other tools want them."""
    to = path.with_suffix(".plain.csv")
    with open_table(path) as table, to.open("w", newline="", encoding="utf-8") as file:
        out = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
        out.writeheader()
        columns = columns_of(table.header, {}, ("entity",))
        places = {field: table.header.index(column) for field, column in columns.items()}
        entity = table.header.index("entity")
        rows = list(table.rows)
        reading = reading_of(told(places, row) for row in rows)
        for number, row in enumerate(rows):
            said = {field: value.lower() for field, value in told(places, row).items()}
            said["dob"] = person_of(said, reading).birth_date
            out.writerow(said | {"unique_id": str(number), "entity": row[entity]})
    return to


def say(text: str) -> None:
    """Tell on stderr what is going on."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
