# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# For tests of ACME: pebble, a CA for trying out clients, and pebble-challtestsrv, its DNS. A script sources this after
# tests/lib.sh.

# pebble_certificates: a CA for HTTPS, $T/pebble-ca.pem, and a server's certificate and key of it, $T/pebble.crt and .key,
# for localhost and for Let's Encrypt's names.
pebble_certificates() {
    plain_openssl req -x509 -newkey rsa:2048 -nodes -config <(printf '%s\n' '[req]' 'distinguished_name = dn' \
        'x509_extensions = ca' '[dn]' '[ca]' 'basicConstraints = critical, CA:TRUE' 'keyUsage = keyCertSign' \
        'subjectKeyIdentifier = hash') -subj '/CN=Pebble HTTPS CA' -days 2 -keyout "$T/pebble-ca.key" \
        -out "$T/pebble-ca.pem" 2>/dev/null
    plain_openssl req -new -newkey rsa:2048 -nodes -keyout "$T/pebble.key" -subj /CN=localhost \
        -config <(printf '[req]\ndistinguished_name = dn\n[dn]\n') -addext \
        "subjectAltName=DNS:localhost,IP:127.0.0.1,DNS:acme-v02.api.letsencrypt.org,DNS:acme-staging-v02.api.letsencrypt.org" \
        -out "$T/pebble.csr" 2>/dev/null
    plain_openssl x509 -req -in "$T/pebble.csr" -CA "$T/pebble-ca.pem" -CAkey "$T/pebble-ca.key" \
        -copy_extensions copy -days 2 -out "$T/pebble.crt" 2>/dev/null
}

# pebble_start [NAME=VALUE...]: a new CA, with these variables of pebble's (PEBBLE_WFE_NONCEREJECT …). It looks for
# http-01 responses at 127.0.0.1:$HTTP_PORT and for tls-alpn-01 at $TLS_PORT, whatever the name; its directory is
# $DIRECTORY, its management interface $PEBBLE_MANAGEMENT. EAB=yes: external accounts only. PORT: where, instead of anywhere
# free. LIFETIME: of certificates, in seconds. blocked-domain.example is a name that it refuses.
# Fails if one of its ports has been taken meanwhile.
pebble_launch() {
    local dns management port lifetime=${LIFETIME:-7776000} eab=
    [ -e "$T/pebble-ca.pem" ] || pebble_certificates
    HTTP_PORT=${HTTP_PORT:-$(free_port)}
    TLS_PORT=${TLS_PORT:-$(free_port)}
    port=${PORT:-$(free_port)} management=$(free_port) dns=$(free_port)
    CHALLTESTSRV=http://127.0.0.1:$(free_port)
    DIRECTORY=https://localhost:$port/dir
    PEBBLE_MANAGEMENT=https://localhost:$management
    if [ "${EAB:-}" ]; then
        eab='"externalAccountBindingRequired": true,
            "externalAccountMACKeys": {
                "kid-1": "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W",
                "kid-2": "b10lLJs8l1GPIzsLP0s6pMt8O0XVGnfTaCeROxQM0BIt2XrJMDHJZBM5NuQmQJQHb10lLJs8l1GPIzsLP0s6pMt8O0XV"
            },'
    fi
    cat >"$T/pebble.json" <<CONFIG
    { "pebble": {
        "listenAddress": "127.0.0.1:$port", "managementListenAddress": "127.0.0.1:$management",
        "certificate": "$T/pebble.crt", "privateKey": "$T/pebble.key",
        "httpPort": $HTTP_PORT, "tlsPort": $TLS_PORT, "ocspResponderURL": "",
        $eab
        "certificateValidityPeriod": $lifetime, "domainBlocklist": ["blocked-domain.example"]
    } }
CONFIG
    if [ -z "${DNS_SERVER:-}" ]; then
        if [ -n "${CHALLTESTSRV_PID:-}" ]; then stop "$CHALLTESTSRV_PID"; fi
        spawn challtestsrv pebble-challtestsrv -dns01 "127.0.0.1:$dns" -http01 '' -https01 '' -tlsalpn01 '' \
            -defaultIPv6 '' -management "${CHALLTESTSRV#http://}"
        CHALLTESTSRV_PID=$SPAWNED
        listens "$SPAWNED" "${CHALLTESTSRV##*:}" || return 1
    fi
    spawn pebble env PEBBLE_VA_NOSLEEP=1 "$@" pebble -config "$T/pebble.json" -dnsserver "${DNS_SERVER:-127.0.0.1:$dns}"
    PEBBLE_PID=$SPAWNED
    DIRECTORY_PORT=$port
    listens "$PEBBLE_PID" "$port" "$management" || {
        kill "$PEBBLE_PID" 2>/dev/null || :
        return 1
    }
}

# listens PID PORT...: waits until the process does at each port, or has ended.
listens() {
    local pid=$1 port tries=0
    shift
    for port in "$@"; do
        until port_open "$port"; do
            kill -0 "$pid" 2>/dev/null && [ $((++tries)) -lt 200 ] || return 1
            sleep 0.1
        done
    done
    kill -0 "$pid" 2>/dev/null
}

pebble_start() {
    local try
    for try in 1 2 3; do
        ! pebble_launch "$@" || return 0
    done
    die "pebble does not start"
}

# pebble_trust: the store's console trusts pebble's HTTPS certificate.
pebble_trust() {
    cp "$T/pebble-ca.pem" "$FILES"
    check "pebble's HTTPS CA imported" signet '/certificate import file-name=pebble-ca.pem name=pebble-https trusted=yes'
}

# pebble_root [N]: the root of pebble's chain N, in $T/root.pem; new at each start.
pebble_root() {
    curl --silent --show-error --fail --cacert "$T/pebble-ca.pem" "$PEBBLE_MANAGEMENT/roots/${1:-0}" >"$T/root.pem"
}

# pebble_orders: how many orders have been placed.
pebble_orders() { grep -c 'Added order' "$T/pebble.log" || :; }

# pebble_issued: how many certificates.
pebble_issued() { grep -c 'Issued certificate' "$T/pebble.log" || :; }

# challtestsrv ORDER JSON: tells the DNS server.
challtestsrv() { curl --silent --show-error --fail --data "$2" "$CHALLTESTSRV/$1"; }

# pebble_front PORT [LINE...]: nginx speaks TLS at 127.0.0.1:PORT, as Let's Encrypt would with pebble behind it: /directory
# is pebble's /dir, and everything else as it is, with the name that was asked for, of which pebble makes its URLs. LINES
# are for its server; requests are in $T/front.requests, with their bodies.
pebble_front() {
    local port=$1
    shift
    mkdir -p "$T/front"
    cat >"$T/front.conf" <<END
user root root;
pid $T/front.pid;
error_log $T/front-error.log;
daemon off;
master_process off;
events {}
http {
    log_format body '\$request_method \$request_uri \$status \$request_body';
    access_log $T/front.requests body;
    client_body_temp_path $T/front; proxy_temp_path $T/front; fastcgi_temp_path $T/front;
    uwsgi_temp_path $T/front; scgi_temp_path $T/front;
    server {
        listen 127.0.0.1:$port ssl;
        ssl_certificate $T/pebble.crt;
        ssl_certificate_key $T/pebble.key;
        proxy_set_header Host \$http_host;
        proxy_http_version 1.1;
        $(printf '%s\n' "$@")
        location = /directory { proxy_pass https://127.0.0.1:$DIRECTORY_PORT/dir; }
        location / { proxy_pass https://127.0.0.1:$DIRECTORY_PORT; }
    }
}
END
    spawn front nginx -e "$T/front-error.log" -c "$T/front.conf"
    wait_port "$port" "nginx before pebble"
}

# lets_encrypt SCRIPT: runs the script again where Let's Encrypt and router.example.com are here: in namespaces of its own
# for the network and for mounts, where the names are 127.0.0.1 by /etc/hosts. There, it starts pebble and its front and
# gives the store pebble's HTTPS CA. Whoever is not root gets the namespaces from a user namespace, or fails.
lets_encrypt() {
    if [ -z "${LETS_ENCRYPT:-}" ]; then
        rm -rf "$T"
        trap - EXIT
        [ $EUID -eq 0 ] || exec env LETS_ENCRYPT=here unshare --map-root-user --net --mount bash "$1"
        exec env LETS_ENCRYPT=here unshare --net --mount bash "$1"
    fi
    ip link set lo up
    cp /etc/hosts "$T/hosts"
    echo '127.0.0.1 router.example.com dns.example.com acme-v02.api.letsencrypt.org acme-staging-v02.api.letsencrypt.org' >>"$T/hosts"
    mount --bind "$T/hosts" /etc/hosts
    HTTP_PORT=80 pebble_start PEBBLE_WFE_NONCEREJECT=0
    pebble_front 443
}
