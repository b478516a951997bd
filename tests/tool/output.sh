#!/bin/bash
# output.sh - files that export -o and map --svg write: only a regular file is replaced, and as a whole; anything else is written to, or left.
cd "$(dirname "$0")/../.." || exit 99
# shellcheck source=tests/tool/common.sh
. tests/tool/common.sh

v=/$me-v
new v
"$tool" push -q $v 1 2 3
dir=$scratch/dir
mkdir "$dir"
for writer in 'export -o' 'map --svg'; do
    if [ "$writer" = 'export -o' ]; then begin='# HELP lfvec_up' option=-o; else begin='<svg|<?xml' option=--svg; fi
    # write FILE: by the command; its status is in $status
    write() { run $writer "$1" $v; }
    begins() { head -c 200 "$1" | grep -Eq "^($begin)"; }
    whole() { if begins "$2" && [ -z "$(find "$dir" -name '*.??????')" ]; then ok "$writer: $1"; else not_ok "$writer: $1" "$(ls -l "$dir")"; fi; }

    write "$dir/new"
    whole 'a file that was absent' "$dir/new"
    is "$writer: its mode is that of the umask" "$(stat -c %a "$dir/new")" "$(printf %o $((0666 & ~$(umask))))"
    echo former >"$dir/old"
    chmod 604 "$dir/old"
    write "$dir/old"
    whole 'a file that was there' "$dir/old"
    is "$writer: its mode stays" "$(stat -c %a "$dir/old")" 604
    mkdir "$dir/far"
    echo former >"$dir/far/real"
    ln -s far/real "$dir/near"
    ln -s near "$dir/link"
    write "$dir/link"
    whole 'what links lead to' "$dir/far/real"
    is "$writer: links stay" "$(readlink "$dir/link") $(readlink "$dir/near")" 'near far/real'
    ln -s far/absent "$dir/dangling"
    write "$dir/dangling"
    whole 'what a link leads to that was absent' "$dir/far/absent"
    ln -s loop "$dir/loop"
    write "$dir/loop"
    is "$writer: a loop of links: status" "$status" 3
    has "$writer: a loop of links: why" "$err" "^lfvec-shmctl: $dir/loop: cannot be written: "
    mkfifo "$dir/fifo"
    timeout 20 cat "$dir/fifo" >"$scratch/read" &
    reading=$!
    write "$dir/fifo"
    wait $reading
    whole 'a FIFO is written to' "$scratch/read"
    if [ -p "$dir/fifo" ]; then ok "$writer: and stays one"; else not_ok "$writer: and stays one"; fi
    # devices of our own: if they were replaced after all, the machine's are not
    if mknod -m 666 "$dir/full" c 1 7 2>/dev/null && mknod -m 666 "$dir/null" c 1 3 && echo >"$dir/null"; then
        write "$dir/full"
        is "$writer: a device that is full: status" "$status" 3
        has "$writer: a device that is full: the remedy" "$err" "^lfvec-shmctl: $dir/full: cannot be written: No space left on device; choose another with $option"
        is "$writer: a device stays one" "$(stat -c %F "$dir/full")" 'character special file'
        write "$dir/null"
        is "$writer: a device that takes it" "$status $(stat -c %F "$dir/null")" '0 character special file'
    else
        skip "$writer: devices" 'none can be made here'
    fi
    write -
    printf '%s\n' "$out" >"$scratch/read"
    whole '- is standard output' "$scratch/read"
    ln -s /proc/self/fd/1 "$dir/stdout" # as /dev/stdout is; that of the machine is kept out of it, too
    # shellcheck disable=SC2086
    "$tool" $writer "$dir/stdout" $v | cat >"$scratch/read"
    whole 'what leads to standard output is' "$scratch/read"
    is "$writer: and leads there still" "$(readlink "$dir/stdout")" /proc/self/fd/1
    write "$dir"
    is "$writer: a directory: status" "$status" 3
    write "$dir/absent/file"
    is "$writer: a folder that is absent: status" "$status" 3
    rm -rf "$dir"
    mkdir "$dir"
done

finish
