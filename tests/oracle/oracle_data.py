"""Weights and batches of the oracle nets and of bench/ from a 32-bit integer hash, exact in f32.

oracle_data.h is the same in C++.  Streams: 1 inputs, 2 labels, 3 and 4 teachers or prototypes, 5 text, 7 signs of
projections, 16 + n parameter number n; an input may name another one.  Needs numpy only.
"""
import numpy as np


def mix(h):
    """Murmur3's 32-bit finaliser (Appleby, public domain), on a u32 array."""
    h = h.astype(np.uint32)
    h ^= h >> np.uint32(16)
    h *= np.uint32(0x85EBCA6B)
    h ^= h >> np.uint32(13)
    h *= np.uint32(0xC2B2AE35)
    h ^= h >> np.uint32(16)
    return h


def bits(stream, first, count):
    """`count` u32 words of stream number `stream` from index `first`."""
    key = mix(np.array([(stream + 0x9E3779B9) & 0xFFFFFFFF], dtype=np.uint32))
    index = np.arange(first, first + count, dtype=np.uint64).astype(np.uint32)
    return mix(key ^ index)


def signed_units(stream, first, count):
    """k * 2^-23 for k in [-2^23, 2^23): in [-1, 1) and exact in f32."""
    return ((bits(stream, first, count) >> 8).astype(np.int64) - (1 << 23)).astype(np.float32) * np.float32(2.0**-23)


def teacher(stream, count):
    """Whole numbers in [-128, 128)."""
    return (bits(stream, 0, count) >> 24).astype(np.int64) - 128


# --- inputs: one function a kind, (spec, step, batch) -> array [batch, *row] -----------------------------------------


def elements_of(spec):
    return int(np.prod(spec.get("row", []), dtype=np.int64))


def points(spec, step, batch):
    """f32 in [0, 1), 24 bits each; or `times` that."""
    count = batch * elements_of(spec)
    raw = (bits(spec.get("stream", 1), step * count, count) >> 8).astype(np.float32) * np.float32(2.0**-24)
    return (raw * np.float32(spec.get("times", 1))).reshape([batch, *spec["row"]])


def plane(step, batch, stream):
    """Distances of the rows of 10 points from plane number `stream`, as whole numbers."""
    raw = (bits(1, step * batch * 10, batch * 10) >> 8).astype(np.int64).reshape(batch, 10)
    return ((raw - (1 << 23)) * teacher(stream, 10)).sum(axis=1)


def side(spec, step, batch):
    """Label 1 on one side of a plane through the middle of the cube of points."""
    return (plane(step, batch, 3) > 0).astype(np.int32)


def bend(spec, step, batch):
    """f32 [batch, 1]: a plane plus the absolute value of another one, rounded once to f32."""
    total = plane(step, batch, 3) + np.abs(plane(step, batch, 4))
    return (total.astype(np.float64) * 2.0**-31).astype(np.float32).reshape(batch, 1)


def labels(spec, step, batch):
    return (bits(spec.get("stream", 2), step * batch, batch) % spec["classes"]).astype(np.int32)


def images(spec, step, batch):
    """u8: noise, and where the prototype of the row's label (of 10) says so, one pixel in four, its byte."""
    pixels = elements_of(spec)
    label = labels({"classes": 10}, step, batch)
    noise = (bits(1, step * batch * pixels, batch * pixels) >> 24).astype(np.uint8).reshape(batch, pixels)
    prototype = bits(3, 0, 10 * pixels).reshape(10, pixels)[label]
    drawn = np.where((prototype & 3) == 0, (prototype >> 24).astype(np.uint8), noise)
    return drawn.reshape([batch, *spec["row"]])


def tokens(spec, step, batch):
    """Windows of noise, one character longer than a row; `shift` 1 gives the characters one further on."""
    window = elements_of(spec)
    drawn = bits(5, step * batch * (window + 1), batch * (window + 1)) % spec["classes"]
    shift = spec.get("shift", 0)
    return drawn.reshape(batch, window + 1)[:, shift:window + shift].astype(np.int32)


KINDS = {"points": points, "side": side, "bend": bend, "labels": labels, "images": images, "tokens": tokens}


def input_arrays(specs, step, batch):
    """{name: array} of one batch."""
    return {spec["name"]: KINDS[spec["kind"]](spec, step, batch) for spec in specs}


def parameter_arrays(specs):
    """{path: f32 array}: parameter number n is signed_units of stream 16 + n, scaled and moved."""
    arrays = {}
    for number, spec in enumerate(specs):
        drawn = signed_units(16 + number, 0, int(np.prod(spec["shape"], dtype=np.int64)))
        drawn = drawn * np.float32(spec["scale"]) + np.float32(spec.get("offset", 0))
        arrays[spec["path"]] = drawn.reshape(spec["shape"])
    return arrays


# --- gradients, in a few numbers -----------------------------------------------------------------------------------

PROJECTIONS = 32


def project(array):
    """Sums over the elements with 32 sets of random signs: bit k of a hash of the index is the k-th set's sign.

    The root of the mean square of the difference of two arrays' projections estimates the norm of their difference.
    """
    flat = np.asarray(array, dtype=np.float64).ravel()
    hashed = bits(7, 0, flat.size)
    return [float(np.where((hashed >> np.uint32(k)) & 1, flat, -flat).sum()) for k in range(PROJECTIONS)]


# --- draws, as ir/philox.h defines them ----------------------------------------------------------------------------


def stream_of(path):
    """FNV-1a, 32 bits."""
    value = 0x811C9DC5
    for byte in path.encode():
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return value


def philox_uniform(seed, step, stream, shape):
    """f32 in [0, 1): Philox4x32-10 of (element, stream, step) under the key `seed`."""
    count = int(np.prod(shape, dtype=np.int64))
    low = np.uint64(0xFFFFFFFF)
    c = [np.arange(count, dtype=np.uint64), np.full(count, stream, np.uint64),
         np.full(count, step & 0xFFFFFFFF, np.uint64), np.full(count, step >> 32, np.uint64)]
    k0, k1 = seed & 0xFFFFFFFF, seed >> 32
    for _ in range(10):
        a, b = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        c = [(b >> np.uint64(32)) ^ c[1] ^ np.uint64(k0), b & low, (a >> np.uint64(32)) ^ c[3] ^ np.uint64(k1), a & low]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return ((c[0] >> np.uint64(8)).astype(np.float32) * np.float32(2.0**-24)).reshape(shape)


def fnv1a(arrays):
    """64-bit FNV-1a of the arrays' bytes, little endian, one after another."""
    value = 0xCBF29CE484222325
    for array in arrays:
        for byte in np.ascontiguousarray(array).tobytes():
            value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"
