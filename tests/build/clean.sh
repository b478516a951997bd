# shellcheck shell=sh disable=SC2154
# clean.sh - sourced by the tests that want a clean Debian: a system of the distribution's own packages, in $root, and commands in it. They set
# $end, the second after which nothing is waited for: no test may take more than 10 minutes.

# limited SECONDS COMMAND...: at most so long, and not beyond the end.
limited()
{
    rest=$((end - $(date +%s)))
    [ "$rest" -gt 0 ] || rest=1
    [ "$1" -gt "$rest" ] || rest=$1
    shift
    timeout -k 10 "$rest" "$@" </dev/null
}

# Everything mounted is mounted in a namespace that ends with the command, so that nothing but files is left to be removed.
alone() # SECONDS COMMAND...
{
    seconds=$1
    shift
    limited "$seconds" unshare --mount --pid --fork --kill-child --mount-proc "$@"
}

# Prints why no clean system can be made here, if so.
cannot()
{
    [ "$(id -u)" = 0 ] || echo 'not root'
    command -v mmdebstrap >/dev/null || echo 'no mmdebstrap'
    unshare --mount --pid --fork --mount-proc true 2>/dev/null || echo 'no namespaces'
}

# Each command has a /dev/shm of its own, unless $shm is the directory that is to be it.
inside() # SECONDS COMMAND...
{
    seconds=$1
    shift
    # shellcheck disable=SC2016
    alone "$seconds" sh -c 'if [ -n "$1" ]; then mount --bind "$1" "$0/dev/shm"; else mount -t tmpfs shm "$0/dev/shm"; fi &&
        mount -t proc proc "$0/proc" && shift && exec chroot "$0" "$@"' "$root" "${shm:-}" \
        env -i PATH="/usr/local/sbin:/usr/local/bin:$PATH" HOME=/root DEBIAN_FRONTEND=noninteractive "$@"
}

# The distribution's own packages, and these, in $root.
clean_system() # SECONDS PACKAGE,PACKAGE...
{
    chmod 711 "$scratch"
    suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
    TMPDIR=$scratch alone "$1" mmdebstrap --quiet --mode=root --variant=apt --skip=cleanup/apt \
        --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
        --include="$2" "$suite" "$root" && mkdir -p "$root/dev/shm"
}

# Why clean_system() failed, from its log.
no_system() # LOG
{
    echo "mmdebstrap: $(grep -E '^E:' "$1" | head -n 1 | grep . || echo 'no mirror in reach, or not in time')"
}
