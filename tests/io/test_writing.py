"""Files are written whole or not at all, and one process at a time."""

import os
import threading
import time

import pytest

from zoo.io import writing


def test_atomic_write_replaces_the_file(tmp_path):
    path = tmp_path / "out.bin"
    path.write_bytes(b"old")
    with writing.atomic_write(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old", "readers see the old file until the new one is whole"
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["out.bin"]


def test_atomic_write_gives_the_usual_permissions(tmp_path):
    (tmp_path / "plain").touch()
    with writing.atomic_write(tmp_path / "atomic"):
        pass
    assert (tmp_path / "atomic").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_atomic_write_leaves_nothing_on_failure(tmp_path, error):
    kept = tmp_path / "kept.bin"
    kept.write_bytes(b"old")
    for path in (kept, tmp_path / "new.bin"):
        with pytest.raises(error), writing.atomic_write(path) as file:
            file.write(b"half")
            raise error
    assert os.listdir(tmp_path) == ["kept.bin"]
    assert kept.read_bytes() == b"old"


def test_atomic_write_reports_a_full_disk_in_one_line(tmp_path):
    path = tmp_path / "out.bin"
    with (
        pytest.raises(ValueError, match=r"Cannot write .*out.bin: No space left on device"),
        writing.atomic_write(path),
    ):
        raise OSError(28, "No space left on device")
    assert os.listdir(tmp_path) == []


def test_atomic_write_needs_the_folder_to_exist(tmp_path):
    with (
        pytest.raises(ValueError, match=r"Cannot write .*: No such file or directory"),
        writing.atomic_write(tmp_path / "nowhere" / "out.bin"),
    ):
        pass


def test_atomic_write_refuses_a_folder(tmp_path):
    with (
        pytest.raises(ValueError, match="it is a folder; give a file name"),
        writing.atomic_write(tmp_path),
    ):
        pass


def test_atomic_write_follows_links(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "old.bin").write_bytes(b"old")
    for link, target in (("link", "real/old.bin"), ("dangling", "real/new.bin"), ("chain", "link")):
        (tmp_path / link).symlink_to(target)
        with writing.atomic_write(tmp_path / link) as file:
            file.write(link.encode())
        assert (tmp_path / link).is_symlink() and (tmp_path / target).read_bytes() == link.encode()
    assert sorted(os.listdir(tmp_path / "real")) == ["new.bin", "old.bin"]


@pytest.mark.parametrize("path", ["pipe", "/dev/null", "/dev/full", "link", "-"])
def test_atomic_write_spares_what_is_no_regular_file(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    os.symlink("/dev/null", "link")
    before = os.listdir(tmp_path), os.stat("/dev/null").st_mode
    for write in (writing.atomic_write, writing.append):
        with (
            pytest.raises(ValueError, match="Cannot write .*(a device, a pipe or a socket|standard output)"),
            write(path),
        ):
            pass
    with pytest.raises(ValueError, match="Cannot write"):
        writing.check_writable(path)
    assert (os.listdir(tmp_path), os.stat("/dev/null").st_mode) == before


def test_a_file_that_is_rewritten_keeps_its_mode_and_owner(tmp_path):
    path = tmp_path / "kept"
    path.touch()
    owner = (12345, 23456) if os.getuid() == 0 else (os.getuid(), os.getgid())
    os.chown(path, *owner)
    path.chmod(0o640)
    with writing.atomic_write(path) as file:
        file.write(b"new")
        (temporary,) = (name for name in os.listdir(tmp_path) if name != "kept")
        assert (tmp_path / temporary).stat().st_mode & 0o777 <= 0o640, "it is never more open than the file"
    state = path.stat()
    assert (state.st_mode & 0o777, state.st_uid, state.st_gid) == (0o640, *owner)


def test_files_are_made_in_threads_with_the_umask_as_it_is(tmp_path):
    def write(name):
        for _ in range(20):
            with writing.atomic_write(tmp_path / name) as file:
                file.write(b"x")

    before = os.umask(0o027)
    try:
        threads = [threading.Thread(target=write, args=[f"file{number}"]) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o640}
    finally:
        assert os.umask(before) == 0o027


def test_a_long_name_has_room(tmp_path):
    with writing.atomic_write(tmp_path / ("x" * 255)) as file:
        file.write(b"x")
    assert os.listdir(tmp_path) == ["x" * 255]


def test_what_killed_processes_left_is_swept_and_what_lives_is_spared(tmp_path):
    left = [tmp_path / ".zoo-00000000000a", tmp_path / ".zoo-00000000000b", tmp_path / ".zoo-00000000000c"]
    left[0].touch()
    (left[1] / "inner").mkdir(parents=True)
    left[2].symlink_to(tmp_path / "mine")
    (tmp_path / "mine").touch()
    time.sleep(1.1)  # what is new may be about to be locked
    with writing.atomic_write(tmp_path / "first") as first, writing.staging(tmp_path) as room:
        (room / "file").touch()
        assert not left[0].exists() and not left[1].exists()
        writing.make_folder(tmp_path)
        with writing.atomic_write(tmp_path / "second"):
            assert (room / "file").exists()
        first.write(b"1")
    assert sorted(os.listdir(tmp_path)) == [left[2].name, "first", "mine", "second"]
    assert (tmp_path / "first").read_bytes() == b"1"


def test_a_lock_is_one_owners_at_a_time(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file"):
        with writing.locked(path):
            with pytest.raises(ValueError, match="is being written by another process"), writing.locked(path):
                pass
        with writing.locked(path):
            pass
    with pytest.raises(ValueError, match="none cannot be read: No such file"), writing.locked(tmp_path / "none"):
        pass


def test_append_notices_who_else_wrote(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    with pytest.raises(ValueError, match="it had 4 bytes when it was read, not 5"), writing.append(path, size=4):
        pass
    assert path.read_bytes() == b"12345"
    with pytest.raises(ValueError, match="was replaced by another process"), writing.append(path) as file:
        file.write(b"6")
        with writing.atomic_write(path) as other:
            other.write(b"other")
    assert path.read_bytes() == b"other"
    with pytest.raises(KeyError), writing.append(path, end=2) as file:
        with writing.atomic_write(path) as other:
            other.write(b"another")
        raise KeyError
    assert path.read_bytes() == b"another", "what is cut off is the file that was appended to"
    with pytest.raises(FileNotFoundError), writing.locked(path):  # a block's own error
        raise FileNotFoundError
