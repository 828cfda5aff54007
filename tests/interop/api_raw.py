# SPDX-License-Identifier: Apache-2.0
"""Sentences of RouterOS's API byte by byte: api_raw.py PORT CA-FILE|plain PASSWORD-FILE TEST…"""
import os
import resource
import select
import signal
import socket
import ssl
import sys
import time

port, ca_file, password = int(sys.argv[1]), sys.argv[2], open(sys.argv[3]).read()
FAR = "192.0.2.1"


class BusyTpm:
    """While it is entered the TPM is at something."""

    def __enter__(self):
        os.kill(int(os.environ["TPM_PROCESS"]), signal.SIGSTOP)

    def __exit__(self, *_):
        os.kill(int(os.environ["TPM_PROCESS"]), signal.SIGCONT)


def length(n):
    for size, prefix in ((1, 0), (2, 0x80), (3, 0xC0), (4, 0xE0)):
        if n < 1 << (7 * size):
            return (n | prefix << 8 * (size - 1)).to_bytes(size, "big")
    return b"\xf0" + n.to_bytes(4, "big")


def sentence(*words):
    words = [word if isinstance(word, bytes) else word.encode() for word in words]
    return b"".join(length(len(word)) + word for word in words) + b"\0"


class Client:
    def __init__(self, user=None, source=None, host="127.0.0.1"):
        self.socket = socket.create_connection((host, port), 30, (source, 0) if source else None)
        if ca_file != "plain":
            self.socket = ssl.create_default_context(cafile=ca_file).wrap_socket(self.socket, server_hostname="localhost")
        if user:
            equal(f"login as {user}", self.ask("/login", f"=name={user}", f"=password={password}"), [["!done"]])

    def send(self, *words):
        self.socket.sendall(sentence(*words))

    def bytes(self, n):
        data = b""
        while len(data) < n:
            more = self.socket.recv(n - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def word(self):
        n = self.bytes(1)[0]
        for more, prefix in ((1, 0x80), (2, 0xC0), (3, 0xE0), (4, 0xF0)):
            if prefix <= n < (prefix | prefix >> 1) or (more == 4 and n == 0xF0):
                n = int.from_bytes(bytes([n & ~prefix & 0xFF]) + self.bytes(more), "big")
                break
        return self.bytes(n).decode()

    def sentence(self):
        words = []
        while True:
            word = self.word()
            if not word:
                return words
            words.append(word)

    def replies(self):
        """Up to a !done."""
        replies = []
        while not replies or replies[-1][0] not in ("!done", "!fatal"):
            replies.append(self.sentence())
        return replies

    def ask(self, *words):
        self.send(*words)
        return self.replies()

    def is_closed(self):
        try:
            return self.socket.recv(1) == b""
        except (ConnectionError, ssl.SSLError):
            return True


def equal(what, got, wanted):
    if got != wanted:
        sys.exit(f"FAILED: {what}: got {got!r}, wanted {wanted!r}")
    print("ok:", what)


def fatal(what, data, reason, user=None):
    client = Client(user)
    client.socket.sendall(data)
    equal(what, (client.sentence(), client.is_closed()), (["!fatal", reason], True))


def trap(what, client, words, category, message, tag=None):
    replies = client.ask(*words)
    tags = [f".tag={tag}"] if tag else []
    equal(what, replies, [["!trap", f"=category={category}", f"=message={message}"] + tags, ["!done"] + tags])


def malformed():
    for text, data in {
        "a control byte": b"\xff",
        "another": b"\xf8",
        "a length that means nothing": b"\xf1",
        "the greatest length": b"\xf0\xff\xff\xff\xff",
        "a gigabyte": length(1 << 30) + b"x" * 100,
        "a long word": length(65537),
        "HTTP": b"GET / HTTP/1.1\r\nHost: " + b"x" * 5000 + b"\r\n\r\n",
        "many words": b"\1x" * 257,
        "a long sentence before the login": (length(1000) + b"x" * 1000) * 5,
    }.items():
        fatal(text, data, "malformed sentence")
    for text, data in {
        "a control byte after the login": b"\xff",
        "a long word after the login": length(65537),
        "many words after the login": b"\1x" * 257,
        "a long sentence": (length(65536) + b"x" * 65536) * 4,
    }.items():
        fatal(text, data, "malformed sentence", "reader")


def before_login():
    for words in ("/certificate/print",), ("/user/add", "=name=x"), ("/cancel",), ("x",), ("/certificate/listen",):
        fatal(f"{words[0]} before the login", sentence(*words), "not logged in")
    client = Client()
    trap("half a login", client, ("/login", "=name=root", ".tag=t"), 5, "a login has a =name= and a =password=", "t")
    trap("the old login", client, ("/login",), 5, "the login by challenge and response is not supported: send =name= and =password=")
    trap("its second half", client, ("/login", "=name=root", "=response=00" + "0" * 32), 5,
         "the login by challenge and response is not supported: send =name= and =password=")
    equal("a login after these", client.ask("/login", "=name=root", f"=password={password}", ".tag=l"), [["!done", ".tag=l"]])
    trap("a second", client, ("/login", "=name=root", f"=password={password}"), 5, "already logged in")
    client.send("/quit")
    equal("quit", (client.sentence(), client.is_closed()), (["!fatal", "session terminated on request"], True))
    client = Client()
    begin = time.monotonic()
    equal("no login in 10 s", (client.is_closed(), 8 < time.monotonic() - begin < 15), (True, True))


def commands():
    client = Client("root")
    client.socket.sendall(b"\0\0\0")  # mean nothing
    equal("a tag", client.ask("/certificate/print", "?name=web", "=.proplist=name", ".tag=7"),
          [["!re", "=name=web", ".tag=7"], ["!done", ".tag=7"]])
    equal("an empty tag", client.ask("/certificate/print", "?name=none", ".tag="), [["!done", ".tag="]])
    equal("count-only", client.ask("/certificate/print", "=count-only=", "?authority=true"), [["!done", "=ret=1"]])
    equal("faces", client.ask("/certificate/print", "=detail=", "=.proplist=name", "?name=web"), [["!re", "=name=web"], ["!done"]])
    trap("a long tag", client, ("/certificate/print", ".tag=" + "x" * 65), 5, "a tag has 64 bytes at most, and no zero")
    trap("two tags", client, ("/certificate/print", ".tag=a", ".tag=b"), 5, "there are two tags", "a")
    trap("a zero", client, (b"/certificate/print", b"=x\0=y"), 5, "a word has a zero in it")
    trap("no UTF-8", client, (b"/certificate/add", b"=name=\xff\xfe"), 1, "a parameter is no text in UTF-8")
    trap("a word of another kind", client, ("/certificate/print", "name=x"), 5, 'a word begins with neither "=", "?" nor ".tag="')
    trap("no slash", client, ("certificate/print",), 5, 'the first word is no command: it begins with "/"')
    trap("a parameter twice", client, ("/certificate/add", "=name=a", "=name=b"), 5, "a parameter is given twice")
    trap("no such menu", client, ("/none/such/print",), 0, "no such command or directory (/none/such)")
    trap("no such item", client, ("/certificate/remove", "=.id=*99"), 0, "no such item (*99) in /certificate")
    for path in "/", "//", "/certificate/", "/../../etc/passwd", "/certificate/../user/print", "/" * 5000:
        equal(f"the path {path[:30]}", client.ask(path)[0][:2], ["!trap", "=category=0"])
    large = "x" * 65000
    equal("a large word", client.ask("/file/add", "=name=large", f"=contents={large}")[-1][0], "!done")
    equal("it is there", client.ask("/file/print", "?name=large", "=.proplist=size")[0], ["!re", "=size=65000"])
    # In pieces.
    for byte in sentence("/certificate/print", "?name=web", "=.proplist=name"):
        client.socket.sendall(bytes([byte]))
    equal("byte by byte", client.replies(), [["!re", "=name=web"], ["!done"]])


def tags():
    """A command that waits for a key in the TPM holds up nobody else."""
    client = Client("root")
    client.ask("/certificate/add", "=name=slow", "=common-name=slow", "=custody=tpm", "=key-size=2048")
    with BusyTpm():
        client.send("/certificate/sign", "=number=slow", ".tag=slow")
        client.send("/certificate/print", "=.proplist=name", "?name=web", ".tag=quick")
        order = [client.sentence()[-1] for _ in range(2)]
        equal("what is quick comes first", order, [".tag=quick"] * 2)
        trap("a tag that nothing has", client, ("/cancel", "=tag=none", ".tag=c"), 5, "no command with this tag is under way", "c")
    replies = client.replies()
    equal("then what is slow", (replies[-1], replies[0][0]), (["!done", ".tag=slow"], "!re"))
    # Of one tag, and without one, in order.
    for i in range(16):
        client.send("/certificate/print", "=.proplist=name", f"?name={'web' if i % 2 else 'web-ca'}")
    names = [client.replies()[0][1] for _ in range(16)]
    equal("in order", names, ["=name=web-ca", "=name=web"] * 8)
    for i in range(40):
        client.send("/certificate/print", f".tag={i}")
    done, refused = set(), 0
    while len(done) < 40:
        words = client.sentence()
        if words[0] == "!done":
            done.add(words[-1])
        elif words[0] == "!trap":
            equal("of too many", words[2], "=message=16 commands are under way: wait for one of them")
            refused += 1
    equal("16 at once, not all", (0 < refused <= 24, len(done)), (True, 40))
    client.ask("/certificate/remove", "=.id=slow")


def cancelled():
    client, other = Client("root"), Client("root")
    for name in "away", "stopped":
        client.ask("/certificate/add", f"=name={name}", f"=common-name={name}", "=custody=tpm")
    with BusyTpm():
        client.send("/certificate/sign", "=number=stopped", ".tag=1")
        client.send("/certificate/print", "=.proplist=name", ".tag=1")
        time.sleep(0.5)
        # The second has not begun, and ends first.
        client.send("/cancel", "=tag=1", ".tag=c")
        interrupted = ["!trap", "=category=2", "=message=interrupted", ".tag=1"]
        equal("what waits is cancelled", [client.sentence() for _ in range(3)],
              [interrupted, ["!done", ".tag=1"], ["!done", ".tag=c"]])
    replies = client.replies()
    equal("and what runs", (replies[0][:2], replies[1:]), (["!trap", "=category=2"], [["!done", ".tag=1"]]))
    with BusyTpm():
        client.send("/certificate/sign", "=number=away")
        time.sleep(0.5)
        client.socket.close()
        time.sleep(0.5)
    time.sleep(2)
    for name in "away", "stopped":
        row = other.ask("/certificate/print", f"?name={name}", "=.proplist=private-key")[0]
        equal(f"{name} has no key", "=private-key=true" in row, False)
    for name in "away", "stopped":
        other.ask("/certificate/remove", f"=.id={name}")


def idle():
    """Who only connects is pushed out by others, and nobody is kept from working."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    client = Client("root")
    idlers, begin = [], time.monotonic()
    for _ in range(1000):
        idlers.append(socket.create_connection(("127.0.0.1", port), 30))
        if len(idlers) % 100 == 0:
            equal(f"beside {len(idlers)}", client.ask("/certificate/print", "?name=web", "=.proplist=name")[-1], ["!done"])
    Client("reader")
    time.sleep(0.5)
    closed = select.poll()
    for idler in idlers:
        closed.register(idler, select.POLLIN | select.POLLRDHUP)
    left = 1000 - len(closed.poll(0))
    equal(f"few are left: {left}", left <= (64 if ca_file == "plain" else 128), True)
    print(f"ok: a login beside 1,000 connections, {time.monotonic() - begin:.1f} s after the first")


def greedy():
    """A client that does not read what it asks for costs bounded memory, and holds up nobody."""
    client, other = Client("root"), Client("root")
    client.socket.setblocking(False)
    ask, since = sentence("/certificate/print") * 100, time.monotonic()
    rest = ask
    while time.monotonic() - since < 2:
        try:
            rest = rest[client.socket.send(rest):] or ask
            since = time.monotonic()
        except (BlockingIOError, ssl.SSLWantWriteError):
            time.sleep(0.05)
        except (ssl.SSLError, ConnectionError):
            client.socket.setblocking(True)
            while (words := client.sentence())[0] != "!fatal":
                pass
            sys.exit(f"FAILED: the server ends it: {words}")
    equal("another is answered", other.ask("/certificate/print", "?name=web", "=.proplist=name")[-1], ["!done"])


def sessions():
    clients = [Client("reader") for _ in range(32)]
    client = Client()
    equal("one more than 32", client.ask("/login", "=name=reader", f"=password={password}"), [["!fatal", "too many sessions"]])
    clients[0].socket.close()
    time.sleep(0.2)
    Client("reader")


def far():
    """Without TLS it is for this host alone."""
    try:
        Client(host=FAR)
        sys.exit("FAILED: the API without TLS listens at " + FAR)
    except ConnectionRefusedError:
        print("ok: it does not listen at", FAR)
    client = Client(source=FAR)
    try:
        client.send("/quit")
    except ConnectionError:
        pass
    equal("it speaks to nobody who comes from there", client.is_closed(), True)


for test in sys.argv[4:]:
    globals()[test]()
