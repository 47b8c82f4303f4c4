"""Resources held against the models of FHIR R4, in a process of its own.

The models are pydantic classes (the package fhir.resources, release R4B: R4 with a few additions).
Loading them takes a second and holding one resource against them about a millisecond, which is why
it happens in another process. Findings name type, place and kind of error, never a value.
"""

import asyncio
import concurrent.futures
import multiprocessing
from collections.abc import Sequence
from typing import Any

import orjson
import pydantic

__all__ = ["Validator", "findings"]

_MOST_FINDINGS = 20


class Validator:
    """One process that validates."""

    def __init__(self) -> None:
        self._pool: concurrent.futures.ProcessPoolExecutor | None = None

    async def start(self) -> None:
        """Start the process and have it load the models."""
        self._pool = await asyncio.to_thread(_ready_pool)

    async def findings(self, bundle: bytes) -> list[str]:
        """What is wrong with the resources of a bundle; empty where nothing is."""
        assert self._pool is not None
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, findings, bundle)

    async def stop(self) -> None:
        """End the process."""
        if self._pool is not None:
            await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)


def _ready_pool() -> concurrent.futures.ProcessPoolExecutor:
    pool = concurrent.futures.ProcessPoolExecutor(
        1, mp_context=multiprocessing.get_context("spawn")
    )
    pool.submit(findings, b'{"entry":[{"resource":{"resourceType":"Patient"}}]}').result()
    return pool


def findings(bundle: bytes) -> list[str]:
    """What is wrong with the resources of a bundle, as "Patient.birthDate: date_parsing".

    At most 20 for each resource.
    """
    content = orjson.loads(bundle)
    found: list[str] = []
    for entry in content.get("entry") or ():
        resource = entry.get("resource")
        if resource is not None:
            found += _findings_of(resource)
    return found


def _findings_of(resource: dict[str, Any]) -> Sequence[str]:
    from fhir.resources.R4B import get_fhir_model_class

    fhir_type = str(resource.get("resourceType", ""))
    try:
        model = get_fhir_model_class(fhir_type)
    except (KeyError, ValueError):
        return ["resourceType: not a type of R4"]
    try:
        model.model_validate(resource)
    except pydantic.ValidationError as exc:
        return [
            f"{'.'.join([fhir_type, *(str(part) for part in error['loc'])])}: {error['type']}"
            for error in exc.errors(include_url=False, include_input=False, include_context=False)
        ][:_MOST_FINDINGS]
    return ()
