"""What PostgreSQL is given of its host."""

from hypothesis import given
from hypothesis import strategies as st

from provisioning.postgresql_tuning import GB, MB, tuning


def test_a_host_of_16_gigabytes() -> None:
    found = tuning(16 * GB, 144)
    assert found.max_connections == 200
    assert (found.shared_buffers_mb, found.effective_cache_size_mb) == (4096, 12_288)
    assert (found.maintenance_work_mem_mb, found.work_mem_mb) == (1024, 20)
    assert (found.min_wal_size_mb, found.max_wal_size_mb) == (1024, 4096)


def test_what_the_kernel_keeps_for_itself_restarts_no_database() -> None:
    for whole in (1, 2, 4, 8, 16, 64):
        assert {tuning(whole * GB - kept * MB, 100) for kept in (0, 25, 100)} == {
            tuning(whole * GB, 100)
        }


def test_another_server_or_two_need_no_restart() -> None:
    assert tuning(GB, 3 * 48).max_connections == 200
    assert tuning(GB, 3 * 48 + 36).max_connections == 200


@given(st.integers(GB // 4, 2**42), st.integers(1, 5_000))
def test_it_never_promises_more_than_there_is(memory_bytes: int, connections: int) -> None:
    found = tuning(memory_bytes, connections)
    assert found.shared_buffers_mb * MB <= memory_bytes * 0.4
    assert connections < found.max_connections
    assert 4 <= found.work_mem_mb <= 64
    assert found.min_wal_size_mb < found.max_wal_size_mb
