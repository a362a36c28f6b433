"""A child in Python that speaks the exec protocol."""
import hashlib, json, os, struct, sys

def frame():
    def exactly(size):
        data = b""
        while len(data) < size:
            piece = os.read(3, size - len(data))
            if not piece:
                sys.exit(111)
            data += piece
        return data
    (size,) = struct.unpack(">Q", exactly(8))
    return exactly(size)

version = os.environ.pop("NODED_EXEC_VERSION")
config, secret = frame(), frame()
print(json.dumps({"version": version, "raw": config.hex(), "secret": hashlib.sha256(secret).hexdigest()}), flush=True)
os.write(4, sys.argv[1].encode("latin-1").decode("unicode_escape").encode("latin-1"))
os.close(4)
if "stay" in sys.argv:
    import signal
    signal.pause()
