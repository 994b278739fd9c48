"""Files of all kinds as 8-bit pictures, with names that can be restored."""

import struct
import sys
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from zoo.io.files import make_safe
from zoo.io.pictures import Take, open_sources, write_png

SRGB = ImageCms.createProfile("sRGB")


def read(path, **kwargs) -> np.ndarray:
    """The one picture of a file, ``(h, w, c)``."""
    (source,) = open_sources([path], **kwargs)
    (batch,) = source.batches(100)
    assert source.count == 1 and source.shape == batch.shape[1:] and batch.dtype == np.uint8
    return batch[0]


@pytest.fixture
def rgb():
    return np.random.default_rng(0).integers(0, 256, (20, 31, 3), np.uint8)


def test_colour_and_grey_files(tmp_path, rgb):
    grey = rgb[..., 0]
    for array, mode in ((rgb, "RGB"), (grey, "L")):
        for extension in (".png", ".bmp", ".tif", ".webp", ".ppm"):
            if (mode, extension) == ("L", ".webp"):
                continue  # WebP has no grey
            path = tmp_path / f"{mode}{extension}"
            Image.fromarray(array).save(path, lossless=True)
            np.testing.assert_array_equal(read(path), array.reshape(20, 31, -1))
    for extension in (".jpg", ".avif"):
        Image.fromarray(rgb).save(tmp_path / f"x{extension}")
        assert read(tmp_path / f"x{extension}").shape == (20, 31, 3)


def test_other_modes(tmp_path, rgb):
    alpha = np.dstack([rgb, rgb[..., 0]])
    Image.fromarray(alpha).save(tmp_path / "rgba.png")
    np.testing.assert_array_equal(read(tmp_path / "rgba.png"), rgb)  # transparency is ignored
    Image.fromarray(rgb[..., :2], "LA").save(tmp_path / "la.png")
    np.testing.assert_array_equal(read(tmp_path / "la.png"), rgb[..., :1])
    Image.fromarray(rgb[..., 0] > 127).save(tmp_path / "bit.png")
    np.testing.assert_array_equal(read(tmp_path / "bit.png")[..., 0], (rgb[..., 0] > 127) * 255)
    few = Image.fromarray(rgb).quantize(8)
    few.save(tmp_path / "palette.gif")
    np.testing.assert_array_equal(read(tmp_path / "palette.gif"), np.asarray(few.convert("RGB")))
    sixteen = np.array([[0, 128, 129, 257, 65535]], np.uint16)
    Image.fromarray(sixteen).save(tmp_path / "16.png")
    assert read(tmp_path / "16.png")[..., 0].tolist() == [[0, 0, 1, 1, 255]]
    Image.fromarray(rgb[..., 0].astype(np.float32)).save(tmp_path / "f.tif")
    with pytest.raises(ValueError, match="f.tif has 32 bits a sample"):
        read(tmp_path / "f.tif")


def colour_of_16_bits(path, rgb):
    """A PNG that Pillow reads, in 8 bits, but does not write."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + row.tobytes() for row in rgb.astype(">u2") * 257)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", rgb.shape[1], rgb.shape[0], 16, 2, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def test_what_is_left_out_is_said_and_refused_where_it_must_be_kept(tmp_path, rgb):
    grey = Image.fromarray(rgb[..., 0])
    Image.fromarray(np.dstack([rgb, rgb[..., 0]])).save(tmp_path / "alpha.png")
    Image.fromarray(np.dstack([rgb[..., 0], rgb[..., 1]]), "LA").save(tmp_path / "la.png")
    Image.fromarray(rgb).quantize(8).save(tmp_path / "palette.png", transparency=3)
    Image.fromarray(rgb[..., 0].astype(np.uint16) * 257).save(tmp_path / "16.png")
    Image.fromarray(rgb[..., 0].astype(np.uint16) * 257).save(tmp_path / "16.tif")
    colour_of_16_bits(tmp_path / "rgb16.png", rgb)
    (tmp_path / "16.ppm").write_bytes(b"P6 31 20 65535\n" + (rgb.astype(">u2") * 257).tobytes())
    for name in ("pages.tif", "frames.gif", "frames.png"):
        grey.save(tmp_path / name, save_all=True, append_images=[grey.rotate(180)])
    Image.fromarray(rgb).convert("CMYK").save(tmp_path / "cmyk.jpg")
    np.save(tmp_path / "float.npy", rgb / np.float32(255))
    for name, change in {
        "alpha.png": "transparency left out",
        "la.png": "transparency left out",
        "palette.png": "transparency left out",
        "16.png": "16 bits made 8",
        "16.tif": "16 bits made 8",
        "rgb16.png": "16 bits made 8",
        "16.ppm": "16 bits made 8",
        "pages.tif": "the first of 2 frames or pages",
        "frames.gif": "the first of 2 frames or pages",
        "frames.png": "the first of 2 frames or pages",
        "cmyk.jpg": "CMYK made RGB",
        "float.npy": "float32 made 8 bits",
    }.items():
        (source,) = open_sources([tmp_path / name])
        assert source.changes == (change,)
        with pytest.raises(
            ValueError, match=f"{name} (would not be kept exactly .{change}|holds float32: without loss)"
        ):
            open_sources([tmp_path / name], take=Take(exact=True))
    with pytest.raises(ValueError, match="fit='crop' scales pictures: without loss, leave it out"):
        open_sources([tmp_path / "alpha.png"], "crop", take=Take(exact=True))


def test_an_opaque_alpha_channel_says_nothing(tmp_path, rgb):
    Image.fromarray(np.dstack([rgb, np.full((20, 31), 255, np.uint8)])).save(tmp_path / "opaque.png")
    for take in (Take(exact=True), Take(alpha="refuse"), Take(exact=True, alpha="keep")):
        np.testing.assert_array_equal(read(tmp_path / "opaque.png", take=take), rgb)
        (source,) = open_sources([tmp_path / "opaque.png"], take=take)
        assert source.changes == ("opaque alpha channel left out",)
    Image.fromarray(rgb).save(tmp_path / "plain.png")
    assert open_sources([tmp_path / "plain.png"])[0].changes == ()


def test_an_alpha_channel_is_kept_or_refused(tmp_path, rgb):
    alpha, grey = np.dstack([rgb, rgb[..., 0]]), rgb[..., :2]
    Image.fromarray(alpha).save(tmp_path / "rgba.png")
    Image.fromarray(grey, "LA").save(tmp_path / "la.png")
    few = Image.fromarray(rgb).quantize(8)
    few.save(tmp_path / "palette.png", transparency=3)
    take = Take(exact=True, alpha="keep")
    np.testing.assert_array_equal(read(tmp_path / "rgba.png", take=take), alpha)
    np.testing.assert_array_equal(read(tmp_path / "la.png", take=take), grey)
    with Image.open(tmp_path / "palette.png") as image:
        np.testing.assert_array_equal(read(tmp_path / "palette.png", take=take), np.asarray(image.convert("RGBA")))
    for name in ("rgba.png", "la.png", "palette.png"):
        with pytest.raises(ValueError, match=f"{name} has transparency, which this model does not keep: flatten it"):
            open_sources([tmp_path / name], take=Take(alpha="refuse"))


def swapped() -> bytes:
    """A profile whose primaries are sRGB's, under other names: red is green, green is blue, blue is red."""
    data = bytearray(
        ImageCms.ImageCmsProfile(SRGB).tobytes().replace(b"s\0R\0G\0B", b"x\0X\0X\0X").replace(b"sRGB", b"xXXX")
    )
    for at in range(128, 400):
        for old, new in ((b"rXYZ", b"gxyz"), (b"gXYZ", b"bxyz"), (b"bXYZ", b"rxyz")):
            if data[at : at + 4] == old:
                data[at : at + 4] = new
                break
    return bytes(data.replace(b"gxyz", b"gXYZ").replace(b"bxyz", b"bXYZ").replace(b"rxyz", b"rXYZ"))


def test_a_colour_profile_is_kept_or_converted(tmp_path, rgb):
    other = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    for name, profile in (("srgb", ImageCms.ImageCmsProfile(SRGB).tobytes()), ("other", swapped()), ("bad", b"x"),
                          ("lab", other)):  # fmt: skip
        Image.fromarray(rgb).save(tmp_path / f"{name}.png", icc_profile=profile)
        (kept,) = open_sources([tmp_path / f"{name}.png"], take=Take(exact=True))
        assert kept.profile == profile and kept.changes == ()
        np.testing.assert_array_equal(kept.read(0, 1)[0], rgb)
        (converted,) = open_sources([tmp_path / f"{name}.png"])
        assert converted.profile == b""
        if name == "other":
            assert converted.changes == ("colour profile converted to sRGB",)
            assert np.abs(converted.read(0, 1)[0] - rgb[..., [1, 2, 0]].astype(int)).max() <= 2
        else:
            assert converted.changes == (() if name == "srgb" else ("colour profile left out",))
            np.testing.assert_array_equal(converted.read(0, 1)[0], rgb)


def test_every_frame_or_page(tmp_path, rgb):
    grey = Image.fromarray(rgb[..., 0])
    frames = [grey, grey.rotate(180), grey.rotate(180).transpose(Image.Transpose.FLIP_TOP_BOTTOM)]
    for name in ("pages.tif", "frames.png", "frames.webp", "frames.gif"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], lossless=True)
        (source,) = open_sources([tmp_path / name], take=Take(frames=True))
        assert source.count == 3 and not [change for change in source.changes if "frames" in change]
        found = np.concatenate(list(source.batches(2)))
        for picture, frame in zip(found, frames, strict=True):
            assert (picture[..., :1] == np.asarray(frame)[..., None]).mean() > 0.9
    with Image.open(tmp_path / "pages.tif") as image:
        image.seek(2)
        np.testing.assert_array_equal(np.asarray(image), source.read(2, 3)[0][..., 0])
    frames[0].save(tmp_path / "mixed.tif", save_all=True, append_images=[grey.resize((9, 9))])
    with pytest.raises(ValueError, match="mixed.tif holds pictures of different sizes: save each as a file of its own"):
        open_sources([tmp_path / "mixed.tif"], take=Take(frames=True))


def test_16_bits_and_many_channels(tmp_path):
    deep = np.random.default_rng(0).integers(0, 1 << 16, (5, 6), np.uint16)
    Image.fromarray(deep).save(tmp_path / "16.png")
    np.save(tmp_path / "16.npy", np.stack([deep] * 5, axis=-1)[None])
    take = Take(exact=True, channels=True, depth=16)
    for name in ("16.png", "16.npy"):
        (source,) = open_sources([tmp_path / name], take=take)
        assert source.depth == 16 and source.changes == ()
        assert source.read(0, 1).dtype == np.uint16 and (source.read(0, 1)[0, ..., :1] == deep[..., None]).all()
    with open(tmp_path / "again.png", "wb") as file:
        write_png(deep[..., None], file)
    with Image.open(tmp_path / "again.png") as image:
        np.testing.assert_array_equal(np.asarray(image), deep)
    with pytest.raises(
        ValueError, match="Pictures of 5 channels of 16 bits do not go into PNG files: give a name in .npy"
    ):
        write_png(np.load(tmp_path / "16.npy")[0], None)
    np.save(tmp_path / "x.npy", np.zeros((4, 5, 7), np.uint8))
    with pytest.raises(ValueError, match="x.npy must have a shape .* with c 1 to 4: received .4, 5, 7..*array"):
        open_sources([tmp_path / "x.npy"], take=take)


def test_more_pixels_than_pillow_opens(tmp_path, monkeypatch):
    Image.new("L", (40, 30)).save(tmp_path / "large.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 599)
    with pytest.raises(ValueError, match="large.png has too many pixels: if you trust it, give --max-pixels"):
        open_sources([tmp_path / "large.png"])
    assert Image.MAX_IMAGE_PIXELS == 599


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_cameras_orientation_is_applied(tmp_path, rgb, orientation):
    image = Image.fromarray(rgb)
    exif = image.getexif()
    exif[0x0112] = orientation
    image.save(tmp_path / "x.png", exif=exif)
    # EXIF 2.3, 4.6.4 A: where row 0 and column 0 of the stored picture are.
    turned = {
        1: rgb, 2: rgb[:, ::-1], 3: rgb[::-1, ::-1], 4: rgb[::-1],
        5: rgb.swapaxes(0, 1), 6: rgb[::-1].swapaxes(0, 1),
        7: rgb[::-1, ::-1].swapaxes(0, 1), 8: rgb[:, ::-1].swapaxes(0, 1),
    }[orientation]  # fmt: skip
    np.testing.assert_array_equal(read(tmp_path / "x.png"), turned)


def test_crop_and_pad(tmp_path):
    wide = np.zeros((28, 56, 3), np.uint8)
    wide[:, 14:42] = 255  # the centre is white
    Image.fromarray(wide).save(tmp_path / "wide.png")
    assert (read(tmp_path / "wide.png", fit="crop")[:, 2:-2] == 255).all()
    padded = read(tmp_path / "wide.png", fit="pad")
    assert padded.shape == (28, 28, 3)
    assert (padded[:7] == 0).all() and (padded[21:] == 0).all() and (padded[7:21, 9:19] > 250).all()
    assert read(tmp_path / "wide.png", fit="tile").shape == (28, 56, 3)
    np.save(tmp_path / "stack.npy", wide[None, ..., :1].repeat(3, 0))
    (source,) = open_sources([tmp_path / "stack.npy"], fit="crop")
    assert source.shape == (28, 28, 1) and source.read(0, 3).shape == (3, 28, 28, 1)


def test_folders_and_names(tmp_path):
    picture, other = np.zeros((4, 5), np.uint8), np.zeros((2, 4, 5, 1), np.uint8)
    for name in ("d/a.png", "d/sub/b.jpg", "d/a.bmp", "d/notes.txt", "e/a.png", "e/stack_0.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("text") if name.endswith("txt") else Image.fromarray(picture).save(path)
    np.save(tmp_path / "stack.npy", other)
    np.save(tmp_path / "e" / "stack.npy", other)
    inputs = [tmp_path / n for n in ("d", "e", "stack.npy", "e/stack.npy", "d/a.png")]
    sources = open_sources(inputs)
    # Later ones of equal names are told apart; and beside `stack_0`, `stack` cannot be numbered.
    assert [(s.count, s.name) for s in sources] == [
        (1, "a"),
        (1, "a.png"),
        (1, "sub/b"),
        (1, "a.png_2"),
        (1, "stack_0"),
        (2, "stack.npy"),
        (2, "stack.npy_2"),
        (1, "a.png_3"),
    ]
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="empty holds no pictures"):
        open_sources([tmp_path / "empty"])


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a:b*.png", "a_b_"), ("été \n.png", "été _"), (".png", ".png"), ("aux.png", "_aux")],
)
def test_names_are_made_safe(tmp_path, name, expected):
    Image.new("L", (4, 4)).save(tmp_path / name, "PNG")
    assert open_sources([tmp_path / name])[0].name == expected


def test_parts_of_names_that_a_file_system_would_not_take():
    assert make_safe("漢" * 100 + ".png") == "漢" * 65 + ".png"
    assert make_safe("a. /./.. /b.") == "a/b" and make_safe("...") == "_"


def test_files_that_are_no_pictures(tmp_path, rgb):
    Image.fromarray(rgb).save(tmp_path / "good.png")
    good = (tmp_path / "good.png").read_bytes()
    (tmp_path / "text.png").write_text("hello")
    (tmp_path / "empty.png").touch()
    (tmp_path / "cut.png").write_bytes(good[: len(good) // 2])
    for name, message in (
        ("none.png", "none.png cannot be read: No such file"),
        ("text.png", "text.png is not a picture"),
        ("empty.png", "empty.png is not a picture"),
        ("cut.png", "cut.png is a damaged picture"),
    ):
        with pytest.raises(ValueError, match=message):
            read(tmp_path / name)


def test_files_that_are_no_arrays(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.zeros((28, 28), np.uint8))
    good = path.read_bytes()
    objects = np.empty((28, 28), object)
    np.save(tmp_path / "objects.npy", objects)
    for content in (b"", b"hello", good[:40], good[:-5], (tmp_path / "objects.npy").read_bytes()):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="a.npy is no .npy array of numbers"):
            open_sources([path])
    with pytest.raises(ValueError, match="none.npy cannot be read: No such file"):
        open_sources([tmp_path / "none.npy"])
    np.save(path, np.zeros((28, 28), np.int64))
    with pytest.raises(ValueError, match="a.npy must be uint8, or float .* received int64"):
        open_sources([path])
    np.save(path, np.zeros((3, 28, 28)))
    with pytest.raises(ValueError, match="a.npy must have a shape .* received .3, 28, 28."):
        open_sources([path])


def test_a_picture_that_changes_while_it_is_read(tmp_path, rgb):
    Image.fromarray(rgb).save(tmp_path / "x.png")
    (source,) = open_sources([tmp_path / "x.png"])
    Image.fromarray(rgb[:10]).save(tmp_path / "x.png")
    with pytest.raises(ValueError, match="x.png changed while it was read"):
        source.read(0, 1)


def test_pictures_of_phones_are_read_by_an_extra(tmp_path, monkeypatch):
    """Colour and size come back; without the extra, one line says what to install."""
    import pillow_heif

    pixels = np.full((32, 48, 3), (200, 60, 30), np.uint8)
    pillow_heif.from_pillow(Image.fromarray(pixels)).save(tmp_path / "a.heic", quality=95)
    (source,) = open_sources([tmp_path])
    assert source.shape == (32, 48, 3) and np.abs(source.read(0, 1)[0].astype(int) - pixels).max() < 12
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(ValueError, match=r"a.heic is HEIC, which needs pillow-heif: pip install '.*\[heic\]'"):
        open_sources([tmp_path / "a.heic"])


def test_without_the_extra_a_picture_of_a_phone_says_which(tmp_path, monkeypatch):
    (tmp_path / "a.heic").write_bytes(b"not looked at")
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(ValueError, match=r"a.heic is HEIC, which needs pillow-heif: pip install '.*\[heic\]'"):
        open_sources([tmp_path / "a.heic"])
