# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# bash completion for signet(1). The program itself knows what can follow: signet --complete LINE.

_signet() {
    local current=${COMP_WORDS[COMP_CWORD]} line=${COMP_LINE:0:COMP_POINT} first=${COMP_WORDS[1]-}
    COMPREPLY=()
    if [[ $current == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '--home --tcti --log --parent-passphrase-file --owner-passphrase-file
            --out --size --custody --pcrs --group --address --port --help --version' -- "$current")
        return
    fi
    case $first in
    hw)
        ((COMP_CWORD > 2)) || mapfile -t COMPREPLY < <(compgen -W 'print hold release persist evict' -- "$current")
        return
        ;;
    key)
        ((COMP_CWORD > 2)) || mapfile -t COMPREPLY < <(compgen -W 'list make write move pin delete' -- "$current")
        return
        ;;
    scep-server)
        ((COMP_CWORD > 2)) || mapfile -t COMPREPLY < <(compgen -W 'run' -- "$current")
        return
        ;;
    renew)
        return
        ;;
    status)
        ((COMP_CWORD > 2)) || mapfile -t COMPREPLY < <(compgen -W 'as-json' -- "$current")
        return
        ;;
    run)
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        return
        ;;
    esac
    line=${line#"${COMP_WORDS[0]}"}
    line=${line# }
    line=${line#[\'\"]}
    # Readline completes behind the last break, which an equals sign is one of, and a slash is not.
    mapfile -t COMPREPLY < <(signet --complete "$line" 2>/dev/null)
    if [[ $current == */* && $current != *=* ]]; then
        COMPREPLY=("${COMPREPLY[@]/#/"${current%/*}/"}")
    fi
    if ((COMP_CWORD == 1)); then
        mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -W 'hw key renew run status' -- "$current")
    fi
    [[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace
}
complete -F _signet signet
