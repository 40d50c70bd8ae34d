"""Weights and batches of the oracle nets and of bench/ from a 32-bit integer hash, exact in f32.

oracle_data.h is the same in C++, line by line.  Streams: 1 inputs, 2 labels, 3 and 4 teachers or prototypes,
16 + n parameter number n.  Needs numpy only.
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


def points(step, batch, features):
    """24-bit whole numbers [batch, features]; the input is these times 2^-24, in [0, 1)."""
    return (bits(1, step * batch * features, batch * features) >> 8).astype(np.int64).reshape(batch, features)


def simple_batch(step, batch):
    """x f32 [B,10]; label 1 on one side of a plane through the middle of the cube."""
    raw = points(step, batch, 10)
    side = ((raw - (1 << 23)) * teacher(3, 10)).sum(axis=1)
    return raw.astype(np.float32) * np.float32(2.0**-24), (side > 0).astype(np.int32)


def regression_batch(step, batch):
    """x f32 [B,10], y f32 [B,1]: a plane plus the absolute value of another one, rounded once to f32."""
    raw = points(step, batch, 10)
    plane = ((raw - (1 << 23)) * teacher(3, 10)).sum(axis=1)
    bend = np.abs(((raw - (1 << 23)) * teacher(4, 10)).sum(axis=1))
    y = ((plane + bend).astype(np.float64) * 2.0**-31).astype(np.float32)
    return raw.astype(np.float32) * np.float32(2.0**-24), y.reshape(batch, 1)


def mnist_batch(step, batch):
    """Images u8 [B,784]: noise, and where the class's prototype says so (one pixel in four) its byte; labels u8 [B]."""
    labels = (bits(2, step * batch, batch) % 10).astype(np.uint8)
    noise = (bits(1, step * batch * 784, batch * 784) >> 24).astype(np.uint8).reshape(batch, 784)
    prototype = bits(3, 0, 10 * 784).reshape(10, 784)[labels]
    return np.where((prototype & 3) == 0, (prototype >> 24).astype(np.uint8), noise), labels


BIAS_SCALE = 0.0625


def parameter_arrays(layers):
    """{path: f32 array} of layers (In, Out, scale of w); w is [In, Out] as in Tarn."""
    arrays = {}
    for number, (rows, columns, scale) in enumerate(layers):
        path = f"fc{number + 1}"
        w = signed_units(16 + 2 * number, 0, rows * columns) * np.float32(scale)
        arrays[path + ".w"] = w.reshape(rows, columns)
        arrays[path + ".b"] = signed_units(17 + 2 * number, 0, columns) * np.float32(BIAS_SCALE)
    return arrays


def fnv1a(arrays):
    """64-bit FNV-1a of the arrays' bytes, little endian, one after another."""
    value = 0xCBF29CE484222325
    for array in arrays:
        for byte in np.ascontiguousarray(array).tobytes():
            value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"
