"""Where one service of a local mesh spends its time.

A service is started as any other; a `sitecustomize` module on its path, which Python imports first,
turns the profiler on where the command line is that of the service in question, and writes what was
found when the process ends.
"""

import os
import pathlib
import pstats

__all__ = ["profile_environment", "top_functions"]

_SITECUSTOMIZE = """\
import sys

if sys.orig_argv[-2:] == ["run", {service!r}]:
    import atexit
    import cProfile

    _profile = cProfile.Profile()

    def _write():
        _profile.disable()
        _profile.dump_stats({output!r})

    atexit.register(_write)
    _profile.enable()
"""


def profile_environment(folder: pathlib.Path, service: str) -> dict[str, str]:
    """The environment under which that service is profiled and all others run as ever."""
    folder.mkdir(parents=True, exist_ok=True)
    text = _SITECUSTOMIZE.format(service=service, output=str(_output(folder)))
    (folder / "sitecustomize.py").write_text(text, encoding="utf-8")
    path = [str(folder), *filter(None, [os.environ.get("PYTHONPATH", "")])]
    return {"PYTHONPATH": os.pathsep.join(path)}


def top_functions(folder: pathlib.Path, count: int) -> list[tuple[str, int, float, float]]:
    """Where, how often, own seconds, seconds with all that it called; most own seconds first.

    Empty where the service has written nothing.
    """
    if not _output(folder).exists():
        return []
    stats = pstats.Stats(str(_output(folder))).get_stats_profile()
    rows = [
        (
            f"{pathlib.Path(found.file_name).name}:{found.line_number} {name}",
            int(str(found.ncalls).split("/")[0]),
            found.tottime,
            found.cumtime,
        )
        for name, found in stats.func_profiles.items()
    ]
    return sorted(rows, key=lambda row: row[2], reverse=True)[:count]


def _output(folder: pathlib.Path) -> pathlib.Path:
    return folder / "profile.pstats"
