# SPDX-License-Identifier: Apache-2.0
"""What scripts do over RouterOS's API, with librouteros: api_librouteros.py PORT CA-FILE PASSWORD-FILE"""
import functools
import ssl
import sys

import librouteros
import librouteros.login
from librouteros.exceptions import FatalError, TrapError
from librouteros.query import Key, Or

port, ca_file, password_file = int(sys.argv[1]), sys.argv[2], sys.argv[3]
context = ssl.create_default_context(cafile=ca_file)
wrap = functools.partial(context.wrap_socket, server_hostname="localhost")
password = open(password_file).read()


def connect(user="root", secret=password, **more):
    return librouteros.connect("127.0.0.1", user, secret, port=port, ssl_wrapper=wrap, timeout=60, **more)


def equal(what, got, wanted):
    if got != wanted:
        sys.exit(f"FAILED: {what}: got {got!r}, wanted {wanted!r}")
    print("ok:", what)


def traps(what, text, work):
    try:
        work()
    except TrapError as error:
        if text not in error.message:
            sys.exit(f"FAILED: {what}: {error.message!r} has no {text!r}")
        print(f"ok: {what}: {error.message}")
        return error
    sys.exit(f"FAILED: {what} was not refused")


name, ident = Key("name"), Key(".id")
api = connect()
certificates = api.path("certificate")

# ---- add, sign, print, set, remove ----
ca = certificates.add(**{"name": "lib-ca", "common-name": "lib-ca", "key-usage": "key-cert-sign,crl-sign", "custody": "file"})
equal("what add returns", ca[0], "*")
equal("sign", list(certificates("sign", number=ca)), [{"progress": "done"}])
leaf = certificates.add(**{"name": "lib-leaf", "common-name": "a=b=c", "days-valid": 30, "custody": "file"})
list(certificates("sign", number="lib-leaf", ca="lib-ca"))
row, = certificates.select(ident, name, Key("common-name"), Key("ca"), Key("private-key")).where(name == "lib-leaf")
equal("print with a query and a proplist", row, {".id": leaf, "name": "lib-leaf", "common-name": "a=b=c", "ca": "lib-ca", "private-key": True})
rows = certificates.select(name).where(Or(name == "lib-ca", name == "web"))
equal("print with operations", sorted(row["name"] for row in rows), ["lib-ca", "web"])
equal("nobody", list(certificates.select(name).where(name == "none")), [])
equal("all", {row["name"] for row in certificates}, {"web-ca", "web", "lib-ca", "lib-leaf"})
equal("getall", len(list(api("/certificate/getall"))), 4)
equal("of one", [row["name"] for row in api("/certificate/print", **{".id": leaf})], ["lib-leaf"])
equal("a menu of settings", list(api("/certificate/settings/print"))[0]["crl-use"], False)
certificates.update(**{".id": leaf, "name": "lib-leaf-2", "trusted": True})
row, = certificates.select(name, Key("trusted")).where(ident == leaf)
equal("set", row, {"name": "lib-leaf-2", "trusted": True})
equal("the version", "7.20" in list(api("/system/resource/print"))[0]["version"], True)

# ---- what is wrong ----
equal("category of a missing item", traps("no such item", "no such item", lambda: certificates.remove("*99")).category, 0)
traps("no such command", "no such command", lambda: list(api("/certificate/none-such")))
traps("an unknown parameter", "unknown parameter no-such", lambda: certificates.add(**{"no-such": "x"}))
traps("a value", "md5", lambda: certificates.add(**{"name": "x", "digest-algorithm": "md5"}))
traps("listen", "listen is not supported", lambda: list(api("/certificate/listen")))
traps("a query of another command", "a query is for print", lambda: list(api.rawCmd("/certificate/remove", "?name=lib-ca")))
injected = 'x" ]; /user add name=evil group=full password=12345678; [find'
evil = certificates.add(**{"name": "evil", "common-name": injected})
equal("a value is a value", list(certificates.select(Key("common-name")).where(ident == evil)), [{"common-name": injected}])
equal("users", len(list(api("/user/print"))), 3)

# ---- remove ----
certificates.remove(evil, leaf)
equal("they are gone", {row["name"] for row in certificates}, {"web-ca", "web", "lib-ca"})
certificates.remove(ca)

# ---- users ----
reader = connect("reader")
equal("a reader looks", [row["name"] for row in reader.path("certificate").select(name).where(name == "web")], ["web"])
traps("and changes nothing", "not permitted", lambda: reader.path("certificate").add(name="r"))
traps("nor removes", "not permitted", lambda: reader.path("certificate").remove("*2"))
traps("nor sees users", "not permitted", lambda: list(reader("/user/print")))
traps("a wrong password", "invalid user name or password", lambda: connect("reader", "not it"))
traps("nobody", "invalid user name or password", lambda: connect("nobody"))
traps("the old login", "not supported", lambda: connect(login_method=librouteros.login.token))
# Who is changed has to log in anew.
list(api("/user/set", numbers="reader", group="write"))
try:
    list(reader("/certificate/print"))
    sys.exit("FAILED: a session of a user that was changed goes on")
except FatalError as error:
    print("ok: a user that was changed:", error)
list(connect("reader")("/certificate/print"))
list(api("/user/set", numbers="reader", group="read"))
