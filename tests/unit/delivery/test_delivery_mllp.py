"""HL7 v2 to a receiver: what is sent, what its answers mean, TLS. Out of scope: segments (codecs)."""

import datetime
import ipaddress
import pathlib
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from plexus.api.canonical.v1.event_pb2 import EVENT_KIND_LINK, EVENT_KIND_MERGE
from plexus.api.records.v1.records_pb2 import ChangedEvent
from plexus.codecs.fhir import Disclosure
from plexus.codecs.hl7v2 import read
from plexus.codecs.hl7v2.rendering import Header
from plexus.errors import ConfigurationError, InvalidMessage, Refused, Unavailable
from plexus.testing.mllp_receiver import answering, receiving
from services.delivery.actors import Parcel
from services.delivery.domain import OnError
from services.delivery.edge import MllpWire


def event() -> ChangedEvent:
    made = ChangedEvent(person_id="person-1", trigger="ORU^R01", event_time="2026-06-01T12:00:00Z")
    made.person.resource.key = "k"
    made.person.resource.person.names.add(family="Fennel", given=["Flora"])
    made.person.resource.person.identifiers.add(value="C1", type_code="MR")
    report = made.resources.add().resource
    report.key = "r"
    for name in ("a", "b"):
        report.diagnostic_report.results.add(key=name, type="Observation")
        result = made.resources.add().resource
        result.key = name
        result.observation.code.codings.add(code=f"code-{name}", system="http://loinc.org")
    return made


def parcel(changed: ChangedEvent, without: tuple[int, ...] = ()) -> Parcel:
    at = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    disclosure = Disclosure(changed.SerializeToString(), tenant="t").without(without)
    return Parcel("m1", at, "", "north", disclosure)


def wire(
    port: int, *, scheme: str = "mllp", on_error: OnError = "park", **more: object
) -> MllpWire:
    header = Header(receiving=("LAB", "NORTH"))
    url = f"{scheme}://127.0.0.1:{port}"
    seconds = more.pop("seconds", 5.0)
    return MllpWire(url, header, timeout_seconds=seconds, on_error=on_error, **more)  # type: ignore[arg-type]


async def test_a_message_is_sent_and_the_same_one_has_the_same_control_id() -> None:
    async with receiving() as receiver:
        sender = wire(receiver.port)
        await sender.send(parcel(event()))
        await sender.send(parcel(event()))
        await sender.close()
    first, second = receiver.messages
    assert first == second
    message = read(first)
    assert message.first("MSH").get(5) == "LAB"  # type: ignore[union-attr]
    pid = message.first("PID")
    assert pid is not None
    numbers = [(each.get(1), each.get(4), each.get(5)) for each in pid.repetitions(3)]
    assert numbers == [("person-1", "PLEXUS", "PI"), ("C1", "", "MR")]
    assert [each.get(3) for each in message.all("OBX")] == ["code-a", "code-b"]


async def test_what_consent_withholds_is_in_no_segment() -> None:
    withheld = parcel(event(), without=(2,))
    async with receiving() as receiver:
        sender = wire(receiver.port)
        await sender.send(withheld)
        await sender.close()
    assert b"code-b" in receiver.messages[0]
    assert b"code-a" not in receiver.messages[0]
    with pytest.raises(InvalidMessage, match="patient is left out"):
        await wire(1).send(parcel(event(), without=(0,)))


@pytest.mark.parametrize(
    ("kind", "trigger", "place"),
    [(EVENT_KIND_MERGE, "A40", "MRG"), (EVENT_KIND_LINK, "A24", "PID")],
)
async def test_an_event_about_two_names_the_other_as_we_know_them(
    kind: int, trigger: str, place: str
) -> None:
    changed = event()
    changed.kind = kind  # type: ignore[assignment]
    changed.trigger = f"ADT^{trigger}"
    others = changed.absorbed_person_ids if place == "MRG" else changed.linked_person_ids
    others.append("person-2")
    async with receiving() as receiver:
        sender = wire(receiver.port)
        await sender.send(parcel(changed))
        await sender.close()
    message = read(receiver.messages[0])
    assert message.trigger == trigger
    other = message.all(place)[-1]
    assert other.get(1 if place == "MRG" else 3) == "person-2"


@pytest.mark.parametrize(
    ("code", "error", "on_error", "expected"),
    [
        ("AA", "", "park", None),
        ("CA", "", "park", None),
        ("AE", "", "park", Refused),
        ("AE", "", "retry", Unavailable),
        ("CE", "", "retry", Unavailable),
        ("AR", "", "retry", Refused),
        ("AE", "207", "park", Unavailable),
        ("AR", "206", "park", Unavailable),
        ("AE", "101", "retry", Refused),
        ("CR", "203", "park", Refused),
    ],
)
async def test_an_answer_means_what_its_code_says(
    code: str, error: str, on_error: OnError, expected: type[Exception] | None
) -> None:
    async with receiving(answering(code, error=error)) as receiver:
        sender = wire(receiver.port, on_error=on_error)
        if expected is None:
            await sender.send(parcel(event()))
        else:
            with pytest.raises(expected, match=f"answers {code}"):
                await sender.send(parcel(event()))
        await sender.close()


async def test_an_answer_to_another_message_is_no_answer_and_ends_the_connection() -> None:
    async with receiving(answering("AA", control_id="OTHER")) as receiver:
        sender = wire(receiver.port)
        with pytest.raises(Unavailable, match="another message"):
            await sender.send(parcel(event()))
        receiver.answer = answering()
        await sender.send(parcel(event()))
        await sender.close()


@pytest.mark.parametrize("answer", [b"", b"hello", b"MSH|^~\\&|R\r"])
async def test_what_is_no_acknowledgement_confirms_nothing(answer: bytes) -> None:
    async with receiving(lambda _: answer) as receiver:
        sender = wire(receiver.port)
        with pytest.raises(Unavailable, match="no acknowledgement"):
            await sender.send(parcel(event()))
        await sender.close()


async def test_a_receiver_that_does_not_answer_or_listen_is_tried_again_later() -> None:
    async with receiving(lambda _: None) as receiver:
        sender = wire(receiver.port, seconds=0.05)
        with pytest.raises(Unavailable):
            await sender.send(parcel(event()))
        await sender.close()
        port = receiver.port
    with pytest.raises(Unavailable):
        await wire(port).send(parcel(event()))


@pytest.mark.parametrize("url", ["http://x:1", "mllp://", "mllp://x:port"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError):
        MllpWire(url, Header(), timeout_seconds=1)


def _certificate(folder: pathlib.Path) -> pathlib.Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "lab")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "lab.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


async def test_tls_is_spoken_with_whom_the_authorities_know_and_nobody_else(
    tmp_path: pathlib.Path,
) -> None:
    file = _certificate(tmp_path)
    theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    theirs.load_cert_chain(file)
    async with receiving(tls=theirs) as receiver:
        sender = wire(receiver.port, scheme="mllps", tls=ssl.create_default_context(cafile=file))
        await sender.send(parcel(event()))
        await sender.close()
        stranger = wire(receiver.port, scheme="mllps")
        with pytest.raises(Unavailable):
            await stranger.send(parcel(event()))
    assert len(receiver.messages) == 1
