"""Fuzz one target for a while, or all of them one after another. Run by `make fuzz`.

libFuzzer (through atheris) looks for inputs that reach new code. An input that raises, takes more than
ten seconds or a gigabyte ends the run and is kept as .fuzz/TARGET/crash-... for a test.
"""

import argparse
import pathlib
import subprocess
import sys

import atheris

ROOT = pathlib.Path(__file__).resolve().parent.parent
SEEDS = ROOT / "tests" / "data" / "feeds"
WORK = ROOT / ".fuzz"
_LIMITS = (
    "-timeout=10",
    "-rss_limit_mb=1024",
    "-max_len=20000",
    "-print_final_stats=1",
    "-verbosity=0",
)


def _fuzz(target: str, seconds: int) -> None:
    with atheris.instrument_imports(include=["plexus.codecs", "services.transform"]):
        from targets import TARGETS

    found = WORK / target
    found.mkdir(parents=True, exist_ok=True)
    arguments = [
        sys.argv[0],
        f"-max_total_time={seconds}",
        f"-artifact_prefix={found}/",
        f"-dict={ROOT / 'fuzz' / 'hl7.dict'}",
        *_LIMITS,
        str(found),
        str(SEEDS),
    ]
    atheris.Setup(arguments, TARGETS[target])
    atheris.Fuzz()


def main() -> None:
    """Fuzz the target that is named, or each in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", nargs="?", default="all")
    parser.add_argument("--seconds", type=int, default=30, help="for each target")
    options = parser.parse_args()
    if options.target != "all":
        _fuzz(options.target, options.seconds)
        return
    failed = []
    for target in ("reader", "batch", "groups", "convert"):
        print(f"== {target}: {options.seconds} s", flush=True)
        command = [sys.executable, __file__, target, "--seconds", str(options.seconds)]
        if subprocess.run(command, check=False).returncode:  # noqa: S603 - ourselves
            failed.append(target)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}; the inputs are in {WORK}")


if __name__ == "__main__":
    main()
