"""Files of more than 8 bits a sample, by their specifications."""

import io
import struct
import zlib

import numpy as np
from PIL import Image, TiffImagePlugin

GRAY, RGB, GRAY_ALPHA = 0, 2, 4  # colour types of PNG
# Tags of TIFF.
BITS_PER_SAMPLE, PHOTOMETRIC, MAX_SAMPLE_VALUE, SAMPLE_FORMAT = 258, 262, 281, 339


def chunk(kind, content):
    body = kind + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))


def png(samples, colour_type, *chunks):
    """A PNG of 16 bits a sample, ``[h w n]``, by the specification."""
    height, width, _ = samples.shape
    head = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    lines = b"".join(b"\0" + line.astype(">u2").tobytes() for line in samples)
    parts = [chunk(b"IHDR", head), *(chunk(*each) for each in chunks)]
    parts += [chunk(b"IDAT", zlib.compress(lines)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def tiff(values, **tags):
    file, info = io.BytesIO(), TiffImagePlugin.ImageFileDirectory_v2()
    for name, value in tags.items():
        info[globals()[name]] = value
    Image.fromarray(values.astype(np.uint16)).save(file, "TIFF", tiffinfo=info)
    return file.getvalue()


def tiff_of(entries, content):
    """A TIFF of one strip, or of several, by the specification."""
    entries = sorted(entries)
    head = b"II*\0" + struct.pack("<IH", 8, len(entries))
    head += b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4)
    return head.ljust(400, b"\0") + content


def ramp(peak, count=64):
    return np.linspace(0, peak, count).round().astype(np.uint16).reshape(8, -1)


def expected(values, peak):
    return np.rint(values * (255 / peak))


def read(content, channels=1, **options):
    """The pixels, and the largest value if the range is not told."""
    # Not above: the jaxtyping hook must be in place before jaxgan is imported.
    from jaxgan.data import images

    image, largest = images.read(io.BytesIO(content), "x", channels=channels, **options)
    return image[..., 0] if channels == 1 else image, largest
