import http.server
import threading
from contextlib import contextmanager

import pytest

from raw_files import leftovers, md5
from whyrelu.data.downloads import RawFile, checksum, exclusive_folder, local_path, obtain
from whyrelu.errors import DataError

CONTENT = b"pixels" * 1000


@pytest.fixture
def copy(tmp_path):
    path = tmp_path / "mirror" / "images.bin"
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    return path


def raw_file(copy, *addresses, **changes):
    return RawFile(**{"path": "Set/raw/images.bin", "addresses": addresses, "md5": md5(copy), "alone": True} | changes)


@contextmanager
def server(answers):
    """Serve bytes by path, or a pair of bytes and the length to claim. Gives the address and the paths asked for."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            answer = answers.get(self.path)
            if answer is None:
                self.send_error(404)
                return
            body, length = answer if isinstance(answer, tuple) else (answer, len(answer))
            self.send_response(200)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{running.server_port}", asked
        finally:
            running.shutdown()
            thread.join()


def test_an_intact_file_is_used_where_it_is_kept(tmp_path, copy):
    kept = tmp_path / "root" / "Set" / "raw" / "images.bin"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(CONTENT)
    assert obtain(raw_file(copy, "http://127.0.0.1:1/"), tmp_path / "root", None) == kept
    assert obtain(raw_file(copy), tmp_path / "root", "/nowhere") == kept


def test_a_local_copy_is_used_directly(tmp_path, copy):
    for url in (str(copy), copy.as_uri(), str(copy.parent), f"{copy.parent.as_uri()}/"):
        assert obtain(raw_file(copy), tmp_path / "root", url) == copy
    assert not (tmp_path / "root").exists()


def test_a_mirror_of_several_files_is_a_folder(tmp_path, copy):
    nested = tmp_path / "other" / "Set" / "raw" / "images.bin"
    nested.parent.mkdir(parents=True)
    nested.write_bytes(CONTENT)
    file = raw_file(copy, alone=False)
    assert obtain(file, tmp_path / "root", str(tmp_path / "other")) == nested
    with pytest.raises(DataError, match=r"must be the folder that holds images\.bin"):
        obtain(file, tmp_path / "root", str(copy))


def test_local_copies_that_are_missing_or_different_are_explained(tmp_path, copy):
    with pytest.raises(DataError, match=r"elsewhere does not exist; data\.url must name images\.bin"):
        obtain(raw_file(copy), tmp_path / "root", str(tmp_path / "elsewhere"))
    (tmp_path / "half.bin").write_bytes(CONTENT[:3000])
    found = md5(tmp_path / "half.bin")
    with pytest.raises(DataError, match=rf"3000 bytes with md5 {found}, expected {md5(copy)} \(.*data\.md5={found}\)"):
        obtain(raw_file(copy), tmp_path / "root", str(tmp_path / "half.bin"))
    assert (tmp_path / "half.bin").exists()


def test_a_download_is_kept_in_its_place(tmp_path, copy):
    with server({"/a/images.bin": CONTENT}) as (address, asked):
        file = raw_file(copy, f"{address}/missing/images.bin", f"{address}/a/images.bin")
        path = obtain(file, tmp_path, None)
        assert path == tmp_path / "Set" / "raw" / "images.bin"
        assert path.read_bytes() == CONTENT
        requests = len(asked)
        assert obtain(file, tmp_path, None) == path
        assert len(asked) == requests
    assert leftovers(tmp_path / "Set") == ["images.bin"]


@pytest.mark.parametrize("ending", ["", "/", "/images.bin"])
def test_a_mirror_replaces_the_official_address(tmp_path, copy, ending):
    with server({"/m": CONTENT, "/m/images.bin": CONTENT}) as (address, _):
        path = obtain(raw_file(copy, "http://127.0.0.1:1/"), tmp_path / "root", f"{address}/m{ending}")
    assert path.read_bytes() == CONTENT


def test_a_file_that_is_not_the_official_one_does_not_replace_it(tmp_path, copy):
    official = tmp_path / "root" / "Set" / "raw" / "images.bin"
    official.parent.mkdir(parents=True)
    official.write_bytes(b"official")
    file = raw_file(copy, official=False)
    with server({"/images.bin": CONTENT}) as (address, _):
        path = obtain(file, tmp_path / "root", f"{address}/images.bin")
    assert path.read_bytes() == CONTENT
    assert official.read_bytes() == b"official"
    assert obtain(file, tmp_path / "root", None) == path


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, "cannot download .*Not Found"),
        (CONTENT[:3000], "the download of .* 3000 bytes with md5"),
        ((CONTENT[:3000], 6000), "the download of .* 3000 bytes with md5|cannot download"),
        (b"<html>please log in</html>", "the download of .* 26 bytes"),
    ],
)
def test_a_failed_download_leaves_nothing_behind(tmp_path, copy, answer, message):
    root = tmp_path / "root"
    with server({"/images.bin": answer}) as (address, _), pytest.raises(DataError, match=message) as caught:
        obtain(raw_file(copy, f"{address}/images.bin"), root, None)
    assert "without a network put an intact copy at" in str(caught.value)
    assert "data.md5=" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert leftovers(root) == []


def test_a_damaged_file_is_replaced_or_named(tmp_path, copy):
    kept = tmp_path / "Set" / "raw" / "images.bin"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"damaged")
    with pytest.raises(DataError, match=rf"Set/raw/images\.bin is damaged.* 7 bytes with md5 {md5(kept)}"):
        obtain(raw_file(copy, "http://127.0.0.1:1/"), tmp_path, None)
    with server({"/images.bin": CONTENT}) as (address, _):
        assert obtain(raw_file(copy, f"{address}/images.bin"), tmp_path, None) == kept
    assert kept.read_bytes() == CONTENT


def test_an_interrupted_download_leaves_nothing_behind(tmp_path, copy, monkeypatch):
    def interrupted(address, folder, name):
        (folder / name).write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr("torchvision.datasets.utils.download_url", interrupted)
    with pytest.raises(KeyboardInterrupt):
        obtain(raw_file(copy, "http://127.0.0.1:1/"), tmp_path / "root", None)
    assert leftovers(tmp_path / "root") == []


def test_what_a_killed_process_left_is_removed(tmp_path):
    with exclusive_folder(tmp_path, "x") as folder:
        pass
    folder.mkdir()
    (folder / "half").write_text("half")
    with exclusive_folder(tmp_path, "x") as again:
        assert again == folder
        assert list(again.iterdir()) == []
    assert not folder.exists()


def test_a_place_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with (
        pytest.raises(DataError, match=r"cannot keep raw files in .*file.*data\.root="),
        exclusive_folder(tmp_path / "file", "x"),
    ):
        pass


def test_addresses_and_paths_are_told_apart(tmp_path):
    assert local_path("https://example.org/x.tar.gz") is None
    assert local_path("file:///data/with%20space/x.tar.gz").as_posix() == "/data/with space/x.tar.gz"
    assert local_path("relative/x.tar.gz").as_posix() == "relative/x.tar.gz"
    assert local_path("~/x").is_absolute()
    with pytest.raises(DataError, match=r"file:///data/x\.tar\.gz"):
        local_path("file://data/x.tar.gz")
    with pytest.raises(DataError, match=r"data\.url=s3://bucket/x"):
        local_path("s3://bucket/x")


def test_checksum_of_a_file(copy):
    assert checksum(copy) == md5(copy)
