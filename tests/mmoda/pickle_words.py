"""Pickles put together word by word, as no honest program would write them."""

from __future__ import annotations


def short(text):
    return b"\x8c" + bytes([len(text.encode())]) + text.encode()


def name(module, attribute):
    return short(module) + short(attribute) + b"\x93"


def array_with(dtype_words, raw=b"C\x08" + bytes(8), shape=b"K\x01\x85"):
    """An array whose data type is described by other words."""
    begun = name("numpy._core.multiarray", "_reconstruct") + name("numpy", "ndarray")
    begun += b"K\x00\x85C\x01b\x87R"
    return b"\x80\x04" + begun + b"(K\x01" + shape + dtype_words + b"\x89" + raw + b"tb."


def dtype_of(code, state=b"(K\x03\x8c\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"):
    return name("numpy", "dtype") + short(code) + b"\x89\x88\x87R" + state


def fields(size, offset=b"K\x00"):
    entry = b"}" + short("a") + dtype_of("f8") + offset + b"\x86s"
    state = b"(K\x03\x8c\x01|N" + short("a") + b"\x85" + entry + size + b"K\x01K\x00tb"
    return dtype_of("V8", state)
