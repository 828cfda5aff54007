#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Files of services that are not what signet-bindings(5) tells, and values that would bring something else into a
# configuration: refused, with the file's name and the line, before anything is written or executed.
source "$(dirname "$0")/../lib.sh"
source "$(dirname "$0")/../bindings.sh"
store_start
local_ca
local_cert one
mkdir "$SIGNET_HOME/bindings"
file=$SIGNET_HOME/bindings/daemon.conf
good="parameter = folder path $T/daemon
write = fullchain {folder}/cert.pem"
add() { signet '/certificate binding add certificate=one service=daemon'; }

# bad WHAT LINE REGEX TEXT: the text behind the good lines is refused at that line of the file.
bad() {
    printf '%s\n%b' "$good" "$4" >"$file"
    refused "$1" add
    said "daemon\.conf:$2: .*$3"
    equal "nothing was added" "$(signet '/certificate binding print count-only')" 0
}
bad "no such key" 3 'no such key as shell' 'shell = rm -rf /\n'
bad "no value" 3 'expected KEY = VALUE' 'check\n'
bad "two words as key" 3 'expected KEY = VALUE' 'check it = /bin/true\n'
bad "a key twice" 4 'check is there already' 'check = /bin/true\ncheck = /bin/true\n'
bad "a program without its path" 3 'absolute path of a program' 'check = nginx -t\n'
bad "a placeholder that nothing stands behind" 3 '\{other\}: there is no such parameter' 'check = /bin/true {other}\n'
bad "a parameter that comes later" 3 'no such parameter above' 'write = key {later}/x\nparameter = later path /tmp\n'
bad "a parameter of no kind" 3 'expected path, host' 'parameter = x text y\n'
bad "a name of a parameter" 3 'a-z, 0-9' 'parameter = X word y\n'
bad "the same parameter" 3 'there already' 'parameter = folder path /x\n'
bad "an initial value of another kind" 3 'not a port' 'parameter = x port 65536\n'
bad "an initial path that leads up" 3 'not a path' 'parameter = x path /tmp/../etc\n'
bad "no such content" 3 'expected certificate, chain' 'write = everything /tmp/x\n'
bad "a path that is not absolute" 3 'absolute path' 'write = key tmp/x\n'
bad "no such use of trust" 3 'no such use' 'write = trust:everything /tmp/x\n'
bad "a mode" 3 'something like 0640' 'write = chain /tmp/x mode=rw\n'
bad "a mode with more" 3 'something like 0640' 'write = chain /tmp/x mode=4755\n'
bad "a key for everybody" 3 'not for everybody' 'write = key /tmp/x mode=0644\n'
bad "a key that its group can write" 3 'not for everybody' 'write = combined /tmp/x mode=0660\n'
bad "a line of text that belongs nowhere" 3 'no "write = text"' '| text\n'
bad "a reload that would start what is stopped" 3 'must not be started' 'reload = /bin/true\n'
bad "no such signal" 4 'signal HUP' 'running = pidfile /run/x\nreload = signal KILL\n'
bad "a pidfile that is to be believed" 4 'tells what the process must be' 'running = pidfile /run/x\nreload = signal HUP\n'
bad "a signal without a process" 4 'running = pidfile only' 'running = systemd x.service\nreload = signal HUP\n'
bad "no way to run" 3 'expected systemd' 'running = always\n'
bad "no such way to withdraw" 3 'expected text' 'withdraw = all\n'
bad "connect without an address" 3 'address of verify' 'running = connect\n'
bad "verify" 3 'expected HOST PORT' 'verify = localhost\n'
bad "a variable of the linker" 3 'not a variable' 'environment = LD_PRELOAD=/tmp/x.so\n'
bad "a control character" 3 'control character' 'check = /bin/true \033[31m\n'
bad "a NUL" 3 'control character' 'check = /bin/true\0 x\n'
bad "a long line" 3 'longer than' "# $(printf '%01500d' 1)\n"
bad "many words" 3 'more than 32 words' "check = /bin/true $(seq -s ' ' 40)\n"
bad "many parameters" 34 'more than 32 parameters' "$(for i in {1..40}; do printf 'parameter = p%s word x\\n' "$i"; done)"
bad "many files" 18 'more than 16 files' "$(for i in {1..40}; do printf 'write = chain /tmp/%s\\n' "$i"; done)"
: >"$file"
refused "an empty file" add
said 'there is no file to write'
head -c 70000 /dev/zero | tr '\0' '#' >"$file"
refused "a large file" add
said 'larger than'
printf '%s\n' "$good" >"$file"
chmod 666 "$file"
refused "a file that everybody can write" add
said 'others can write it'
chmod 644 "$file"
chown 12345 "$file"
refused "a file of somebody else" add
said 'others can write it'
rm "$file"
mkdir "$file"
refused "a folder" add
said 'not a file'
rmdir "$file"
for name in ../daemon daemon/x .daemon 'a b' '' -x; do
    refused "a service called '$name'" signet "/certificate binding add certificate=one service=\"$name\""
done
refused "no such service" add
said 'there is no service daemon: /etc/signet/bindings/daemon.conf would describe it'

# ---- values ----
cat >"$file" <<END
parameter = folder path $T/daemon
parameter = host host 127.0.0.1
parameter = name word x
parameter = port port 443
write = text {folder}/daemon.conf
| server "{name}" at '{host}' { port {port}; } {{name}} {Name} {} { {
write = fullchain {folder}/cert.pem
END
# value TEXT: refused as parameters, the text as the console would have it.
value() {
    refused "parameters $1" signet "/certificate binding add certificate=one service=daemon parameters=\"$1\""
    equal "nothing was written" "$(ls -A "$T/daemon" 2>/dev/null)" ''
}
for text in 'name=a b' 'name=a\"b' "name=a'b" 'name=a\nb' 'name=a\rb' 'name=a;b' 'name=a{b}' 'name=\$(id)' 'name=`id`' 'name=a|b' 'name=-a' \
    'name=a/../b' 'name=' 'name=a\\\\b' 'name=ä' 'folder=relative' 'folder=/tmp/../etc' 'folder=/tmp/..' 'folder=/tmp/a b' 'port=0' \
    'port=65536' 'port=1x' 'port=-1' 'host=-x' 'host=a b' 'host=a/b' 'other=1' 'name' '=x' 'name=x,,port=1' "name=$(printf '%0200d' 1)"; do
    value "$text"
done
check "good ones" signet '/certificate binding add certificate=one service=daemon parameters="name=a.b-c_d,port=1"'
equal "the text" "$(<"$T/daemon/daemon.conf")" "server \"a.b-c_d\" at '127.0.0.1' { port 1; } {a.b-c_d} {Name} {} { {"
equal "status" "$(binding 0 status)" written

# ---- what is in the way ----
mkdir "$T/other"
touch "$T/victim"
ln -s "$T/victim" "$T/other/cert.pem.signet-new"
ln -s "$T/victim" "$T/other/cert.pem"
check "links are replaced, not followed" signet "/certificate binding add certificate=one service=daemon parameters=folder=$T/other"
equal "what they led to" "$(stat -c %s "$T/victim")" 0
check "it is a file now" test -f "$T/other/cert.pem" -a ! -L "$T/other/cert.pem"
touch "$T/blocked"
refused "a folder that is a file" signet "/certificate binding add certificate=one service=daemon parameters=folder=$T/blocked/x"
said 'Not a directory'
sed -i 's/^write = fullchain .*/write = key {folder}\/key.pem owner=nobody-there/' "$file"
refused "no such user" signet "/certificate binding add certificate=one service=daemon parameters=folder=$T/third"
said 'there is no user nobody-there'
