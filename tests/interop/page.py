# SPDX-License-Identifier: Apache-2.0
"""The person in front of the page; page.sh starts it. Usage: page.py URL KEY-HASH FOLDER SIGNET"""
import glob
import subprocess
import sys
import time

from browser import Browser

url, key_hash, folder, signet = sys.argv[1:]
browser = Browser(folder + "/browser", key_hash)
HOSTILE = "<img src=x onerror=alert(1)>"
CHANGES = ["Add", "Import", "Sign", "Trust", "Trust no more", "Rename", "Revoke", "Remove", "Grant", "Deny", "Change", "Enable", "Disable", "Renew",
           "Stop", "Get a certificate", "One-time password", "Download with key"]


def ok(what, is_so=True):
    if not is_so:
        raise SystemExit(f"FAILED: {what}; the page shows:\n{browser.run('document.body.innerText')}")
    print("ok: " + what)


def console(command):
    return subprocess.run([signet, command], capture_output=True, text=True, check=True).stdout


def literal(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def find(text, inside="document"):
    """An expression: the button or link with this text, in the dialog that is on top if there is one."""
    place = f"([...{inside}.querySelectorAll('dialog[open]')].at(-1) ?? {inside})"
    return f"[...{place}.querySelectorAll('button, a, summary')].find(one => one.textContent === {literal(text)} || one.ariaLabel === {literal(text)})"


def click(text):
    browser.wait(f"a button {text}", find(text) + " !== undefined")
    browser.run(f"{{ const one = {find(text)}; one.focus(); one.click(); }}")


def fill(name, value):
    browser.run(f"""{{ const field = [...document.querySelectorAll('dialog[open]')].at(-1).querySelector('[name="{name}"]');
        if (field.type === 'checkbox') field.checked = {str(bool(value)).lower()}; else field.value = {literal(str(value))};
        field.dispatchEvent(new Event('input', {{bubbles: true}})); }}""")


def submit():
    browser.run("[...document.querySelectorAll('dialog[open]')].at(-1).querySelector('form').requestSubmit()")


def closed():
    browser.wait("the dialog's end", "document.querySelector('dialog[open]') === null", 60)


def said(text):
    browser.wait("the message " + text, f"document.getElementById('status').textContent.includes({literal(text)})")


def log_in(name, password):
    browser.open("about:blank")
    browser.open(url + "/")
    browser.wait("the login", "document.getElementById('user') !== null")
    browser.run(f"document.getElementById('user').value = {literal(name)}; document.getElementById('password').value = {literal(password)}; document.querySelector('form').requestSubmit()")


def section(name):
    browser.run(f"location.hash = '{name}'")
    browser.wait("section " + name, f"document.title.toLowerCase().startsWith('{name}') && !document.querySelector('main[aria-busy]')")


def details(name):
    click(name)
    browser.wait("the details of " + name, "document.querySelector('dialog.sheet dl') !== null")


def upload(*paths):
    root = browser.call("DOM.getDocument")["root"]["nodeId"]
    node = browser.call("DOM.querySelector", nodeId=root, selector="dialog[open] input[type=file]")["nodeId"]
    browser.call("DOM.setFileInputFiles", nodeId=node, files=list(paths))


# ---- for everybody's eyes and hands ----

# Text with too little contrast to what is behind it (WCAG 2.2, 1.4.3), as "text ratio".
CONTRAST = """(() => {
    const parse = text => { const n = text.match(/[\\d.]+/g).map(Number); return [...n.slice(0, 3), n[3] ?? 1]; };
    const over = (a, b) => [0, 1, 2].map(i => a[i] * a[3] + b[i] * (1 - a[3]));
    const light = c => { const [r, g, b] = c.map(v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b; };
    const behind = e => { if (!e) return [255, 255, 255]; const c = parse(getComputedStyle(e).backgroundColor); return c[3] === 1 ? c.slice(0, 3) : over(c, behind(e.parentElement)); };
    const bad = [];
    for (const e of (document.querySelector('dialog[open]') ?? document.body).querySelectorAll('*')) {
        if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) || !e.checkVisibility() || e.closest('.unseen, .skip, noscript, option')) continue;
        const style = getComputedStyle(e), isText = e instanceof SVGElement, back = behind(e), front = over(parse(isText ? style.fill : style.color), back);
        const [a, b] = [light(front), light(back)], ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
        if (ratio < 4.5) bad.push(e.textContent.slice(0, 40) + ' ' + ratio.toFixed(2));
    }
    return bad.join('; ');
})()"""
# Controls that are too small for a finger (2.5.8: 24 pixels), or that go beyond the screen's edge.
SMALL = """[...(document.querySelector('dialog[open]') ?? document.body).querySelectorAll('button, a, input, select')].filter(one => {
    const box = one.getBoundingClientRect(); return one.checkVisibility() && !one.closest('.skip') && !one.matches('.skip, [type=checkbox]') && box.width && (box.height < 24 || box.width < 24 || box.right > innerWidth + 1); })
    .map(one => one.textContent + one.name).join('; ')"""


def nameless():
    """Roles of controls that have no name for a screen reader."""
    nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
    return [node["role"]["value"] for node in nodes if not node.get("ignored") and not node.get("name", {}).get("value")
            and node["role"]["value"] in ("button", "link", "textbox", "searchbox", "combobox", "checkbox", "dialog", "navigation", "img", "image", "region")]


def inspect(what):
    for colours in (False, True):
        browser.size(390, 844, colours)
        bad = browser.run(CONTRAST)
        ok(f"{what}: contrast, {'dark' if colours else 'light'} {bad}", not bad)
    browser.size(320, 640)
    ok(f"{what}: 320 pixels are enough", browser.run("document.documentElement.scrollWidth") <= 320)
    bad = browser.run(SMALL)
    ok(f"{what}: for fingers {bad}", not bad)
    bad = nameless()
    ok(f"{what}: names for screen readers {bad}", not bad)
    browser.size(1280, 800)


def picture(name):
    for kind, width, height, is_dark in (("desktop", 1280, 800, False), ("desktop-dark", 1280, 800, True), ("phone", 390, 844, False), ("phone-dark", 390, 844, True)):
        browser.size(width, height, is_dark)
        browser.screenshot(f"{folder}/pictures/{name}-{kind}.png")
    browser.size(1280, 800)


# ---- logging in ----

browser.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=folder + "/downloads")
browser.size(1280, 800)
log_in("admin", "wrong-horse")
browser.wait("the refusal", "document.querySelector('.error').textContent.includes('wrong')")
ok("a wrong password is refused")
inspect("login")
picture("login")
browser.run("document.getElementById('password').value = 'correct-horse'; document.querySelector('form').requestSubmit()")
browser.wait("the certificates", "document.querySelector('.tree li') !== null")
ok("logged in")
ok("no cookie, nothing stored", browser.run("document.cookie === '' && localStorage.length === 0 && sessionStorage.length === 0"))

# ---- certificates ----

rows = browser.run("[...document.querySelectorAll('button.name')].map(one => one.textContent)")
ok("the certificates, as a tree", rows == ["ca", "vpn-ca", "alice", "bob", "carol", "router", "prnter", "wrong", HOSTILE])
ok("below their CA", browser.run(find("alice") + ".closest('ul').closest('li').querySelector('.name').textContent") == "vpn-ca")
ok("a hostile name is a text", browser.run("document.querySelectorAll('main img, main script').length") == 0)
ok("flags in words", browser.run(find("bob") + ".closest('.certificate').querySelector('.flags').innerText.replace(/\\s+/g, ' ')").count("revoked") == 1)
inspect("certificates")
picture("certificates")
browser.run("document.getElementById('search').value = 'alice'; document.getElementById('search').dispatchEvent(new Event('input'))")
ok("found, with the CAs above", browser.run("[...document.querySelectorAll('button.name')].map(one => one.textContent).join()") == "ca,vpn-ca,alice")
browser.run("document.getElementById('search').value = ''; document.getElementById('search').dispatchEvent(new Event('input'))")
details(HOSTILE)
ok("in its details, too", browser.run("document.querySelectorAll('dialog img, dialog script').length") == 0)
browser.press("Escape")
closed()
details("router")
inspect("details")
picture("details")
ok("what shows it", browser.run("document.querySelector('dialog').innerText").count("Shown by www-ssl") == 1)
browser.press("Escape")
closed()
ok("the focus is back", browser.run("document.activeElement.textContent") == "router")

# ---- with the keyboard alone ----

browser.run("document.getElementById('main').focus()")


def tab_to(script, what):
    for _ in range(60):
        if browser.run(script):
            return
        browser.press("Tab")
    ok("Tab comes to " + what, False)


tab_to("document.activeElement.textContent === 'Add'", "Add")
browser.press("Enter")
browser.wait("the form", "document.activeElement.name === 'name'")
inspect("a form")
browser.type("keyboard")
tab_to("document.activeElement.name === 'common-name'", "the common name")
browser.type("keyboard.example.com")
browser.press("Tab")
browser.type("DNS:keyboard.example.com")
picture("add")
browser.press("Enter")
said("keyboard is added")
browser.wait("it in the tree", find("keyboard") + " !== undefined")
ok("added and signed by the keyboard")
tab_to("document.activeElement.textContent === 'keyboard'", "the new one")
browser.press("Enter")
browser.wait("its details", "document.querySelector('dialog.sheet dl') !== null")
ok("signed by the CA", browser.run("document.querySelector('dialog').innerText").count("Local CA") > 0)
browser.press("Escape")
closed()

# ---- change ----

details("carol")
click("Download with key")
fill("passphrase", "a good passphrase")
submit()
closed()
said("The download has begun")
details("carol")
click("Revoke")
browser.wait("a question", "document.querySelector('dialog.question') !== null")
ok("what cannot be undone begins at Cancel", browser.run("document.activeElement.textContent") == "Cancel")
inspect("a question")
picture("revoke")
fill("reason", "superseded")
submit()
closed()
said("carol is revoked")
ok("revoked", "R" in console("/certificate print terse where name=carol").split("name=")[0])
details("alice")
click("Download")
browser.press("Escape")
closed()
for what, name, path, passphrase, text in (("PKCS #12", "", folder + "/router.p12", "wrong", "passphrase is wrong"), ("PKCS #12", "router_p12", folder + "/router.p12", "sesame", "private keys: 1")):
    click("Import")
    upload(path)
    fill("passphrase", passphrase)
    if name:
        fill("name", name)
    submit()
    if passphrase == "wrong":
        browser.wait("the refusal", f"document.querySelector('dialog .error').textContent.includes({literal(text)})")
        click("Cancel")
    else:
        said(text)
    closed()
    ok(f"{what} with the passphrase {passphrase}")
click("Import")
upload(folder + "/pair.key", folder + "/pair.der")
submit()
said("Certificates imported: 1, private keys: 1")
ok("a certificate in DER and its key, in any order")
details("pair")
click("Trust")
said("pair is trusted")
details("prnter")
click("Rename")
fill("name", "printer")
submit()
said("It is renamed")
details("printer")
click("Sign")
browser.wait("a question", "document.querySelector('dialog.question') !== null")
fill("signer", "ca vpn-ca")
submit()
said("printer is signed")
ok("trusted, renamed, signed")
details("wrong")
click("Remove")
submit()
said("wrong is removed")
ok("removed")
click("Add")
fill("name", "twice")
fill("common-name", "twice")
fill("subject-alt-name", "nonsense")
submit()
browser.wait("the refusal", "document.querySelector('dialog .error').textContent !== ''")
ok("what the router refuses is told in the form: " + browser.run("document.querySelector('dialog .error').textContent"))
fill("subject-alt-name", "")
fill("name", "alice")
submit()
browser.wait("the refusal", "document.querySelector('dialog .error').textContent.includes('alice')")
click("Cancel")
closed()
details("router_p12")
click("Remove")
browser.wait("a question", "document.querySelector('dialog.question') !== null")
ok("says what is lost", "private key" in browser.run("document.querySelector('dialog.question').innerText"))
click("Cancel")
browser.wait("the end of the question", "document.querySelector('dialog.question') === null")
browser.press("Escape")
closed()

# ---- the other sections ----

section("enrolment")
browser.wait("the request", find("Grant CN=phone.example.com") + " !== undefined")
inspect("enrolment")
picture("enrolment")
click("Grant CN=phone.example.com")
said("The certificate is issued")
ok("granted")
click("One-time password")
submit()
browser.wait("the password", "/^[0-9A-F]{32}$/m.test(document.querySelector('dialog').innerText)")
ok("a one-time password")
submit()
closed()
section("services")
inspect("services")
picture("services")
ok("what other services are given", "nginx" in browser.run("document.querySelector('[aria-label=Bindings]').innerText"))
click("Change api-ssl")
fill("port", "18729")
submit()
closed()
said("api-ssl is changed")
click("Disable www-ssl")
browser.wait("a question", "document.querySelector('dialog.question') !== null")
click("Cancel")
closed()
ok("the page does not take itself away unasked")
section("hardware")
for _ in range(3):
    for _ in range(8):
        subprocess.run(["openssl", "s_client", "-connect", url.removeprefix("https://").replace("localhost", "127.0.0.1")], stdin=subprocess.DEVNULL, capture_output=True)
    browser.receive(1)
browser.wait("the TPM's signatures", "[...document.querySelectorAll('.key li')].some(one => /tpm: [0-9.]*[1-9]/.test(one.textContent))")
ok("the TPM's signatures are drawn", browser.run("document.querySelector('svg.chart polyline') !== null"))
inspect("hardware")
picture("hardware")
section("log")
ok("the log", "certificate carol revoked" in browser.run("document.querySelector('main').innerText"))
inspect("log")
picture("log")

# ---- who may only look ----

log_in("guest", "only-looking")
browser.wait("the certificates", "document.querySelector('.tree li') !== null")
seen = []
details("alice")
seen += browser.run("[...document.querySelectorAll('button')].map(one => one.textContent)")
browser.press("Escape")
closed()
for name in ("certificates", "enrolment", "services", "hardware", "log"):
    section(name)
    seen += browser.run("[...document.querySelectorAll('button')].map(one => one.textContent)")
ok(f"a guest sees no button that changes anything {set(seen) & set(CHANGES)}", not set(seen) & set(CHANGES))
ok("but may download", "Download" in seen)

# ---- the end of a session ----

log_in("admin", "correct-horse")
browser.wait("the certificates", "document.querySelector('.tree li') !== null")
console("/user set admin password=another-horse")
click("Refresh")
browser.wait("the login", "document.getElementById('user') !== null")
ok("another password ends the session")
ok("and shows nothing more", browser.run("document.querySelector('.tree') === null && document.getElementById('nav').hidden"))

# ---- the policy ----

ok(f"nothing to complain about {browser.complaints}", not browser.complaints)
browser.run("window.hurt = 0")
browser.run("""{ const script = document.createElement('script'); try { script.text = 'window.hurt = 1'; document.body.append(script); } catch {}
    const text = document.createElement('p'); try { text.innerHTML = '<img src=x onerror="window.hurt = 2">'; document.body.append(text); } catch {}
    try { new Function('window.hurt = 3')(); } catch {} }""")
time.sleep(0.5)
hurt = browser.run("window.hurt")
ok(f"no script but the page's own: {hurt}", hurt == 0)
ok("no other server", browser.run("fetch('https://127.0.0.1:1/').then(() => 'sent', error => 'refused')") == "refused" and any("connect-src" in one for one in browser.complaints))
ok("downloads are there", len(glob.glob(folder + "/downloads/*.pem")) == 2)
browser.close()
