"""Generate `libs/plexus/api` from `proto/`, or check that it is fresh.

The package of each proto file equals its path, so protoc's imports are right as they come.
Run by `make proto` and `make proto-check`.
"""

import argparse
import filecmp
import importlib.resources
import pathlib
import shutil
import sys
import tempfile

from grpc_tools import protoc

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROTO = ROOT / "proto"
TARGET = ROOT / "libs" / "plexus" / "api"


def generate(out: pathlib.Path) -> None:
    """Generate all modules below `out`/plexus/api. Raises SystemExit where protoc fails."""
    files = sorted(str(path.relative_to(PROTO)) for path in PROTO.rglob("*.proto"))
    services = [name for name in files if "\nservice " in (PROTO / name).read_text()]
    well_known = str(importlib.resources.files("grpc_tools") / "_proto")
    include = [f"-I{PROTO}", f"-I{well_known}"]
    plugins = [
        f"--plugin=protoc-gen-{name}={pathlib.Path(sys.executable).parent / f'protoc-gen-{name}'}"
        for name in ("mypy", "mypy_grpc")
    ]
    runs = [
        (["--python_out", "--mypy_out"], files),
        (["--grpc_python_out", "--mypy_grpc_out"], services),
    ]
    for outputs, names in runs:
        command = ["protoc", *include, *plugins, *(f"{o}={out}" for o in outputs), *names]
        if protoc.main(command) != 0:
            sys.exit("protoc failed: see its message above")
    for folder in [out / "plexus" / "api", *(out / "plexus" / "api").rglob("*")]:
        if folder.is_dir():
            (folder / "__init__.py").touch()


def stale(fresh: pathlib.Path) -> list[str]:
    """Name the files that differ between `fresh` and the committed tree."""
    made = {str(p.relative_to(fresh)) for p in fresh.rglob("*.py*") if p.is_file()}
    kept = {
        str(p.relative_to(TARGET))
        for p in TARGET.rglob("*.py*")
        if p.is_file() and "__pycache__" not in p.parts
    }
    differing = {
        name for name in made & kept if not filecmp.cmp(fresh / name, TARGET / name, shallow=False)
    }
    return sorted((made ^ kept) | differing)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if stale")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory() as scratch:
        generate(pathlib.Path(scratch))
        fresh = pathlib.Path(scratch) / "plexus" / "api"
        if check:
            if names := stale(fresh):
                sys.exit("Generated code is stale, run `make proto`: " + ", ".join(names))
            return
        shutil.rmtree(TARGET, ignore_errors=True)
        shutil.copytree(fresh, TARGET)


if __name__ == "__main__":
    main()
