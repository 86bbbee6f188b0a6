"""How a ping is written into a journal (app/pings/frames.py)."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from app.checks.state import Action, Event
from app.pings.frames import Damaged, Entry, Whole, decode, encode
from app.pings.protocol import Slug

T0 = datetime(2026, 1, 1, tzinfo=UTC)
CODE = UUID(int=77)


def entry(number: int = 0, body: bytes = b"") -> Entry:
    return Entry(CODE.bytes, Event(T0 + timedelta(seconds=number), body=body))


ENTRIES = st.builds(
    Entry,
    st.one_of(
        st.binary(min_size=16, max_size=16),
        st.builds(Slug, st.text(max_size=64), st.text(max_size=100)),
    ),
    st.builds(
        Event,
        st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
        st.sampled_from(Action),
        st.none() | st.integers(0, 255),
        st.none() | st.uuids(),
        st.sampled_from(["http", "https", "email"]),
        st.text(max_size=10),
        st.text(max_size=45),
        st.text(max_size=200),
        st.binary(max_size=300),
    ),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)


@given(st.lists(ENTRIES, max_size=8), st.uuids())
def test_what_is_encoded_is_decoded(entries: list[Entry], journal: UUID) -> None:
    data = b"".join(encode(journal, item) for item in entries)
    found = list(decode(journal, data))
    assert [item.entry for item in found if isinstance(item, Whole)] == entries
    assert not entries or found[-1].end == len(data)


@given(st.lists(ENTRIES, min_size=1, max_size=6), st.data())
def test_a_flipped_bit_costs_one_frame_and_not_its_neighbours(
    entries: list[Entry], data: st.DataObject
) -> None:
    journal = uuid4()
    frames = [encode(journal, item) for item in entries]
    whole = bytearray(b"".join(frames))
    bit = data.draw(st.integers(0, len(whole) * 8 - 1))
    whole[bit // 8] ^= 1 << bit % 8
    ends = [sum(map(len, frames[: place + 1])) for place in range(len(frames))]
    hit = next(place for place, end in enumerate(ends) if bit // 8 < end)
    found = list(decode(journal, bytes(whole)))
    kept = [item.entry for item in found if isinstance(item, Whole)]
    assert kept == entries[:hit] + entries[hit + 1 :]
    damaged = [item for item in found if isinstance(item, Damaged)]
    assert [item.end - item.start for item in damaged] == [len(frames[hit])]


def test_a_frame_inside_a_body_is_not_taken_for_one_of_ours() -> None:
    mine, foreign = uuid4(), uuid4()
    forged = encode(foreign, entry(1))
    data = bytearray(encode(mine, entry(2, body=forged)) + encode(mine, entry(3)))
    data[5] ^= 1
    kept = [item.entry for item in decode(mine, bytes(data)) if isinstance(item, Whole)]
    assert kept == [entry(3)]
