#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# signet key: for people who want keys and no certificates.
. "$(dirname "$0")/../lib.sh"

row() { signet key list | awk -v name="$1" '$1 == name { print $2, $3, $4 }'; }

tpm_start
tpm_srk
store_start
ssl_conf
check "in the TPM" signet key make t --size 2048 --custody tpm
said 'progress: '
check "where it can be" signet key make a --size 1024
check "in a file" signet key make f --size 2048 --custody file
check "EC" signet key make e --size prime256v1
check "EC in a file" signet key make ef --size secp384r1 --custody file
check "EC, sealed" signet key make es --size secp384r1 --custody sealed --pcrs sha256:16
check "a curve that is for files only" signet key make e521 --size secp521r1
check "larger than the TPM makes" signet key make large --size 4096
said 'custody sealed'
check "sealed to the TPM" signet key make s --custody sealed --pcrs sha256:16
equal "t" "$(row t)" 'tpm rsa 2048'
equal "a" "$(row a)" 'tpm rsa 1024'
equal "f" "$(row f)" 'file rsa 2048'
equal "e" "$(row e)" 'tpm ec 256'
equal "ef" "$(row ef)" 'file ec 384'
equal "es" "$(row es)" 'sealed ec 384'
equal "e521" "$(row e521)" 'file ec 521'
refused "and in the TPM" signet key make x --size secp521r1 --custody tpm
said 'custody file only'
refused "PCRs of an EC key in a file" signet key make x --size prime256v1 --custody file --pcrs 7
said 'PCRs'
equal "large" "$(row large)" 'sealed rsa 4096'
equal "s" "$(row s)" 'sealed rsa 2048'
refused "a name twice" signet key make t
said 'already'
refused "a size that is none" signet key make x --size 1000
refused "a size that the TPM has not" signet key make x --size 4096 --custody tpm
said TPM
equal "nothing of it" "$(row x)" ''

# ---- written, used ----
echo data >"$T/data"
for name in t f e ef es e521 s; do
    check "$name: written" signet key write $name --out "$T/$name.pem"
    equal "$name: mode" "$(stat -c %a "$T/$name.pem")" 600
    check "$name: signs" openssl dgst -sha256 -sign "$T/$name.pem" -out "$T/sig" "$T/data"
    openssl pkey -in "$T/$name.pem" -pubout -out "$T/$name.pub"
    check "$name: is verified" plain_openssl dgst -sha256 -verify "$T/$name.pub" -signature "$T/sig" "$T/data"
done
equal "what is written of t" "$(grep BEGIN "$T/t.pem")" '-----BEGIN TSS2 PRIVATE KEY-----'
ln -s "$T/elsewhere" "$T/link"
refused "through a link" signet key write t --out "$T/link"
refused "nothing of that name" signet key write none
said 'no key none'

# ---- pinned ----
check "pin" signet key pin t 0x81010001
check "hw print shows the handle" signet hw print
said '81010001'
check "written again" signet key write t --out "$T/pinned.pem"
equal "it is a reference" "$(grep BEGIN "$T/pinned.pem")" '-----BEGIN SIGNET KEY REFERENCE-----'
mark=$(tpm_mark)
check "it signs" openssl dgst -sha256 -sign "$T/pinned.pem" -out "$T/sig" "$T/data"
check "as the same key" plain_openssl dgst -sha256 -verify "$T/t.pub" -signature "$T/sig" "$T/data"
equal "and is not loaded for it" "$(tpm_commands "$mark" | grep -c '^Load$' || :)" 0
refused "a key that is not in the TPM" signet key pin f 0x81010002
said 'custody file'
refused "a handle that is taken" signet key pin a 0x81010001
refused "a handle that is none" signet key pin a 12
check "deleted" signet key delete t
said '81010001|persistent handle'
check "evicted" signet hw evict 0x81010001

# ---- given into another custody ----
line=$(sed -n 5p "$T/f.pem") # of the key in clear
grep -qF "$line" "$SIGNET_HOME"/*.db || die "the key of custody file is not where it is expected"
refused "no custody" signet key move f
refused "back to a file" signet key move s --custody file
refused "PCRs of a key in the TPM" signet key move f --custody tpm --pcrs 7
check "from a file to sealed" signet key move f --custody sealed
said 'custody sealed'
equal "f" "$(row f)" 'sealed rsa 2048'
! grep -rqF "$line" "$SIGNET_HOME" || die "the key is still there in clear"
check "sealed anew, to PCRs" signet key move f --custody sealed --pcrs sha256:16
check "written" signet key write f --out "$T/f.pem"
grep -q 'SIGNET SEALED KEY' "$T/f.pem" || die "not a sealed key"
check "signs" openssl dgst -sha256 -sign "$T/f.pem" -out "$T/sig" "$T/data"
check "as the same key" plain_openssl dgst -sha256 -verify "$T/f.pub" -signature "$T/sig" "$T/data"
check "a PCR changes" tpm2 pcrextend "16:sha256=$(printf 'a%.0s' {1..64})"
refused "to another custody, as the PCRs are now" signet key move f --custody tpm
said 'PCRs sha256:16'
equal "nothing is lost" "$(row f)" 'sealed rsa 2048'
check "sealed without PCRs" signet key make g --custody sealed
check "from sealed to the TPM" signet key move g --custody tpm
equal "g" "$(row g)" 'tpm rsa 2048'
refused "a key in the TPM" signet key move g --custody sealed
refused "an EC key in the TPM" signet key move e --custody sealed
check "an EC key from a file to the TPM" signet key move ef --custody tpm
equal "ef" "$(row ef)" 'tpm ec 384'
check "written" signet key write ef --out "$T/ef.pem"
check "signs" openssl dgst -sha384 -sign "$T/ef.pem" -out "$T/sig" "$T/data"
check "as the same key" plain_openssl dgst -sha384 -verify "$T/ef.pub" -signature "$T/sig" "$T/data"
refused "one that the TPM has no curve for" signet key move e521 --custody tpm
said 'secp521r1'
check "a certificate whose key is sealed" signet '/certificate add name=sealed common-name=s custody=sealed; /certificate sign sealed'
equal "its custody" "$(get sealed custody)" sealed
refused "exporting the key" signet '/certificate export-certificate sealed export-passphrase=long-enough'
said 'custody sealed'
plain_openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=p -keyout "$T/p.key" -out "$T/p.crt" 2>/dev/null
cat "$T/p.key" "$T/p.crt" >"$FILES/p.pem"
check "imported into it" signet '/certificate import file-name=p.pem custody=sealed'
equal "its custody" "$(get p custody)" sealed
! grep -qF "$(sed -n 5p "$T/p.key")" "$SIGNET_HOME"/*.db || die "the imported key is in the store in clear"

# ---- with a certificate ----
check "a certificate" signet '/certificate add name=c common-name=c key-size=1024; /certificate sign c'
fingerprint=$(signet key list | awk 'END { print $NF }')
check "its key by the certificate's name" signet key write c --out "$T/c.pem"
refused "deleting it" signet key delete c
said 'use'
check "the certificate" signet '/certificate remove c'
equal "goes with its key" "$(signet key list | grep -c "$fingerprint" || :)" 0

# ---- stopped half-way ----
stopped() { # stopped CUSTODY: Ctrl-C during long work
    local pid status=0
    "$BUILD/tools/signet" key make stop --size 8192 --custody "$1" >"$T/stop.log" 2>&1 &
    pid=$!
    wait_until "$1: the work has begun" grep -q progress "$T/stop.log"
    kill -INT $pid
    wait $pid || status=$?
    equal "$1: exit status" $status 1
    grep -q interrupted "$T/stop.log" || die "it does not say so: $(<"$T/stop.log")"
    equal "$1: nothing of it" "$(row stop)" ''
}
stopped file
